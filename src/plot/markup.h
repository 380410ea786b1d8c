#pragma once

#include <string>
#include <string_view>

namespace gaincell::plot {

// As text of HTML or SVG, between tags or in an attribute: & < > " ' are written out, and what is
// no printable character is an escape.
std::string markup(std::string_view text);

}  // namespace gaincell::plot
