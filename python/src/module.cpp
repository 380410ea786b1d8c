#include <nanobind/nanobind.h>

#include "base/version.h"
#include "python/src/attention.h"
#include "python/src/campaign.h"
#include "python/src/column_form.h"
#include "python/src/device.h"
#include "python/src/errors.h"
#include "python/src/model.h"
#include "python/src/samples.h"

NB_MODULE(_gaincell, module) {
  module.doc() = "gaincell's tables and engine; the package `gaincell` is how to use it";
  module.attr("__version__") = gaincell::kVersion;
  // What PyTorch still holds when the interpreter ends is no leak to tell users of.
  nanobind::set_leak_warnings(false);
  gaincell::python::bind_errors(module);
  gaincell::python::bind_device(module);
  gaincell::python::bind_attention(module);
  gaincell::python::bind_column_form(module);
  gaincell::python::bind_samples(module);
  gaincell::python::bind_campaign(module);
  gaincell::python::bind_model(module);
}
