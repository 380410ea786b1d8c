#include "cli/hardware.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <utility>

#include "base/error.h"
#include "base/suggest.h"
#include "sweep/parameters.h"

namespace gaincell::cli {
namespace {

using lut::GainCellDevice;
using lut::IdealPeriphery;
using model::AttentionConfig;

// A cell that loses its voltage so many times as slowly: the same curves over longer ages.
lut::Table slowed(const lut::Table& table, std::size_t age_axis, double factor) {
  std::vector<lut::Axis> axes(table.axes().begin(), table.axes().end());
  const lut::Axis& age = axes[age_axis];
  std::vector<double> nodes(age.nodes().begin(), age.nodes().end());
  for (double& node : nodes) node *= factor;
  axes[age_axis] = lut::Axis(age.name(), age.unit(), std::move(nodes), age.long_name());
  return {table.quantity(),
          std::move(axes),
          {table.values().begin(), table.values().end()},
          {table.interpolation().begin(), table.interpolation().end()}};
}

void slow_retention(GainCellDevice& device, double factor) {
  device.retention = slowed(device.retention, 1, factor);
  if (device.read_share) device.read_share = slowed(*device.read_share, 0, factor);
}

constexpr const char* kInTables =
    "stands in the device's tables: make a device that has it (`gaincell device --at`), and name "
    "that";
constexpr const char* kNoCircuit = "is of a device: give --attention analog";
constexpr const char* kInCommon =
    "is of the linear hardware model alone: a circuit's keys and values have their levels in "
    "common; give kv_levels";
constexpr const char* kRetention = "give retention_factor";

// A number of the hardware, which is one of sweep::parameters(), and who has it; where one has not,
// what to do instead.
struct Entry {
  const char* name;
  void (*linear)(AttentionConfig&, double);
  void (*published)(IdealPeriphery&, double);
  void (*device)(GainCellDevice&, double);
  const char* not_linear = "";
  const char* not_published = "";
  const char* not_device = "";
};

int whole(double value) { return static_cast<int>(std::lround(value)); }

const std::vector<Entry>& entries() {
  static const std::vector<Entry> all{
      {"q_levels", [](AttentionConfig& c, double v) { c.q_levels = whole(v); },
       [](IdealPeriphery& p, double v) { p.q_levels = whole(v); },
       [](GainCellDevice& d, double v) { d.q_levels = whole(v); }},
      {"kv_levels", [](AttentionConfig& c, double v) { c.kv_levels = whole(v); },
       [](IdealPeriphery& p, double v) { p.kv_levels = whole(v); },
       [](GainCellDevice& d, double v) { d.kv_levels = whole(v); }},
      {"k_levels", [](AttentionConfig& c, double v) { c.k_levels = whole(v); }, nullptr, nullptr,
       "", kInCommon, kInCommon},
      {"v_levels", [](AttentionConfig& c, double v) { c.v_levels = whole(v); }, nullptr, nullptr,
       "", kInCommon, kInCommon},
      {"output_levels", [](AttentionConfig& c, double v) { c.output_levels = whole(v); },
       [](IdealPeriphery& p, double v) { p.output_levels = whole(v); },
       [](GainCellDevice& d, double v) { d.output_levels = whole(v); }},
      {"tile", [](AttentionConfig& c, double v) { c.tile = whole(v); },
       [](IdealPeriphery& p, double v) { p.tile = whole(v); }, nullptr, "", "", kInTables},
      {"s_sat_first_a", [](AttentionConfig& c, double v) { c.s_sat_first_a = v; },
       [](IdealPeriphery& p, double v) { p.s_sat_first_a = v; }, nullptr, "", "", kInTables},
      {"s_sat_second_a", [](AttentionConfig& c, double v) { c.s_sat_second_a = v; },
       [](IdealPeriphery& p, double v) { p.s_sat_second_a = v; }, nullptr, "", "", kInTables},
      {"decay_per_token", [](AttentionConfig& c, double v) { c.decay_per_token = v; }, nullptr,
       nullptr, "", "the published device decays by time: give retention_tau_s", kRetention},
      {"retention_tau_s", nullptr, [](IdealPeriphery& p, double v) { p.retention_tau_s = v; },
       nullptr, "the linear hardware model decays by token: give decay_per_token", "", kRetention},
      {"retention_factor", nullptr, [](IdealPeriphery& p, double v) { p.retention_tau_s *= v; },
       slow_retention, kNoCircuit, "", ""},
  };
  return all;
}

const Entry& entry(const std::string& name) {
  return *std::find_if(entries().begin(), entries().end(),
                       [&](const Entry& one) { return one.name == name; });
}

[[noreturn]] void refuse(const std::string& name, const std::string& of, const char* remedy) {
  throw Error({.key = "--hardware",
               .value = name,
               .rule = of + " has no such number that could be changed",
               .remedy = name + " " + remedy});
}

std::vector<std::string> hardware_names() {
  std::vector<std::string> names;
  for (const Entry& one : entries()) names.emplace_back(one.name);
  return names;
}

}  // namespace

HardwareChanges::HardwareChanges(const std::vector<std::string>& words) {
  const std::vector<std::string> names = hardware_names();
  for (const std::string& word : words) {
    const std::size_t equal = std::min(word.find('='), word.size());
    const std::string name = word.substr(0, equal),
                      text = word.substr(std::min(equal + 1, word.size()));
    if (std::find(names.begin(), names.end(), name) == names.end())
      throw Error({.key = "--hardware",
                   .value = word,
                   .rule = "is no number of the hardware",
                   .remedy = suggest_remedy(name, names)});
    const sweep::Parameter& range = *sweep::find_parameter(name);
    const bool whole_number = range.kind == sweep::Parameter::Kind::kWhole;
    char* end = nullptr;
    const double value = std::strtod(text.c_str(), &end);
    if (text.empty() || *end != 0 || !(value >= range.least && value <= range.most) ||
        (whole_number && value != std::floor(value)))
      throw Error({.key = "--hardware " + name,
                   .value = text,
                   .rule = fmt::format("must be a {}number from {} to {}",
                                       whole_number ? "whole " : "", range.least, range.most)});
    if (!values_.emplace(name, value).second)
      throw Error({.key = "--hardware", .value = word, .rule = "says the same name again"});
  }
}

nlohmann::ordered_json HardwareChanges::to_json() const {
  nlohmann::ordered_json json;
  for (const auto& [name, value] : values_) json[name] = value;
  return json;
}

void HardwareChanges::apply(AttentionConfig& linear) const {
  for (const auto& [name, value] : values_) {
    const Entry& one = entry(name);
    if (one.linear == nullptr) refuse(name, "the linear hardware model", one.not_linear);
    one.linear(linear, value);
  }
}

void HardwareChanges::apply(IdealPeriphery& published) const {
  for (const auto& [name, value] : values_) {
    const Entry& one = entry(name);
    if (one.published == nullptr) refuse(name, "the published device", one.not_published);
    one.published(published, value);
  }
}

void HardwareChanges::apply(GainCellDevice& device) const {
  for (const auto& [name, value] : values_) {
    const Entry& one = entry(name);
    if (one.device == nullptr)
      refuse(name, fmt::format("a device file ({})", device.file().place()), one.not_device);
    one.device(device, value);
  }
}

void declare_hardware(Arguments& app, std::vector<std::string>& words) {
  app.add_option("--hardware", words,
                 "other numbers than the model's config or the device has, NAME=VALUE in SI "
                 "units: " +
                     fmt::format("{}", fmt::join(hardware_names(), ", ")))
      .delimiter(',');
}

}  // namespace gaincell::cli
