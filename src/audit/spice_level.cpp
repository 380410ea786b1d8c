#include "audit/spice_level.h"

#include <fmt/format.h>

#include <cassert>

#include "base/error.h"

namespace gaincell::audit {
namespace {

// Charge at which a table that falls with the charge has this voltage; an end where it never has.
double charge_at(const lut::Table& bitline_v, double voltage) {
  double low = bitline_v.axis(0).front(), high = bitline_v.axis(0).back();
  for (int i = 0; i < 100; ++i) {
    const double middle = 0.5 * (low + high);
    (bitline_v.at(middle) > voltage ? low : high) = middle;
  }
  return 0.5 * (low + high);
}

ColumnBench measuring_bench(const std::filesystem::path& path, const lut::GainCellDevice& device) {
  ColumnBench bench(path, device, device.tile);
  for (const char* name : {"bitline_voltage", "cell_energy", "converter_energy"})
    if (!bench.measures(name))
      throw Error({.place = bench.path(),
                   .key = std::string("measurements.") + name,
                   .rule = "the spice level needs this measurement",
                   .remedy = "give a bench like netlists/column/column_relu.yaml"});
  return bench;
}

}  // namespace

SpiceColumns::SpiceColumns(const std::filesystem::path& folder, const lut::GainCellDevice& device,
                           characterize::SimulateOptions options)
    : tile_(static_cast<std::size_t>(device.tile)),
      v_zero_(device.v_zero),
      options_(std::move(options)),
      first_{"first", measuring_bench(folder / "column_relu.yaml", device),
             device.relu.bitline_voltage, &SupplyEnergy::first_cells_j,
             &SupplyEnergy::first_converters_j},
      second_{"second", measuring_bench(folder / "column_signed.yaml", device),
              device.differential.bitline_voltage, &SupplyEnergy::second_cells_j,
              &SupplyEnergy::second_converters_j} {}

std::vector<attention::ColumnOutput> SpiceColumns::read(
    Array& array, std::span<const attention::ColumnInput> columns) {
  std::vector<ColumnCase> cases;
  for (const attention::ColumnInput& column : columns) {
    assert(column.v_store.size() <= tile_ && column.width_s.size() == column.v_store.size());
    ColumnCase of{{}, column.v_store, column.width_s, 0};
    of.v_store.resize(tile_, v_zero_);  // cells that hold nothing
    of.width_s.resize(tile_, 0.0);
    cases.push_back(std::move(of));
  }
  std::vector<attention::ColumnOutput> read;
  for (const Replayed& replayed : array.bench.run(cases, options_)) {
    if (!replayed.ok)
      throw Error(
          {.place = array.bench.path(),
           .key = fmt::format("{} stage, column {} of {}", array.name, read.size(), columns.size()),
           .value = replayed.reason,
           .rule = "the simulator gave no result",
           .remedy = "what is simulated stays in the cache; choose the column level, or "
                     "audit some columns of this device to see why"});
    read.push_back({charge_at(array.bitline_v, replayed.bitline_v), replayed.pulse_s});
    energy_.*array.cells += replayed.cell_energy_j;
    energy_.*array.converters += replayed.converter_energy_j;
  }
  columns_ += read.size();
  return read;
}

std::vector<attention::ColumnOutput> SpiceColumns::first(
    std::span<const attention::ColumnInput> columns) {
  return read(first_, columns);
}

std::vector<attention::ColumnOutput> SpiceColumns::second(
    std::span<const attention::ColumnInput> columns) {
  return read(second_, columns);
}

std::unique_ptr<attention::Analog> make_spice_level(const attention::Shape& shape,
                                                    const lut::GainCellDevice& device,
                                                    attention::Scalers scalers,
                                                    const attention::AnalogOptions& options,
                                                    std::shared_ptr<SpiceColumns> columns) {
  if (shape.dim > device.tile)
    throw Error({.place = "attention",
                 .key = "dim",
                 .value = std::to_string(shape.dim),
                 .rule = fmt::format("a column of the device has {} cells", device.tile),
                 .remedy = "choose the column level"});
  return attention::make_simulated_level(shape, attention::circuit_of(device), std::move(scalers),
                                         options, std::move(columns));
}

}  // namespace gaincell::audit
