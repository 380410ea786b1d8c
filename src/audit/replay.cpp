#include "audit/replay.h"

namespace gaincell::audit {

ColumnBench::ColumnBench(const std::filesystem::path& path, const lut::GainCellDevice& device,
                         int cells)
    : bench_(path, device, "netlists/column/column_relu.yaml"),
      write_offset_v_(device.write_offset_v()) {
  const auto count = static_cast<std::size_t>(cells);
  const bool writes = bench_.has("v_target");
  cell_v_ = bench_.vector(writes ? "v_target" : "v_store", count);
  if (writes) age_ = bench_.number("age");
  pulse_width_ = bench_.vector("pulse_width", count);
  bench_.require_measurement("pulse_width_out");
}

characterize::Point ColumnBench::point_of(const ColumnCase& column) const {
  characterize::Point point = bench_.point();
  point.vectors[cell_v_] = column.v_store;
  if (age_) {
    point.values[*age_] = column.age_s;
    point.vectors[cell_v_] = column.target_v;
    for (double& level : point.vectors[cell_v_]) level += write_offset_v_;
  }
  point.vectors[pulse_width_] = column.width_s;
  return point;
}

std::vector<Replayed> ColumnBench::run(std::span<const ColumnCase> columns,
                                       const characterize::SimulateOptions& options) {
  std::vector<characterize::Point> points;
  for (const ColumnCase& column : columns) points.push_back(point_of(column));
  std::vector<Replayed> replayed;
  for (const characterize::PointResult& result : bench_.simulate(std::move(points), options)) {
    if (!result.ok)
      replayed.push_back({false, 0.0, result.reason});
    else
      replayed.push_back({true, bench_.measured(result, "pulse_width_out"), "",
                          bench_.measured(result, "bitline_voltage"),
                          bench_.measured(result, "cell_energy"),
                          bench_.measured(result, "converter_energy")});
  }
  return replayed;
}

std::string ColumnBench::deck(const ColumnCase& column) { return bench_.deck(point_of(column)); }

}  // namespace gaincell::audit
