#pragma once
// Internal to this component: text of any file, made fit for messages, terminals and JSON.

#include <string>
#include <string_view>

namespace gaincell::store {

// Bytes that are no UTF-8, and control characters but for tab and line ends, become U+FFFD.
std::string clean_text(std::string_view bytes);
// The same for names: no control character at all.
std::string clean_name(std::string_view bytes);

// Of an object in a group.
std::string join_path(const std::string& group, const std::string& name);

}  // namespace gaincell::store
