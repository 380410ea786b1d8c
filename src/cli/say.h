#pragma once

#include <fmt/format.h>

#include <cstdio>
#include <string>
#include <utility>
#include <vector>

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

// What is allowed and probably not meant, a line each, on standard error.
inline void warn(const std::vector<std::string>& warnings) {
  for (const std::string& warning : warnings) note("gaincell: warning: {}\n", warning);
}

}  // namespace gaincell::cli
