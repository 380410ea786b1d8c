#include "python/src/device.h"

#include <fmt/format.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/filesystem.h>
#include <nanobind/stl/map.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/variant.h>
#include <nanobind/stl/vector.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <filesystem>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/suggest.h"
#include "base/units.h"
#include "cli/model_run.h"
#include "lut/device_file.h"

namespace gaincell::python {
namespace nb = nanobind;
namespace {

using Coordinates = nb::ndarray<const double, nb::ndim<1>, nb::device::cpu>;
using Numbers = nb::ndarray<nb::numpy, const double>;
using Vector = nb::ndarray<nb::numpy, double, nb::ndim<1>>;

// What becomes of a place outside the axes.
enum class Outside { kRefuse, kHold, kNan };

Outside parse_outside(const std::string& word) {
  if (word == "refuse") return Outside::kRefuse;
  if (word == "hold") return Outside::kHold;
  if (word == "nan") return Outside::kNan;
  throw Error({.key = "outside", .value = word, .rule = "must be \"refuse\", \"hold\" or \"nan\""});
}

// Numbers that stay where they are, as long as Python holds the array.
Numbers view(std::span<const double> numbers, const std::vector<std::size_t>& shape,
             nb::handle owner) {
  return Numbers(numbers.data(), shape.size(), shape.data(), owner);
}

[[noreturn]] void refuse_place(const lut::Table& table, const lut::Axis& axis, std::size_t entry,
                               double at) {
  if (std::isnan(at))
    throw Error({.place = table.name(),
                 .key = axis.name(),
                 .value = "nan",
                 .rule = fmt::format("entry {} is no number", entry)});
  throw Error({.place = table.name(),
               .key = axis.name(),
               .value = format_exact(at),
               .rule = fmt::format("entry {} lies outside the axis, {} to {}", entry,
                                   format_si(axis.front(), axis.unit()),
                                   format_si(axis.back(), axis.unit())),
               .remedy = "outside=\"hold\" takes the value of the end, outside=\"nan\" NaN"});
}

// Names the first place that can't be taken.
[[noreturn]] void refuse_first(const lut::Table& table, const std::vector<Coordinates>& x,
                               Outside outside) {
  for (std::size_t i = 0; i < x.front().shape(0); ++i)
    for (std::size_t axis = 0; axis < x.size(); ++axis) {
      const double at = x[axis](i);
      const lut::Axis& a = table.axis(axis);
      const bool beyond = outside == Outside::kRefuse && (at < a.front() || at > a.back());
      if (std::isnan(at) || beyond) refuse_place(table, a, i, at);
    }
  throw Error({.place = table.name(), .rule = "a place lies outside the axes"});
}

constexpr std::size_t kBlock = 1024;  // places at a time, which stay in the cache

// Coordinates of one block, axis by axis, without the arrays' strides.
struct Block {
  explicit Block(std::size_t axes) : numbers(axes, std::vector<double>(kBlock)), at(axes) {}

  void take(const std::vector<Coordinates>& x, std::size_t first, std::size_t n) {
    for (std::size_t axis = 0; axis < x.size(); ++axis) {
      for (std::size_t i = 0; i < n; ++i) numbers[axis][i] = x[axis](first + i);
      at[axis] = std::span<const double>(numbers[axis].data(), n);
    }
  }

  std::vector<std::vector<double>> numbers;
  std::vector<std::span<const double>> at;
};

struct OfBlock {
  bool nan = false, outside = false;  // any of its places
};

OfBlock look_at(const lut::Table& table, const Block& block) {
  std::size_t nan = 0, outside = 0;
  for (std::size_t axis = 0; axis < block.at.size(); ++axis) {
    const double front = table.axis(axis).front(), back = table.axis(axis).back();
    for (const double x : block.at[axis]) {
      nan += x != x ? 1 : 0;
      outside += x < front || x > back ? 1 : 0;
    }
  }
  return {nan > 0, outside > 0};
}

// NaN where a place of the block lies outside.
void blank(const lut::Table& table, const Block& block, std::span<double> values) {
  for (std::size_t axis = 0; axis < block.at.size(); ++axis)
    for (std::size_t i = 0; i < values.size(); ++i) {
      const double x = block.at[axis][i];
      if (x < table.axis(axis).front() || x > table.axis(axis).back())
        values[i] = std::numeric_limits<double>::quiet_NaN();
    }
}

void slopes(const lut::Table& table, std::size_t along, const Block& block,
            std::span<double> values) {
  std::array<double, lut::Table::kMaxAxes> place{};
  for (std::size_t i = 0; i < values.size(); ++i) {
    for (std::size_t axis = 0; axis < block.at.size(); ++axis) place[axis] = block.at[axis][i];
    values[i] = table.derivative(along, std::span<const double>(place.data(), block.at.size()));
  }
}

// Fills the values; false where a place is refused.
bool fill(const lut::Table& table, const std::vector<Coordinates>& x,
          std::optional<std::size_t> along, Outside outside, std::span<double> values) {
  Block block(x.size());
  for (std::size_t first = 0; first < values.size(); first += kBlock) {
    const std::span<double> to = values.subspan(first, std::min(kBlock, values.size() - first));
    block.take(x, first, to.size());
    const OfBlock of = look_at(table, block);
    if (of.nan || (of.outside && outside == Outside::kRefuse)) return false;
    if (along)
      slopes(table, *along, block, to);
    else
      table.at(block.at, to);
    if (of.outside && outside == Outside::kNan) blank(table, block, to);
  }
  return true;
}

Vector evaluate(const lut::TableEntry& entry, const std::vector<Coordinates>& x,
                std::optional<std::size_t> along, const std::string& outside_word) {
  const lut::Table& table = entry.table;
  const Outside outside = parse_outside(outside_word);
  const std::size_t n = x.empty() ? 1 : x.front().shape(0);
  auto values = std::make_unique<double[]>(n);
  bool filled = false;
  {
    const nb::gil_scoped_release release;
    filled = fill(table, x, along, outside, {values.get(), n});
  }
  if (!filled) refuse_first(table, x, outside);
  double* const data = values.get();
  nb::capsule owner(values.release(), [](void* p) noexcept { delete[] static_cast<double*>(p); });
  return Vector(data, {n}, owner);
}

std::vector<std::string> interpolation_names(const lut::TableEntry& entry) {
  std::vector<std::string> names;
  for (const lut::Interpolation one : entry.table.interpolation())
    names.emplace_back(lut::to_string(one));
  return names;
}

std::optional<double> measured(const lut::TableEntry& entry, double lut::Accuracy::*what) {
  if (entry.accuracy.points == 0) return std::nullopt;
  return entry.accuracy.*what;
}

// "15 ns" -> 15e-9, of the axis' unit.
double number_of(const lut::TableEntry& entry, std::size_t axis, const std::string& text) {
  const lut::Axis& a = entry.table.axis(axis);
  const auto number = parse_quantity(text, a.unit());
  if (!number)
    throw Error({.place = entry.table.name(),
                 .key = a.name(),
                 .value = text,
                 .rule = fmt::format("is not a number in {}", a.unit().empty() ? "1" : a.unit())});
  return *number;
}

using Attributes = std::map<std::string, std::variant<std::string, double>>;

std::map<std::string, Attributes> provenance_of(const lut::DeviceFile& device) {
  std::map<std::string, Attributes> all;
  for (const lut::Provenance& one : device.provenance()) all[one.bench] = one.attributes;
  return all;
}

}  // namespace

void bind_device(nb::module_& module) {
  nb::class_<lut::Axis>(module, "Axis", "An axis of a table: its nodes rise.")
      .def_prop_ro("name", [](const lut::Axis& a) { return a.name(); })
      .def_prop_ro("unit", [](const lut::Axis& a) { return a.unit(); })
      .def_prop_ro("long_name", [](const lut::Axis& a) { return a.long_name(); })
      .def_prop_ro("nodes", [](nb::handle self) {
        const auto nodes = nb::cast<const lut::Axis&>(self).nodes();
        return view(nodes, {nodes.size()}, self);
      });
  nb::class_<lut::TableEntry>(module, "TableData", "A table as the device file has it.")
      .def_prop_ro("name", [](const lut::TableEntry& t) { return t.table.name(); })
      .def_prop_ro("unit", [](const lut::TableEntry& t) { return t.table.quantity().unit; })
      .def_prop_ro("long_name",
                   [](const lut::TableEntry& t) { return t.table.quantity().long_name; })
      .def_ro("bench", &lut::TableEntry::bench)
      .def_ro("comment", &lut::TableEntry::comment)
      .def_prop_ro("axes",
                   [](const lut::TableEntry& t) {
                     return std::vector<lut::Axis>(t.table.axes().begin(), t.table.axes().end());
                   })
      .def_prop_ro("interpolation", interpolation_names)
      .def_prop_ro("values",
                   [](nb::handle self) {
                     const auto& table = nb::cast<const lut::TableEntry&>(self).table;
                     std::vector<std::size_t> shape;
                     for (const lut::Axis& axis : table.axes())
                       shape.push_back(axis.nodes().size());
                     return view(table.values(), shape, self);
                   })
      .def_prop_ro("hold_out_measured",
                   [](nb::handle self) {
                     const auto& measured =
                         nb::cast<const lut::TableEntry&>(self).hold_out.measured;
                     return view(measured, {measured.size()}, self);
                   })
      .def_prop_ro("hold_out_predicted",
                   [](nb::handle self) {
                     const auto& entry = nb::cast<const lut::TableEntry&>(self);
                     const auto& predicted = entry.hold_out.predicted;
                     return view(predicted, {predicted.size()}, self);
                   })
      .def(
          "hold_out_at",
          [](nb::handle self, std::size_t axis) {
            const auto& at = nb::cast<const lut::TableEntry&>(self).hold_out.coordinates.at(axis);
            return view(at, {at.size()}, self);
          },
          nb::arg("axis"))
      .def_prop_ro("holdout_points", [](const lut::TableEntry& t) { return t.accuracy.points; })
      .def_prop_ro("max_abs",
                   [](const lut::TableEntry& t) { return measured(t, &lut::Accuracy::max_abs); })
      .def_prop_ro("rms_abs",
                   [](const lut::TableEntry& t) { return measured(t, &lut::Accuracy::rms_abs); })
      .def_prop_ro(
          "max_percent",
          [](const lut::TableEntry& t) { return measured(t, &lut::Accuracy::max_percent); })
      .def_prop_ro(
          "rms_percent",
          [](const lut::TableEntry& t) { return measured(t, &lut::Accuracy::rms_percent); })
      .def("number_of", number_of, nb::arg("axis"), nb::arg("text"))
      .def("evaluate", evaluate, nb::arg("coordinates"), nb::arg("along").none() = nb::none(),
           nb::arg("outside") = "refuse");
  nb::class_<lut::DeviceFile>(module, "DeviceData", "A device file.")
      .def_static(
          "read",
          [](const std::filesystem::path& path) {
            // Also "published", the authors' analytic device.
            if (path == "published") return cli::read_device(path.string()).device->file();
            return lut::DeviceFile::read(path);
          },
          nb::arg("path"))
      .def_prop_ro("tables", [](const lut::DeviceFile& d) { return d.tables(); })
      .def_prop_ro("constants",
                   [](const lut::DeviceFile& d) {
                     std::map<std::string, double> constants;
                     for (const lut::Constant& c : d.constants())
                       constants[c.quantity.name] = c.value;
                     return constants;
                   })
      .def_prop_ro("constant_units",
                   [](const lut::DeviceFile& d) {
                     std::map<std::string, std::string> units;
                     for (const lut::Constant& c : d.constants())
                       units[c.quantity.name] = c.quantity.unit;
                     return units;
                   })
      .def_prop_ro("provenance", provenance_of);
  module.def(
      "suggest",
      [](const std::string& word, const std::vector<std::string>& known) {
        return suggest_remedy(word, known);
      },
      nb::arg("word"), nb::arg("known"), "What a message says to a name that is not known.");
}

}  // namespace gaincell::python
