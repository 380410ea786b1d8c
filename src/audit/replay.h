#pragma once

#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "audit/column_case.h"
#include "audit/device_bench.h"
#include "characterize/campaign/simulation.h"
#include "lut/gain_cell_device.h"

namespace gaincell::audit {

// A column's output pulse in SPICE (s; signed in the second stage), or why there is none. What the
// bench does not measure is NaN.
struct Replayed {
  bool ok = false;
  double pulse_s = 0;
  std::string reason;
  double bitline_v = 0;                              // at the end of integration
  double cell_energy_j = 0, converter_energy_j = 0;  // delivered by their supplies
};

// A column bench: a whole column with vector conditions v_store (V) and pulse_width (s; 0 is no
// pulse), one entry a cell, and the measurement pulse_width_out (s); it may have bitline_voltage
// (V), cell_energy and converter_energy (J) as well. One that writes its cells has v_target (V) of
// the DAC in place of v_store, and the condition age (s).
class ColumnBench {
 public:
  // Throws Error where the bench is no such column of `cells` cells, or is made of other models or
  // another cell than the device.
  ColumnBench(const std::filesystem::path& path, const lut::GainCellDevice& device, int cells);

  std::vector<Replayed> run(std::span<const ColumnCase> columns,
                            const characterize::SimulateOptions& options);
  const std::string& path() const { return bench_.path(); }
  bool writes_cells() const { return age_.has_value(); }
  bool measures(const std::string& name) const { return bench_.measures(name); }
  // The deck of one column, for plain `ngspice -b`.
  std::string deck(const ColumnCase& column);

 private:
  characterize::Point point_of(const ColumnCase& column) const;

  DeviceBench bench_;
  double write_offset_v_;                     // what the DAC adds to a level
  std::size_t cell_v_ = 0, pulse_width_ = 0;  // conditions: v_store or v_target
  std::optional<std::size_t> age_;
};

}  // namespace gaincell::audit
