#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace gaincell {

// JSON for people, files and other programs. Names of files may be any bytes: what is not UTF-8
// becomes U+FFFD.
template <typename Json>
std::string json_text(const Json& json, int indent = 2) {
  return json.dump(indent, ' ', false, Json::error_handler_t::replace);
}

}  // namespace gaincell
