#pragma once

#include <string_view>

namespace gaincell::page {

// Of every page. Light is also what is printed.
extern const std::string_view kStyle;
// Sorts tables, switches between dark and light, opens everything for the printer.
extern const std::string_view kScript;

}  // namespace gaincell::page
