#pragma once

#include <string>
#include <string_view>

namespace gaincell {

// The text on one line of a terminal: control characters, marks that turn the direction of writing
// and bytes that are no UTF-8 as `\n`, `\x1b`, `\u202e`; what is longer than `most` bytes is cut in
// its middle, "begin ... end". What an Error prints has been through it.
std::string printable(std::string_view text, std::size_t most);

// Several lines, each of them so and uncut.
std::string printable_lines(std::string_view text);

}  // namespace gaincell
