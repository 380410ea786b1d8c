#include "python/src/running.h"

namespace gaincell::python {
namespace nb = nanobind;

void heed_signals() {
  const nb::gil_scoped_acquire acquire;
  if (PyErr_CheckSignals() != 0) nb::raise_python_error();
}

std::function<void(double share)> told_of_share(const nb::object& callback) {
  // The caller keeps the callback: without the lock it may not be counted.
  return [to = nb::handle(callback)](double share) {
    heed_signals();
    if (to.is_none()) return;
    const nb::gil_scoped_acquire acquire;
    to(share);
  };
}

}  // namespace gaincell::python
