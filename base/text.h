#pragma once

#include <string>
#include <string_view>

namespace gaincell {

// ASCII letters in lower case; all else as it is.
constexpr char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }
std::string lower(std::string_view text);

// What a text holds that would begin another line of a deck or of a message, or steer a terminal:
// "a line break", "the control character U+001B"; "" where it is plain. A tab is a blank.
std::string odd_character(std::string_view text, bool lines_allowed);

}  // namespace gaincell
