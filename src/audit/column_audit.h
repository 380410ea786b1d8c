#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "attention/array_stage.h"
#include "lut/gain_cell_device.h"

namespace gaincell::audit {

// Whole columns, simulated transistor by transistor, beside what the engine's column level makes of
// the same stored voltages and pulses.
struct ColumnAudit {
  std::string bench;
  double t_max_s = 0;
  std::vector<double> spice_pulse_s, column_pulse_s;  // output pulse of each column
  std::vector<double> column_charge_c;                // taken from the bitline
  // Sum of each cell's charge at a bitline that does not move: what a static model would say.
  std::vector<double> static_pulse_s;
  std::size_t failed_simulations = 0;  // left out

  double rms_percent() const;         // of t_max
  double max_percent() const;         // of t_max
  double static_rms_percent() const;  // of t_max
  nlohmann::ordered_json to_json() const;
  void write(const std::filesystem::path& path) const;
};

// `samples` holds the bench `bench` with vector conditions v_store (V) and pulse_width (s), one
// entry per cell, and the measurement pulse_width_out (s). Throws Error naming what is missing.
ColumnAudit audit_columns(const std::filesystem::path& samples, const std::string& bench,
                          const lut::GainCellDevice& device, attention::ArrayStage stage);

}  // namespace gaincell::audit
