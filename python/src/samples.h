#pragma once

#include <nanobind/nanobind.h>

namespace gaincell::python {

void bind_samples(nanobind::module_& module);

}  // namespace gaincell::python
