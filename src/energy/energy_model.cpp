#include "energy/energy_model.h"

#include <algorithm>
#include <limits>

namespace gaincell::energy {
namespace {

constexpr double kNotKnown = std::numeric_limits<double>::quiet_NaN();

}  // namespace

double Energy::Part::energy_j() const {
  double sum = 0;
  for (const Item& item : items) sum += item.energy_j;
  return sum;
}

double Energy::total_j() const {
  double sum = 0;
  for (const Part& part : parts) sum += part.energy_j();
  return sum;
}

double Energy::part_j(const std::string& name) const {
  for (const Part& part : parts)
    if (part.name == name) return part.energy_j();
  return 0.0;
}

Energy Energy::per(double n) const {
  Energy each = *this;
  for (Part& part : each.parts)
    for (Item& item : part.items) item.energy_j /= n;
  return each;
}

EnergyModel::EnergyModel(lut::GainCellDevice device, Constants constants)
    : device_(std::move(device)), constants_(std::move(constants)) {}

double EnergyModel::layer_latency_s() const {
  return device_.latency_first_stage_s + device_.latency_second_stage_s;
}

double EnergyModel::level_v(int level, int levels) const {
  return 2 * device_.v_zero * level / (levels - 1) + device_.write_offset_v();
}

double EnergyModel::reads_j(const CellReads& reads, const std::optional<lut::Table>& table,
                            double v_bitline) const {
  if (!table) return kNotKnown;
  double sum = 0;
  for (std::size_t age = 0; age < reads.age_s.size(); ++age)
    for (int level = 0; level < reads.levels; ++level) {
      const double v_store = device_.retention.at(
          device_.written_voltage.at(level_v(level, reads.levels)), reads.age_s[age]);
      sum = reads.pulse_s.add_integral(
          sum, [&](std::size_t pulse) { return reads.at(age, pulse)[level]; },
          [&](double width_s) { return table->at(v_store, width_s, v_bitline); });
    }
  return sum;
}

double EnergyModel::conversions_j(const Conversions& conversions,
                                  const std::optional<lut::Table>& table) const {
  if (!table) return kNotKnown;
  return conversions.charge_c.integral(conversions.count,
                                       [&](double charge_c) { return table->at(charge_c); });
}

double EnergyModel::writes_j(const std::vector<double>& writes) const {
  if (!device_.write_energy) return kNotKnown;
  double sum = 0;
  const int levels = static_cast<int>(writes.size());
  for (int level = 0; level < levels; ++level)
    sum += writes[level] * device_.write_energy->at(level_v(level, levels));
  return sum;
}

std::string EnergyModel::source_of(const std::string& table) const {
  const lut::TableEntry* entry = device_.file().find_table(table);
  if (entry == nullptr) return "not known: the device has no table " + table;
  return entry->comment.empty() ? "SPICE: " + table : entry->comment;
}

Energy EnergyModel::of(const Activity& activity) const {
  const double start_v = device_.relu.bitline_voltage.at(0.0);
  const double second_start_v = device_.differential.bitline_voltage.at(0.0);
  Energy energy;
  Energy::Part first{"first_array", {}};
  first.items.push_back({"cells", reads_j(activity.first_reads, device_.read_energy, start_v),
                         source_of("cell_read_energy")});
  if (device_.word_line_energy)
    first.items.push_back({"word_lines",
                           reads_j(activity.first_reads, *device_.word_line_energy, start_v),
                           source_of("cell_word_line_energy")});
  first.items.push_back({"converters",
                         conversions_j(activity.first_conversions, device_.relu.energy),
                         source_of("relu_energy")});
  Energy::Part second{"second_array", {}};
  second.items.push_back({"cells",
                          reads_j(activity.second_reads, device_.read_energy, second_start_v),
                          source_of("cell_read_energy")});
  second.items.push_back({"converters",
                          conversions_j(activity.second_conversions, device_.differential.energy),
                          source_of("signed_energy")});
  energy.parts = {
      std::move(first),
      std::move(second),
      {"digital_control",
       {{"digital_control", activity.sub_tile_steps * constants_.control_j_per_sub_tile.value,
         constants_.control_j_per_sub_tile.source}}},
      {"write_dac",
       {{"write_dac", activity.dac_values * constants_.dac_j_per_value.value,
         constants_.dac_j_per_value.source}}},
      {"write_cells",
       {{"write_cells", writes_j(activity.writes), source_of("cell_write_energy")}}}};
  return energy;
}

}  // namespace gaincell::energy
