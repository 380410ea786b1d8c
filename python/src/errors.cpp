#include "python/src/errors.h"

#include <exception>
#include <string>

#include "base/error.h"

namespace gaincell::python {
namespace nb = nanobind;
namespace {

void set(nb::object& object, const char* name, const std::string& text) {
  object.attr(name) = nb::str(text.data(), text.size());
}

void translate(const std::exception_ptr& exception, void* type) {
  try {
    std::rethrow_exception(exception);
  } catch (const Error& error) {
    const nb::handle error_type(static_cast<PyObject*>(type));
    nb::object raised = error_type(error.what());
    const Complaint& complaint = error.complaint();
    set(raised, "place", complaint.place);
    set(raised, "key", complaint.key);
    set(raised, "value", complaint.value);
    set(raised, "rule", complaint.rule);
    set(raised, "remedy", complaint.remedy);
    PyErr_SetObject(error_type.ptr(), raised.ptr());
  }
}

}  // namespace

void bind_errors(nb::module_& module) {
  PyObject* type = PyErr_NewExceptionWithDoc(
      "gaincell.GaincellError",
      "Bad input or a damaged file: names place, key, value, rule and remedy, which are "
      "also attributes.",
      PyExc_ValueError, nullptr);
  if (type == nullptr) nb::raise_python_error();
  module.attr("GaincellError") = nb::steal(type);
  // The module holds it for good.
  nb::register_exception_translator(translate, type);
}

}  // namespace gaincell::python
