#include "lut/gain_cell_device.h"

#include <fmt/format.h>

#include <cmath>
#include <map>
#include <span>
#include <utility>

#include "base/error.h"

namespace gaincell::lut {
namespace {

struct Required {
  const char* name;
  const char* unit;
  const char* bench;                                      // bench of gaincell that provides it
  std::vector<std::pair<const char*, const char*>> axes;  // name, unit
  std::size_t optional_axes = 0;                          // of them, the last ones
};

const std::pair<const char*, const char*> kStore{"v_store", "V"}, kWidth{"pulse_width", "s"},
    kBitline{"v_bitline", "V"}, kTarget{"v_target", "V"}, kInitial{"v_initial", "V"},
    kAge{"age", "s"}, kCharge{"charge", "C"}, kIdle{"idle_time", "s"}, kPeriod{"token_period", "s"};

const std::vector<Required>& required_tables() {
  static const std::vector<Required> tables{
      {"cell_read_charge", "C", "read_charge", {kStore, kWidth, kBitline}},
      {"cell_read_energy", "J", "read_charge", {kStore, kWidth, kBitline}},
      {"cell_word_line_energy", "J", "read_charge", {kStore, kWidth, kBitline}},
      {"cell_static_current", "A", "read_current", {kStore, kBitline}},
      {"cell_written_voltage", "V", "write", {kTarget, kAge}, 1},
      {"cell_write_energy", "J", "write", {kTarget}},
      {"write_dac_energy", "J", "write_dac", {kTarget}},
      {"write_dac_standing_power", "W", "write_dac", {kTarget}},
      {"cell_retention", "V", "leakage` and `storage_capacitance", {kInitial, kAge}},
      {"relu_pulse_width", "s", "relu_conversion", {kCharge}},
      {"relu_energy", "J", "relu_conversion", {kCharge}},
      {"relu_bitline_voltage", "V", "relu_conversion", {kCharge}},
      {"signed_pulse_width", "s", "signed_conversion", {kCharge}},
      {"signed_energy", "J", "signed_conversion", {kCharge}},
      {"signed_bitline_voltage", "V", "signed_conversion", {kCharge}},
      {"relu_standing_power", "W", "relu_standing", {kCharge, kIdle}},
      {"signed_standing_power", "W", "signed_standing", {kCharge, kIdle}},
      {"relu_bias_power", "W", "relu_bias", {kPeriod}},
      {"signed_bias_power", "W", "signed_bias", {kPeriod}},
      {"cell_standing_power", "W", "leakage", {kStore}},
      {"cell_read_share", "1", "import published", {kAge}},
  };
  return tables;
}

struct RequiredConstant {
  const char* name;
  const char* unit;
  const char* bench;
};
constexpr RequiredConstant kConstants[] = {
    {"t_max", "s", "read_charge"},
    {"v_dd", "V", "read_charge"},
    {"v_zero", "V", "read_charge"},
    {"q_levels", "1", "read_charge"},
    {"kv_levels", "1", "read_charge"},
    {"output_levels", "1", "read_charge"},
    {"tile", "1", "read_charge"},
    {"signed_full_scale", "s", "signed_conversion"},
    {"relu_active_time", "s", "relu_standing"},
    {"signed_active_time", "s", "signed_standing"},
    {"latency_first_stage", "s", "relu_conversion"},
    {"latency_second_stage", "s", "signed_conversion"},
};

// Sizes beyond which no cell or converter on a chip goes, by unit: what a damaged table would bring
// into every sum.
void require_on_chip(const DeviceFile& file, const std::string& name, const std::string& unit,
                     std::span<const double> values) {
  static const std::map<std::string, double> kMost{
      {"V", 100}, {"A", 1}, {"C", 1e-6}, {"J", 1e-3}, {"W", 1}};
  const auto most = kMost.find(unit);
  if (most == kMost.end()) return;
  for (std::size_t i = 0; i < values.size(); ++i)
    if (std::abs(values[i]) > most->second)
      throw Error({.place = file.place(),
                   .key = fmt::format("{}[{}]", name, i),
                   .value = fmt::format("{} {}", values[i], unit),
                   .rule = fmt::format("no gain cell or converter reaches {:g} {}: the number is "
                                       "damaged or in another unit",
                                       most->second, unit)});
}

Table checked(const DeviceFile& file, const std::string& name) {
  for (const Required& required : required_tables()) {
    if (name != required.name) continue;
    const TableEntry* entry = file.find_table(name);
    if (entry == nullptr)
      throw Error({.place = file.place(),
                   .key = name,
                   .rule = "the device lacks this table, which attention on gain cells needs",
                   .remedy = fmt::format("characterize bench `{}` as well and compile again",
                                         required.bench)});
    const Table& table = entry->table;
    if (table.quantity().unit != required.unit)
      throw Error({.place = file.place(),
                   .key = name + "@units",
                   .value = table.quantity().unit,
                   .rule = fmt::format("must be {}", required.unit)});
    std::string found, wanted;
    for (const Axis& axis : table.axes())
      found += fmt::format("{}{} [{}]", found.empty() ? "" : ", ", axis.name(), axis.unit());
    std::size_t n = 0;
    bool right = false;
    std::string least;
    for (const auto& [axis, unit] : required.axes) {
      wanted += fmt::format("{}{} [{}]", wanted.empty() ? "" : ", ", axis, unit);
      if (++n + required.optional_axes < required.axes.size()) continue;
      if (least.empty()) least = wanted;
      right = right || found == wanted;
    }
    if (least != wanted) wanted = fmt::format("{} or {}", least, wanted);
    if (!right)
      throw Error({.place = file.place(),
                   .key = name,
                   .value = found,
                   .rule = "its axes must be " + wanted,
                   .remedy = fmt::format("correct `over` in bench `{}`", required.bench)});
    require_on_chip(file, name, required.unit, table.values());
    for (const Axis& axis : table.axes())
      require_on_chip(file, name + "." + axis.name(), axis.unit(), axis.nodes());
    return table;
  }
  throw std::logic_error("not a table of a gain-cell device: " + name);
}

double constant(const DeviceFile& file, const std::string& name) {
  for (const RequiredConstant& required : kConstants) {
    if (name != required.name) continue;
    const Constant* found = file.find_constant(name);
    if (found == nullptr)
      throw Error(
          {.place = file.place(),
           .key = name,
           .rule = "the device lacks this constant, which attention on gain cells needs",
           .remedy = fmt::format("state it under `constants` of bench `{}` and compile again",
                                 required.bench)});
    if (found->quantity.unit != required.unit)
      throw Error({.place = file.place(),
                   .key = name + "@units",
                   .value = found->quantity.unit,
                   .rule = fmt::format("must be {}", required.unit)});
    if (!(found->value > 0) || !std::isfinite(found->value))
      throw Error({.place = file.place(),
                   .key = name,
                   .value = fmt::format("{}", found->value),
                   .rule = "must be positive"});
    return found->value;
  }
  throw std::logic_error("not a constant of a gain-cell device: " + name);
}

int whole(const DeviceFile& file, const std::string& name, int least) {
  const double value = constant(file, name);
  if (value != std::floor(value) || value < least || value > 65536)
    throw Error({.place = file.place(),
                 .key = name,
                 .value = fmt::format("{}", value),
                 .rule = fmt::format("must be a whole number from {} to 65536", least)});
  return static_cast<int>(value);
}

// A device has energies, and then all of them, or none.
std::optional<Table> energy(const DeviceFile& file, const std::string& name) {
  for (const char* any : {"cell_read_energy", "cell_word_line_energy", "cell_write_energy",
                          "relu_energy", "signed_energy"})
    if (file.find_table(any) != nullptr) return checked(file, name);
  return std::nullopt;
}

std::optional<Table> if_there(const DeviceFile& file, const std::string& name) {
  if (file.find_table(name) == nullptr) return std::nullopt;
  return checked(file, name);
}

// A table that says nothing true without another one.
std::optional<Table> both_or_none(const DeviceFile& file, const std::string& name,
                                  const std::string& other) {
  return file.find_table(other) != nullptr ? std::optional(checked(file, name))
                                           : if_there(file, name);
}

ConverterTables converter(const DeviceFile& file, const std::string& name) {
  ConverterTables tables{checked(file, name + "_pulse_width"), energy(file, name + "_energy"),
                         checked(file, name + "_bitline_voltage"),
                         if_there(file, name + "_standing_power"),
                         if_there(file, name + "_bias_power")};
  if (tables.standing_power) tables.active_time_s = constant(file, name + "_active_time");
  return tables;
}

}  // namespace

GainCellDevice::GainCellDevice(DeviceFile file)
    : read_charge(checked(file, "cell_read_charge")),
      read_energy(energy(file, "cell_read_energy")),
      static_current(checked(file, "cell_static_current")),
      written_voltage(checked(file, "cell_written_voltage")),
      write_energy(energy(file, "cell_write_energy")),
      write_dac_energy(both_or_none(file, "write_dac_energy", "write_dac_standing_power")),
      dac_standing_power(both_or_none(file, "write_dac_standing_power", "write_dac_energy")),
      retention(checked(file, "cell_retention")),
      cell_standing_power(if_there(file, "cell_standing_power")),
      read_share(if_there(file, "cell_read_share")),
      relu(converter(file, "relu")),
      differential(converter(file, "signed")),
      t_max_s(constant(file, "t_max")),
      v_dd(constant(file, "v_dd")),
      v_zero(constant(file, "v_zero")),
      q_levels(whole(file, "q_levels", 2)),
      kv_levels(whole(file, "kv_levels", 2)),
      output_levels(whole(file, "output_levels", 2)),
      tile(whole(file, "tile", 1)),
      signed_full_scale_s(constant(file, "signed_full_scale")),
      latency_first_stage_s(constant(file, "latency_first_stage")),
      latency_second_stage_s(constant(file, "latency_second_stage")),
      file_(std::move(file)) {
  if (file_.find_table("cell_word_line_energy") != nullptr)
    word_line_energy = checked(file_, "cell_word_line_energy");
}

}  // namespace gaincell::lut
