#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "audit/column_case.h"
#include "audit/device_bench.h"
#include "audit/replay.h"
#include "characterize/campaign/simulation.h"
#include "lut/gain_cell_device.h"

namespace gaincell::audit {

// A bench of one array of a sub-tile, with all that its columns share: vector conditions v_store
// (V, one a cell, column by column) and pulse_width (s, one a row), and a measurement
// pulse_width_out<k> (s) for every column.
class ArrayBench {
 public:
  // Throws Error where the bench is no such array of `tile` x `tile` cells, or DeviceBench refuses.
  ArrayBench(const std::filesystem::path& path, const lut::GainCellDevice& device);

  // All columns of each array, one array after the other. Those of one are read by the same pulses;
  // columns that it has more hold zeros. Of pulses alone: energies are the array's.
  std::vector<Replayed> run(std::span<const std::vector<ColumnCase>> arrays,
                            const characterize::SimulateOptions& options) const;
  const std::string& path() const { return bench_.path(); }

 private:
  characterize::Point point_of(std::span<const ColumnCase> columns) const;

  DeviceBench bench_;
  std::size_t tile_;
  double v_zero_;
  std::size_t cell_v_ = 0, pulse_width_ = 0;  // conditions
};

}  // namespace gaincell::audit
