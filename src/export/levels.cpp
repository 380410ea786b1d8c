#include "export/levels.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/units.h"

namespace gaincell::exports {
namespace {

double spread(const lut::DeviceFile& device, const std::string& name) {
  const lut::Constant* constant = device.find_constant("spread_" + name);
  return constant == nullptr ? 0 : constant->value;
}

// Logarithmic over the ages that the table has, from the first above zero.
std::vector<double> ages_of(const lut::Axis& age) {
  constexpr std::size_t kAges = 48;
  const double first = age.front() > 0 ? age.front() : age.nodes()[1];
  std::vector<double> ages;
  for (std::size_t i = 0; i < kAges; ++i)
    ages.push_back(first * std::pow(age.back() / first, static_cast<double>(i) / (kAges - 1)));
  ages.back() = age.back();
  return ages;
}

}  // namespace

Levels levels_of(const DeviceContent& content, const std::string& format, std::size_t points) {
  const lut::DeviceFile& device = content.device;
  require_tables(content, format, {"cell_static_current"});
  const lut::Table& current = device.table("cell_static_current");
  const double v_dd = device.constant("v_dd"), v_zero = device.constant("v_zero");
  if (current.dimensions() != 2)
    throw Error({.place = content.origin.file,
                 .key = current.name(),
                 .rule = "must be over v_store and v_bitline"});
  Levels levels;
  levels.read_v = v_dd;
  const double low = current.at(0.0, v_zero), high = current.at(v_dd, v_zero);
  const double gain = spread(device, "cell_gain"), offset = spread(device, "cell_offset_v");
  levels.about = gain > 0 || offset > 0
                     ? fmt::format("spread of mismatch: gain {:.3g}, offset {}", gain,
                                   format_si(offset, "V", 3))
                     : "no spread: the device states none (benches with draws make them)";
  const lut::TableEntry* retention = device.find_table("cell_retention");
  if (retention != nullptr) levels.age_s = ages_of(retention->table.axis(1));
  for (std::size_t i = 0; i < points; ++i) {
    const double v = v_dd * static_cast<double>(i) / static_cast<double>(points - 1);
    const double is = current.at(v, v_zero);
    if (!levels.current_a.empty() && is <= levels.current_a.back())
      throw Error({.place = content.origin.file,
                   .key = current.name(),
                   .value = fmt::format("{} at {} V", format_si(is, "A"), v),
                   .rule = "must rise with the stored voltage, which is the weight here"});
    levels.current_a.push_back(is);
    levels.weight.push_back((is - low) / (high - low));
    levels.sigma.push_back(std::hypot(gain * is, offset * current.derivative(0, v, v_zero)) /
                           (high - low));
    if (retention == nullptr) continue;
    std::vector<double> left;
    for (const double age : levels.age_s)
      left.push_back((current.at(retention->table.at(v, age), v_zero) - low) / (high - low));
    levels.left.push_back(std::move(left));
  }
  return levels;
}

}  // namespace gaincell::exports
