#pragma once

#include <fmt/format.h>

#include <cstdio>
#include <utility>

#include "base/printable.h"

namespace gaincell::cli {

// Prints lines for people on standard output. Names and descriptions may come from anyone's file:
// what a terminal would obey is shown as an escape. (JSON is for programs, and has its own.)
template <typename... Values>
void say(fmt::format_string<Values...> format, Values&&... values) {
  fmt::print("{}", printable_lines(fmt::format(format, std::forward<Values>(values)...)));
}

// The same on standard error, beside what is asked for.
template <typename... Values>
void note(fmt::format_string<Values...> format, Values&&... values) {
  fmt::print(stderr, "{}", printable_lines(fmt::format(format, std::forward<Values>(values)...)));
}

}  // namespace gaincell::cli
