#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "cli/arguments.h"
#include "lut/gain_cell_device.h"
#include "lut/ideal_device.h"
#include "model/config.h"

namespace gaincell::cli {

// What of the hardware is other than the model's config or the device says, by name (SI units).
class HardwareChanges {
 public:
  HardwareChanges() = default;
  // From NAME=VALUE words. Error where a name is unknown or comes twice, or a value is none.
  explicit HardwareChanges(const std::vector<std::string>& words);

  bool empty() const { return values_.empty(); }
  nlohmann::ordered_json to_json() const;

  // Of the linear hardware model, of the published equations, or of a device's tables. Error where
  // one of them has no such number to be changed, with where it stands instead.
  void apply(model::AttentionConfig& linear) const;
  void apply(lut::IdealPeriphery& published) const;
  void apply(lut::GainCellDevice& device) const;

 private:
  std::map<std::string, double> values_;
};

// --hardware.
void declare_hardware(Arguments& app, std::vector<std::string>& words);

}  // namespace gaincell::cli
