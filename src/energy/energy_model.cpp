#include "energy/energy_model.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <numeric>

#include "base/units.h"

namespace gaincell::energy {
namespace {

constexpr double kNotKnown = std::numeric_limits<double>::quiet_NaN();

// Whether a time is beyond the end of a table, which the item's source then says.
bool beyond(const lut::Axis& axis, double time_s, const std::string& table, Item& item) {
  if (time_s <= axis.back()) return false;
  item.source = fmt::format("not known: {} ends at {} {} of {}", table, axis.name(),
                            format_si(axis.back(), "s"), format_si(time_s, "s"));
  return true;
}

}  // namespace

double Energy::Part::energy_j() const {
  double sum = 0;
  for (const Item& item : items) sum += item.energy_j;
  return sum;
}

std::string_view name(Kind kind) {
  return kind == Kind::kActive ? "active" : kind == Kind::kStanding ? "standing" : "digital";
}

double Energy::kind_j(Kind kind) const {
  double sum = 0;
  for (const Part& part : parts)
    if (part.kind == kind) sum += part.energy_j();
  return sum;
}

double Energy::total_j() const {
  return kind_j(Kind::kActive) + kind_j(Kind::kStanding) + kind_j(Kind::kDigital);
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
      const double v_store = device_.stored_v(level_v(level, reads.levels), reads.age_s[age]);
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

double EnergyModel::writes_j(const std::vector<double>& writes,
                             const std::optional<lut::Table>& table) const {
  if (!table) return kNotKnown;
  double sum = 0;
  const int levels = static_cast<int>(writes.size());
  for (int level = 0; level < levels; ++level)
    sum += writes[level] * table->at(level_v(level, levels));
  return sum;
}

// A device that has no table of its DAC has a published constant for all of it.
Energy::Part EnergyModel::write_dac(const Activity& activity) const {
  if (!device_.write_dac_energy)
    return {"write_dac",
            {{"write_dac", activity.dac_values * constants_.dac_j_per_value.value,
              constants_.dac_j_per_value.source}},
            Kind::kDigital};
  return {"write_dac",
          {{"write_dac", writes_j(activity.writes, device_.write_dac_energy),
            source_of("write_dac_energy")}}};
}

std::string EnergyModel::source_of(const std::string& table) const {
  const lut::TableEntry* entry = device_.file().find_table(table);
  if (entry == nullptr) return "not known: the device has no table " + table;
  return entry->comment.empty() ? "SPICE: " + table : entry->comment;
}

double EnergyModel::known_period_s() const {
  double known_s = std::numeric_limits<double>::infinity();
  for (const lut::ConverterTables* converter : {&device_.relu, &device_.differential}) {
    if (converter->standing_power)
      known_s =
          std::min(known_s, converter->active_time_s + converter->standing_power->axis(1).back());
    if (converter->bias_power) known_s = std::min(known_s, converter->bias_power->axis(0).back());
  }
  return known_s;
}

Item EnergyModel::standing_converters(const std::string& name, const Conversions& conversions,
                                      double columns, const lut::ConverterTables& tables,
                                      double token_period_s) const {
  const std::string table = name + "_standing_power";
  Item item{name + "_converters", kNotKnown, source_of(table)};
  if (!tables.standing_power) return item;
  const double idle_s = std::max(0.0, token_period_s - tables.active_time_s);
  if (beyond(tables.standing_power->axis(1), idle_s, table, item)) return item;
  const auto after = [&](double charge_c) {
    return idle_s * tables.standing_power->at(charge_c, idle_s);
  };
  item.energy_j = conversions.charge_c.integral(conversions.count, after) +
                  std::max(0.0, columns - conversions.total()) * after(0.0);
  return item;
}

Item EnergyModel::standing_bias(const std::string& name, const std::optional<lut::Table>& power,
                                double sub_tiles, double token_period_s) const {
  const std::string table = name + "_bias_power";
  Item item{name + "_bias", kNotKnown, source_of(table)};
  if (power && !beyond(power->axis(0), token_period_s, table, item))
    item.energy_j = sub_tiles * token_period_s * power->at(token_period_s);
  return item;
}

double EnergyModel::mean_power_w(int level, int levels, const Nodes& age_s) const {
  double sum = 0;
  for (const double age : age_s)
    sum += device_.cell_standing_power->at(device_.stored_v(level_v(level, levels), age));
  return sum / static_cast<double>(age_s.size());
}

// Its columns' switches stay where the last values of their rows put them.
Item EnergyModel::standing_dac(const Activity& activity, double token_period_s) const {
  const int levels = static_cast<int>(activity.writes.size());
  const double written = std::accumulate(activity.writes.begin(), activity.writes.end(), 0.0);
  double mean_w = 0;
  for (int level = 0; level < levels && written > 0; ++level)
    mean_w +=
        activity.writes[level] / written * device_.dac_standing_power->at(level_v(level, levels));
  return {"dac", 2 * activity.installed.sub_tiles * token_period_s * mean_w,
          source_of("write_dac_standing_power")};
}

Item EnergyModel::standing_cells(const Activity& activity, double token_period_s) const {
  Item item{"cells", kNotKnown, source_of("cell_standing_power")};
  if (!device_.cell_standing_power) return item;
  const int levels = static_cast<int>(activity.writes.size());
  const double written = std::accumulate(activity.writes.begin(), activity.writes.end(), 0.0);
  const Nodes ages =
      activity.first_reads.age_s.size() > 0 ? activity.first_reads.age_s : Nodes({0.0});
  double sum_w = 0;  // of a mean cell
  for (int level = 0; level < levels && written > 0; ++level)
    sum_w += activity.writes[level] / written * mean_power_w(level, levels, ages);
  item.energy_j = activity.installed.cells * token_period_s * sum_w;
  return item;
}

void EnergyModel::add_standing(const Activity& activity, double token_period_s,
                               Energy& energy) const {
  const Installed& there = activity.installed;
  energy.parts.push_back(
      {"standing_converters",
       {standing_converters("relu", activity.first_conversions, there.first_columns, device_.relu,
                            token_period_s),
        standing_converters("signed", activity.second_conversions, there.second_columns,
                            device_.differential, token_period_s)},
       Kind::kStanding});
  energy.parts.push_back(
      {"standing_bias",
       {standing_bias("relu", device_.relu.bias_power, there.sub_tiles, token_period_s),
        standing_bias("signed", device_.differential.bias_power, there.sub_tiles, token_period_s)},
       Kind::kStanding});
  if (device_.dac_standing_power)
    energy.parts.push_back(
        {"standing_dac", {standing_dac(activity, token_period_s)}, Kind::kStanding});
  energy.parts.push_back(
      {"standing_cells", {standing_cells(activity, token_period_s)}, Kind::kStanding});
}

Energy EnergyModel::of(const Activity& activity, std::optional<double> token_period_s) const {
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
         constants_.control_j_per_sub_tile.source}},
       Kind::kDigital},
      write_dac(activity),
      {"write_cells",
       {{"write_cells", writes_j(activity.writes, device_.write_energy),
         source_of("cell_write_energy")}}}};
  if (token_period_s) add_standing(activity, *token_period_s, energy);
  return energy;
}

}  // namespace gaincell::energy
