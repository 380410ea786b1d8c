#pragma once

#include <functional>
#include <string_view>

namespace gaincell {

// The whole of a program: runs `body` with standard streams that are open, inputs that are
// protected and file size limits that are errors instead of signals. Returns its exit code, and
// where it throws, prints one line on standard error and returns
//   2 for an Error, for a machine that gives out (memory, disk, standard output), 3 for a bug.
int run_guarded(const std::function<int()>& body);

// To standard error, whatever becomes of it: a message is never a failure.
void tell(std::string_view text);

}  // namespace gaincell
