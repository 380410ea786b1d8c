#pragma once

#include <filesystem>
#include <optional>

#include "lut/device_file.h"

namespace gaincell::lut {

// Transfer of a charge-to-pulse converter with the column's idle cells attached, by the charge
// taken out of the bitline during integration (C).
struct ConverterTables {
  Table pulse_width;            // s; signed converter: positive minus negative output
  std::optional<Table> energy;  // J, one conversion
  Table bitline_voltage;        // V at the end of integration; at charge 0 the start voltage
  // W over (charge C, idle_time s): mean over the time that follows a conversion, clocks low, where
  // the conversion's energy ends; W over (token_period s): lines and start of a sub-tile's
  // converters. A device that states no power between tokens has none of them.
  std::optional<Table> standing_power, bias_power;
  double active_time_s = 0;  // what the energy of a conversion covers
};

// The tables and constants that attention on a gain-cell device needs, all present and in the units
// and over the axes written here; the energies of reads, writes and conversions are there together
// or not at all (a device of which only the current is known has none). Construction throws Error
// naming what is missing and the bench that provides it. SI units throughout.
class GainCellDevice {
 public:
  explicit GainCellDevice(DeviceFile file);
  static GainCellDevice read(const std::filesystem::path& path) {
    return GainCellDevice(DeviceFile::read(path));
  }

  // Everything else that the file holds.
  const DeviceFile& file() const { return file_; }

  // C over (v_store V, pulse_width s, v_bitline V): taken out of the bitline by one whole pulse.
  Table read_charge;
  // J over the same: from the cell's supply; and, where the bench tells it apart, from the
  // word-line drivers.
  std::optional<Table> read_energy;
  std::optional<Table> word_line_energy;
  // A over (v_store, v_bitline): out of the bitline.
  Table static_current;
  // V over (v_target) or (v_target, age s): stored after a write, with the ages in which the cell
  // settles; retention goes on from the last of them. J over (v_target), without the DAC's.
  Table written_voltage;
  std::optional<Table> write_energy;
  // J over (v_target) of the DAC for one value, with its share of what the columns of a sub-tile
  // share; W over (v_target) of a sub-tile's DAC asleep, its columns on one level. Both or none.
  std::optional<Table> write_dac_energy, dac_standing_power;
  // V over (v_initial, age s).
  Table retention;
  // W over (v_store): from VDD, of a cell that holds; none as in ConverterTables.
  std::optional<Table> cell_standing_power;
  // 1 over (age s): of read_charge, what a read of a cell of that age takes; none: all.
  std::optional<Table> read_share;

  ConverterTables relu;          // first stage
  ConverterTables differential;  // second stage, signed

  double t_max_s;       // longest input pulse
  double v_dd, v_zero;  // supply; stored voltage that means zero
  int q_levels, kv_levels, output_levels;
  int tile;                    // rows and columns of a sub-tile
  double signed_full_scale_s;  // pulse of the signed converter that means 1
  double latency_first_stage_s, latency_second_stage_s;

  // Stored voltage at an age, of a cell that was written to a level of the DAC. Held beyond the
  // tables.
  double settled_s() const {
    return written_voltage.axes().size() > 1 ? written_voltage.axis(1).back() : 0.0;
  }
  double written_v(double v_target, double age_s) const {
    return written_voltage.axes().size() > 1 ? written_voltage.at(v_target, age_s)
                                             : written_voltage.at(v_target);
  }
  double stored_v(double v_target, double age_s) const {
    const double settled = settled_s();
    if (age_s <= settled && settled > 0) return written_v(v_target, age_s);
    return retention.at(written_v(v_target, settled), age_s - settled);
  }

  // What the write DAC adds to a level to make up for the mean pedestal; 0 where the bench states
  // no `write_offset`.
  double write_offset_v() const {
    const Constant* offset = file_.find_constant("write_offset");
    return offset != nullptr ? offset->value : 0.0;
  }

 private:
  DeviceFile file_;
};

}  // namespace gaincell::lut
