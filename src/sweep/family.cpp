#include "sweep/family.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <set>
#include <utility>

#include "base/units.h"
#include "lut/device_file.h"

namespace gaincell::sweep {

double number_of(const std::string& text) {
  char* end = nullptr;
  const double value = std::strtod(text.c_str(), &end);
  return end != text.c_str() && (*end == ' ' || *end == 0)
             ? value
             : std::numeric_limits<double>::quiet_NaN();
}

std::map<std::string, std::string> conditions_of(const std::string& device_file) {
  const lut::DeviceFile device = lut::DeviceFile::read(device_file);
  std::map<std::string, std::set<std::string>> seen;
  for (const lut::Provenance& one : device.provenance())
    for (const auto& [name, value] : one.fixed()) seen[name].insert(value);
  std::map<std::string, std::string> conditions;
  for (const auto& [name, values] : seen)
    if (values.size() == 1) conditions[name] = *values.begin();
  // A constant of the benches, which a device has as its own.
  if (const lut::Constant* t_max = device.find_constant("t_max"))
    conditions.emplace("t_max", format_exact(t_max->value) + " " + t_max->quantity.unit);
  return conditions;
}

bool states_spread(const std::string& device_file) {
  const lut::DeviceFile device = lut::DeviceFile::read(device_file);
  return std::any_of(
      device.constants().begin(), device.constants().end(),
      [](const lut::Constant& one) { return one.quantity.name.starts_with("spread_"); });
}

Family::Family(const std::vector<std::string>& files) {
  for (const std::string& file : files) members_.push_back({file, conditions_of(file)});
}

std::vector<std::string> Family::names() const {
  std::vector<std::string> names;
  if (members_.empty()) return names;
  for (const auto& [name, value] : members_.front().conditions)
    if (texts(name).size() > 1 && knows(name)) names.push_back(name);
  return names;
}

bool Family::knows(const std::string& name) const {
  return !members_.empty() && std::all_of(members_.begin(), members_.end(), [&](const Member& one) {
    return one.conditions.contains(name);
  });
}

bool Family::is_word(const std::string& name) const {
  const std::vector<std::string> all = texts(name);
  return std::any_of(all.begin(), all.end(),
                     [](const std::string& text) { return std::isnan(number_of(text)); });
}

std::string Family::unit(const std::string& name) const {
  const std::vector<std::string> all = texts(name);
  if (all.empty() || is_word(name)) return "";
  const std::size_t blank = all.front().find(' ');
  return blank == std::string::npos ? "" : all.front().substr(blank + 1);
}

std::vector<std::string> Family::texts(const std::string& name) const {
  std::vector<std::string> all;
  for (const Member& one : members_) {
    const auto found = one.conditions.find(name);
    if (found != one.conditions.end() &&
        std::find(all.begin(), all.end(), found->second) == all.end())
      all.push_back(found->second);
  }
  return all;
}

std::vector<std::string> Family::made_at(
    const std::map<std::string, std::string>& conditions) const {
  std::vector<std::string> files;
  for (const Member& one : members_)
    if (std::all_of(conditions.begin(), conditions.end(), [&](const auto& wanted) {
          const auto found = one.conditions.find(wanted.first);
          return found != one.conditions.end() && found->second == wanted.second;
        }))
      files.push_back(one.file);
  return files;
}

}  // namespace gaincell::sweep
