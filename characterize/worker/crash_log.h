#pragma once

#include <string_view>

// The log of the job in progress, kept in memory and written to stderr only when this process is
// about to die: a line at a time would wake the parent up for each.
namespace gaincell::characterize::crash_log {

// Installs handlers for SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTERM and SIGXCPU that write
// the log and end the process by the same signal.
void install();
void reset();
void add(std::string_view line);

}  // namespace gaincell::characterize::crash_log
