#pragma once

#include <filesystem>
#include <memory>

#include "attention/analog_options.h"
#include "attention/column_simulator.h"
#include "audit/replay.h"
#include "lut/gain_cell_device.h"

namespace gaincell::audit {

// What the supplies of the simulated columns delivered, J: VDD of the cells from just before the
// word lines rise to the end of the period, VDD of the converters over the period. Word lines,
// clock drivers and the reference are sources of the bench and not in it.
struct SupplyEnergy {
  double first_cells_j = 0, first_converters_j = 0;
  double second_cells_j = 0, second_converters_j = 0;
};

// Columns read transistor by transistor, through the worker pool and its cache. Pulses are the
// simulator's; the charge is the one at which the device's table has the bitline voltage that the
// simulator ended on, held at the table's ends.
//
// Throws Error where a column has no result, with stage and reason (what was simulated is in the
// cache), and characterize::Interrupted.
class SpiceColumns final : public attention::ColumnSimulator {
 public:
  // `folder` has column_relu.yaml and column_signed.yaml. Throws Error where these are not columns
  // of this device (ColumnBench) or lack a measurement.
  SpiceColumns(const std::filesystem::path& folder, const lut::GainCellDevice& device,
               characterize::SimulateOptions options);

  std::vector<attention::ColumnOutput> first(
      std::span<const attention::ColumnInput> columns) override;
  std::vector<attention::ColumnOutput> second(
      std::span<const attention::ColumnInput> columns) override;

  std::size_t columns() const { return columns_; }  // read so far
  const SupplyEnergy& energy() const { return energy_; }

 private:
  struct Array {
    const char* name;
    ColumnBench bench;
    lut::Table bitline_v;  // by charge
    double SupplyEnergy::*cells;
    double SupplyEnergy::*converters;
  };
  std::vector<attention::ColumnOutput> read(Array& array,
                                            std::span<const attention::ColumnInput> columns);

  std::size_t tile_;
  double v_zero_;
  characterize::SimulateOptions options_;
  Array first_, second_;
  std::size_t columns_ = 0;
  SupplyEnergy energy_;
};

// The spice level: the column level's ring, write, retention, quantisers and counter, with columns
// of transistors. Throws Error for a head that is longer than a column.
std::unique_ptr<attention::Analog> make_spice_level(const attention::Shape& shape,
                                                    const lut::GainCellDevice& device,
                                                    attention::Scalers scalers,
                                                    const attention::AnalogOptions& options,
                                                    std::shared_ptr<SpiceColumns> columns);

}  // namespace gaincell::audit
