#pragma once

#include <nanobind/nanobind.h>

#include <functional>

namespace gaincell::python {

// Of what runs long without the interpreter's lock: Ctrl-C, and who is told how far it is. Throws
// python_error, which ends the run, where a signal's handler or the callback raised.
std::function<void(double share)> told_of_share(const nanobind::object& callback);

// Takes the lock and runs the handlers of signals that have come. Throws python_error.
void heed_signals();

}  // namespace gaincell::python
