#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/json.h"
#include "base/suggest.h"
#include "base/units.h"
#include "cli/commands.h"
#include "cli/say.h"
#include "export/description.h"
#include "lut/device_file.h"

namespace gaincell::cli {
namespace {

struct GetOptions {
  std::filesystem::path device;
  std::string name;
  std::vector<std::string> coordinates;
  bool json = false;
};

std::vector<std::string> names_of(std::span<const lut::Axis> axes) {
  std::vector<std::string> names;
  for (const lut::Axis& axis : axes) names.push_back(axis.name());
  return names;
}

// {"v_store", "0.6"}
std::pair<std::string, std::string> coordinate_of(const std::string& word) {
  const std::size_t equals = word.find('=');
  if (equals == std::string::npos || equals == 0 || equals + 1 == word.size())
    throw Error({.place = "gaincell get",
                 .value = word,
                 .rule = "must be AXIS=VALUE",
                 .remedy = "write v_store=0.6, or v_store=600m"});
  return {word.substr(0, equals), word.substr(equals + 1)};
}

double coordinate_on(const lut::Axis& axis, const std::string& text, const std::string& place) {
  const auto refuse = [&](std::string rule, std::string remedy) {
    throw Error({.place = place,
                 .key = axis.name(),
                 .value = text,
                 .rule = std::move(rule),
                 .remedy = std::move(remedy)});
  };
  const std::optional<double> value = parse_quantity(text, axis.unit());
  if (!value)
    refuse(fmt::format("must be a number in {}", axis.unit()),
           "SPICE's suffixes are known: 600m, 15n");
  // An end that was computed, 0.9500000000000001, is what a person calls 0.95, and the other way
  // round.
  const double rounding = 1e-12 * (axis.back() - axis.front());
  if (*value < axis.front() - rounding || *value > axis.back() + rounding)
    refuse(fmt::format("the table knows {} to {} {}", axis.front(), axis.back(), axis.unit()),
           "a table holds its end's value outside, which is no measurement; choose a value inside");
  return std::clamp(*value, axis.front(), axis.back());
}

// One coordinate per axis, in the table's order.
std::vector<double> place_in(const lut::Table& table, const GetOptions& options) {
  const std::vector<std::string> axes = names_of(table.axes());
  const std::string place = options.device.string() + ": " + table.name();
  std::map<std::string, std::string> given;
  for (const std::string& word : options.coordinates) {
    const auto [name, value] = coordinate_of(word);
    if (std::find(axes.begin(), axes.end(), name) == axes.end())
      throw Error({.place = place,
                   .value = name,
                   .rule = "no such axis",
                   .remedy = suggest_remedy(name, axes)});
    if (!given.emplace(name, value).second)
      throw Error({.place = place,
                   .key = name,
                   .value = value,
                   .rule = "is given twice",
                   .remedy = "give each axis one value"});
  }
  std::vector<double> x;
  for (const lut::Axis& axis : table.axes()) {
    const auto found = given.find(axis.name());
    if (found == given.end())
      throw Error({.place = place,
                   .key = axis.name(),
                   .rule = "has no value",
                   .remedy = fmt::format("add {}=VALUE, from {} to {} {}", axis.name(),
                                         axis.front(), axis.back(), axis.unit())});
    x.push_back(coordinate_on(axis, found->second, place));
  }
  return x;
}

std::string slope_unit(const std::string& unit, const lut::Axis& axis) {
  return unit == "1" ? "1/" + axis.unit() : unit + "/" + axis.unit();
}

void tell_value(const lut::TableEntry& entry, const std::vector<double>& x, bool as_json) {
  const lut::Table& table = entry.table;
  const std::string& unit = table.quantity().unit;
  if (as_json) {
    nlohmann::json out{{"table", table.name()},
                       {"value", table.at(x)},
                       {"units", unit},
                       {"at", nlohmann::json::object()},
                       {"gradient", nlohmann::json::object()},
                       {"gradient_units", nlohmann::json::object()},
                       {"error", exports::error_of(entry)}};
    for (std::size_t a = 0; a < x.size(); ++a) {
      const lut::Axis& axis = table.axis(a);
      out["at"][axis.name()] = x[a];
      out["gradient"][axis.name()] = table.derivative(a, x);
      out["gradient_units"][axis.name()] = slope_unit(unit, axis);
    }
    fmt::print("{}\n", json_text(out, 2));
    return;
  }
  say("{} = {} {}\n", table.name(), format_exact(table.at(x)), unit);
  for (std::size_t a = 0; a < x.size(); ++a)
    say("  {} = {} {}, slope {:.6g} {}\n", table.axis(a).name(), format_exact(x[a]),
        table.axis(a).unit(), table.derivative(a, x), slope_unit(unit, table.axis(a)));
  if (entry.accuracy.points == 0) {
    say("error: not measured, the table has no hold-out points\n");
  } else {
    say("error: at most {}, rms {}, at {} hold-out points\n",
        format_si(entry.accuracy.max_abs, unit, 3), format_si(entry.accuracy.rms_abs, unit, 3),
        entry.accuracy.points);
  }
}

void tell_constant(const lut::Constant& constant, const GetOptions& options) {
  if (!options.coordinates.empty())
    throw Error({.place = options.device.string() + ": " + constant.quantity.name,
                 .value = options.coordinates.front(),
                 .rule = "is a constant and has no axes",
                 .remedy = "leave it out"});
  if (!options.json) {
    say("{} = {} {}\n", constant.quantity.name, format_exact(constant.value),
        constant.quantity.unit);
    return;
  }
  fmt::print("{}\n", json_text(nlohmann::json{{"constant", constant.quantity.name},
                                              {"value", constant.value},
                                              {"units", constant.quantity.unit},
                                              {"gradient", nlohmann::json::object()},
                                              {"error", nullptr}},
                               2));
}

int get(const GetOptions& options) {
  const lut::DeviceFile device = lut::DeviceFile::read(options.device);
  if (const lut::Constant* constant = device.find_constant(options.name)) {
    tell_constant(*constant, options);
    return 0;
  }
  const lut::Table& table = device.table(options.name);
  tell_value(*device.find_table(options.name), place_in(table, options), options.json);
  return 0;
}

}  // namespace

Run cmd_get(Arguments& app) {
  auto options = std::make_shared<GetOptions>();
  app.add_option("device", options->device, "device file").required();
  app.add_option("table", options->name, "table, or constant").required();
  app.add_option("at", options->coordinates, "AXIS=VALUE for each axis: v_store=0.6 age=30u");
  app.add_flag("--json", options->json, "as JSON: value, units, gradient by axis, stated error");
  app.footer(
      "The gradient is the table's own, from inside at its ends. Outside its axes a table says "
      "nothing.");
  return [options] { return get(*options); };
}

}  // namespace gaincell::cli
