#pragma once

#include <nanobind/nanobind.h>

namespace gaincell::python {

// What gaincell.torch evaluates.
void bind_column_form(nanobind::module_& module);

}  // namespace gaincell::python
