#pragma once

#include <nanobind/nanobind.h>

namespace gaincell::python {

// Benches, campaigns and what they leave on disk.
void bind_campaign(nanobind::module_& module);

}  // namespace gaincell::python
