#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace gaincell::characterize {

// The length of the well-formed UTF-8 character that begins here (not empty); 0 where there is
// none.
std::size_t utf8_length(std::string_view text);

// What a text holds that would begin another line of a deck or of a message, or steer a terminal:
// "a line break", "the control character U+001B"; "" where it is plain. A tab is a blank.
std::string odd_character(std::string_view text, bool lines_allowed);

}  // namespace gaincell::characterize
