#include "audit/array_bench.h"

#include <fmt/format.h>

#include <cassert>
#include <cmath>

namespace gaincell::audit {
namespace {

std::string output(std::size_t column) { return fmt::format("pulse_width_out{}", column); }

}  // namespace

ArrayBench::ArrayBench(const std::filesystem::path& path, const lut::GainCellDevice& device)
    : bench_(path, device, "netlists/array/array_relu.yaml"),
      tile_(static_cast<std::size_t>(device.tile)),
      v_zero_(device.v_zero) {
  cell_v_ = bench_.vector("v_store", tile_ * tile_);
  pulse_width_ = bench_.vector("pulse_width", tile_);
  for (std::size_t column = 0; column < tile_; ++column) bench_.require_measurement(output(column));
}

characterize::Point ArrayBench::point_of(std::span<const ColumnCase> columns) const {
  assert(!columns.empty() && columns.size() <= tile_);
  characterize::Point point = bench_.point();
  std::vector<double>& cells = point.vectors[cell_v_];
  for (const ColumnCase& column : columns)
    cells.insert(cells.end(), column.v_store.begin(), column.v_store.end());
  cells.resize(tile_ * tile_, v_zero_);
  point.vectors[pulse_width_] = columns.front().width_s;
  return point;
}

std::vector<Replayed> ArrayBench::run(std::span<const std::vector<ColumnCase>> arrays,
                                      const characterize::SimulateOptions& options) const {
  std::vector<characterize::Point> points;
  for (const auto& columns : arrays) points.push_back(point_of(columns));
  const auto results = bench_.simulate(std::move(points), options);
  std::vector<Replayed> replayed;
  const double none = std::nan("");
  for (std::size_t array = 0; array < arrays.size(); ++array)
    for (std::size_t column = 0; column < arrays[array].size(); ++column) {
      if (!results[array].ok)
        replayed.push_back({false, 0.0, results[array].reason});
      else
        replayed.push_back(
            {true, bench_.measured(results[array], output(column)), "", none, none, none});
    }
  return replayed;
}

}  // namespace gaincell::audit
