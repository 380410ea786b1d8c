#pragma once

#include <string>

namespace gaincell::plot {

// What gnuplot's svg terminal makes of a script. It runs as a program, without the user's settings,
// locale or HOME, so the same script gives the same bytes. Throws Error where there is no gnuplot,
// with what installs it, and where it refuses the script.
std::string run_gnuplot(const std::string& script);

// Text as gnuplot takes it: in single quotes, where it runs no command (a backtick is a backtick),
// and in one line.
std::string quoted(const std::string& text);

}  // namespace gaincell::plot
