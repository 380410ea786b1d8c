#pragma once

#include <nanobind/nanobind.h>

namespace gaincell::python {

// A language model on a device.
void bind_model(nanobind::module_& module);

}  // namespace gaincell::python
