#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "characterize/campaign/simulation.h"
#include "lut/gain_cell_device.h"

namespace gaincell::audit {

// A bench of the device's own circuits, at the conditions that the device was made at: its points
// come from the engine.
class DeviceBench {
 public:
  // `example` is what a refusal points at, as netlists/column/column_relu.yaml. Throws Error where
  // the bench is made of other models or another cell than the device, or lacks a condition of it.
  DeviceBench(const std::filesystem::path& path, const lut::GainCellDevice& device,
              std::string example);

  const std::string& path() const { return bench_->path; }
  bool has(const std::string& condition) const;
  bool measures(const std::string& measurement) const;
  // Index of a condition. Throws Error where there is none of this name and kind.
  std::size_t vector(const std::string& condition, std::size_t count) const;
  std::size_t number(const std::string& condition) const;
  void require_measurement(const std::string& measurement) const;

  // A point of the bench's fixed values; vectors are empty.
  characterize::Point point() const;
  std::vector<characterize::PointResult> simulate(
      std::vector<characterize::Point> points, const characterize::SimulateOptions& options) const;
  // NaN where the bench does not measure it.
  double measured(const characterize::PointResult& result, const std::string& measurement) const;
  // For plain `ngspice -b`.
  std::string deck(const characterize::Point& point) const;

 private:
  [[noreturn]] void refuse(const std::string& key, const std::string& rule) const;

  std::unique_ptr<const characterize::Bench> bench_;
  std::string example_;
};

}  // namespace gaincell::audit
