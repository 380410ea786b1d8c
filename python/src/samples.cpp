#include "python/src/samples.h"

#include <nanobind/ndarray.h>
#include <nanobind/stl/filesystem.h>
#include <nanobind/stl/map.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/variant.h>
#include <nanobind/stl/vector.h>

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "lut/samples_file.h"

namespace gaincell::python {
namespace nb = nanobind;
namespace {

// Numbers that stay where they are, as long as Python holds the array.
template <typename T>
auto view(const std::vector<T>& numbers, nb::handle owner, std::vector<std::size_t> shape = {}) {
  if (shape.empty()) shape = {numbers.size()};
  return nb::ndarray<nb::numpy, const T>(numbers.data(), shape.size(), shape.data(), owner);
}

template <typename Series>
std::vector<std::string> names_of(const std::map<std::string, Series>& all) {
  std::vector<std::string> names;
  for (const auto& [name, series] : all) names.push_back(name);
  return names;
}

}  // namespace

void bind_samples(nb::module_& module) {
  using lut::SampledBench;
  nb::class_<lut::Series>(module, "SeriesData", "One number a point.")
      .def_prop_ro("unit", [](const lut::Series& s) { return s.quantity.unit; })
      .def_prop_ro("long_name", [](const lut::Series& s) { return s.quantity.long_name; })
      .def_prop_ro(
          "values",
          [](nb::handle self) { return view(nb::cast<const lut::Series&>(self).values, self); })
      .def_ro("words", &lut::Series::words);
  nb::class_<lut::VectorSeries>(module, "VectorData", "Several numbers a point.")
      .def_prop_ro("unit", [](const lut::VectorSeries& s) { return s.quantity.unit; })
      .def_prop_ro("long_name", [](const lut::VectorSeries& s) { return s.quantity.long_name; })
      .def_prop_ro("values", [](nb::handle self) {
        const auto& s = nb::cast<const lut::VectorSeries&>(self);
        return view(s.values, self, {s.values.size() / s.elements, s.elements});
      });
  // Where an array is asked for, the bench is its owner.
  const auto bytes = [](std::vector<std::uint8_t> SampledBench::*what) {
    return
        [what](nb::handle self) { return view(nb::cast<const SampledBench&>(self).*what, self); };
  };
  nb::class_<SampledBench>(module, "SampledBenchData", "What one bench has simulated.")
      .def_ro("name", &SampledBench::name)
      .def_ro("description", &SampledBench::description)
      .def_ro("axes", &SampledBench::axes)
      .def_prop_ro("status", bytes(&SampledBench::status))
      .def_prop_ro("hold_out", bytes(&SampledBench::hold_out))
      .def_prop_ro("aided", bytes(&SampledBench::aided))
      .def_prop_ro(
          "draw",
          [](nb::handle self) { return view(nb::cast<const SampledBench&>(self).draw, self); })
      .def_prop_ro("condition_names", [](const SampledBench& b) { return names_of(b.conditions); })
      .def_prop_ro("vector_names",
                   [](const SampledBench& b) { return names_of(b.vector_conditions); })
      .def_prop_ro("measurement_names",
                   [](const SampledBench& b) { return names_of(b.measurements); })
      .def(
          "condition",
          [](const SampledBench& b, const std::string& name) { return &b.conditions.at(name); },
          nb::arg("name"), nb::rv_policy::reference_internal)
      .def(
          "vector",
          [](const SampledBench& b, const std::string& name) {
            return &b.vector_conditions.at(name);
          },
          nb::arg("name"), nb::rv_policy::reference_internal)
      .def(
          "measurement",
          [](const SampledBench& b, const std::string& name) { return &b.measurements.at(name); },
          nb::arg("name"), nb::rv_policy::reference_internal)
      .def_ro("failures", &SampledBench::failures)
      .def_prop_ro("provenance", [](const SampledBench& b) { return b.provenance.attributes; });
  nb::class_<lut::SamplesFile>(module, "SamplesData", "A samples file.")
      .def_static(
          "read", [](const std::filesystem::path& path) { return lut::SamplesFile::read(path); },
          nb::arg("path"))
      .def_ro("program_version", &lut::SamplesFile::program_version)
      .def_ro("ngspice_version", &lut::SamplesFile::ngspice_version)
      .def_prop_ro(
          "benches",
          [](nb::handle self) {
            nb::list all;
            for (const SampledBench& bench : nb::cast<const lut::SamplesFile&>(self).benches)
              all.append(nb::cast(&bench, nb::rv_policy::reference_internal, self));
            return all;
          },
          nb::sig("def benches(self) -> list[SampledBenchData]"));
}

}  // namespace gaincell::python
