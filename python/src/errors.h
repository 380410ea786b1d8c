#pragma once

#include <nanobind/nanobind.h>

namespace gaincell::python {

// gaincell::Error becomes gaincell.GaincellError, a ValueError with the same words; its parts are
// the attributes place, key, value, rule and remedy.
void bind_errors(nanobind::module_& module);

}  // namespace gaincell::python
