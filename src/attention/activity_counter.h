#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>

#include "attention/circuit.h"
#include "energy/activity.h"

namespace gaincell::attention {

// Where one value falls between two nodes: `share` of it counts at node `low` + 1, the rest at
// `low`.
struct Share {
  std::size_t low;
  double high_share;
};

inline Share share_of(const std::vector<double>& nodes, double x) {
  if (nodes.size() == 1 || x <= nodes.front()) return {0, 0.0};
  if (x >= nodes.back()) return {nodes.size() - 2, 1.0};
  const auto above = std::upper_bound(nodes.begin(), nodes.end(), x);
  const std::size_t low = static_cast<std::size_t>(above - nodes.begin()) - 1;
  return {low, (x - nodes[low]) / (nodes[low + 1] - nodes[low])};
}

// Puts actions on the nodes of an energy::Activity (whose header says what the nodes mean).
class ActivityCounter {
 public:
  ActivityCounter(const Circuit& circuit, double oldest_age_s) {
    std::vector<double> ages{0.0};
    constexpr int kAges = 8;
    for (int i = 1; i <= kAges && oldest_age_s > 0; ++i) ages.push_back(oldest_age_s * i / kAges);
    // Node 1 stands for a vanishing width, the smallest double above node 0.
    std::vector<double> pulses{0.0, std::numeric_limits<double>::min()};
    const int steps = pulse_steps(circuit);
    for (int i = 1; i <= steps; ++i) pulses.push_back(circuit.t_max_s * i / steps);
    pulse_step_s_ = circuit.t_max_s / steps;
    for (auto* reads : {&activity_.first_reads, &activity_.second_reads}) {
      reads->age_s = ages;
      reads->pulse_s = pulses;
      reads->levels = circuit.kv_levels;
      reads->count.assign(ages.size() * pulses.size() * circuit.kv_levels, 0.0);
    }
    set_nodes(activity_.first_conversions, circuit.relu, relu_line(circuit));
    set_nodes(activity_.second_conversions, circuit.differential, differential_line(circuit));
    activity_.writes.assign(circuit.kv_levels, 0.0);
  }

  // Between the pulse nodes, from a vanishing width to the longest.
  static int pulse_steps(const Circuit& circuit) {
    return circuit.read_energy_is_proportional ? 1 : circuit.q_levels - 1;
  }

  const energy::Activity& activity() const { return activity_; }
  energy::Activity& activity() { return activity_; }

  void clear() {
    activity_.tokens = activity_.token_heads = activity_.sub_tile_steps = activity_.dac_values = 0;
    for (auto* counts :
         {&activity_.writes, &activity_.first_reads.count, &activity_.second_reads.count,
          &activity_.first_conversions.count, &activity_.second_conversions.count})
      std::fill(counts->begin(), counts->end(), 0.0);
  }

  // `cells[level]` cells of one age read by a pulse of one width.
  template <typename Count>
  void read(energy::CellReads& reads, double age_s, double width_s, const Count* cells) {
    share_out(reads, age_s, width_s, [&](double* at, double weight) {
      for (int level = 0; level < reads.levels; ++level) at[level] += weight * cells[level];
    });
  }

  // One cell.
  void read_cell(energy::CellReads& reads, double age_s, double width_s, int level) {
    share_out(reads, age_s, width_s, [&](double* at, double weight) { at[level] += weight; });
  }

  void convert(energy::Conversions& conversions, double charge_c) {
    const Share share = share_of(conversions.charge_c, charge_c);
    conversions.count[share.low] += 1 - share.high_share;
    if (share.high_share > 0) conversions.count[share.low + 1] += share.high_share;
  }

 private:
  // Calls add(levels of a node, its weight) for the nodes around an age and a width.
  template <typename Add>
  void share_out(energy::CellReads& reads, double age_s, double width_s, Add add) const {
    const Share age = share_of(reads.age_s, age_s);
    Share pulse{0, 0.0};
    if (width_s > 0) {
      const double steps =
          std::min(width_s / pulse_step_s_, static_cast<double>(reads.pulse_s.size() - 2));
      const double low = std::min(std::floor(steps), static_cast<double>(reads.pulse_s.size() - 3));
      pulse = {1 + static_cast<std::size_t>(low), steps - low};
    }
    for (int a = 0; a < 2; ++a)
      for (int p = 0; p < 2; ++p) {
        const double weight = (a ? age.high_share : 1 - age.high_share) *
                              (p ? pulse.high_share : 1 - pulse.high_share);
        if (weight != 0) add(reads.at(age.low + a, pulse.low + p), weight);
      }
  }

  static void set_nodes(energy::Conversions& conversions, const Circuit::Converter& converter,
                        const ConverterLine& line) {
    const double full = line.full_scale_c(converter.full_scale_s);
    auto& nodes = conversions.charge_c;
    nodes = {converter.charge_low_c, converter.charge_high_c};
    const auto add = [&](double charge) {
      if (charge > converter.charge_low_c && charge < converter.charge_high_c)
        nodes.push_back(charge);
    };
    if (converter.energy_bends_c) {
      for (const double charge : *converter.energy_bends_c) add(charge);
    } else {
      // Dense where energies bend: around zero and at full scale.
      nodes.push_back(0.0);
      for (const double share : {0.02, 0.1, 0.25, 0.5, 0.75, 0.95, 1.0, 1.05})
        for (const double sign : {-1.0, 1.0}) add(sign * share * full);
    }
    std::sort(nodes.begin(), nodes.end());
    // A range may end on one of the shares, or a rounding beside it.
    nodes.erase(std::unique(nodes.begin(), nodes.end(),
                            [&](double a, double b) { return b - a < 1e-6 * full; }),
                nodes.end());
    conversions.count.assign(nodes.size(), 0.0);
  }

  energy::Activity activity_;
  double pulse_step_s_;
};

}  // namespace gaincell::attention
