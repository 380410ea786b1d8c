#pragma once

#include <algorithm>
#include <utility>
#include <vector>

#include "attention/attention.h"
#include "attention/circuit.h"
#include "energy/activity.h"

namespace gaincell::attention {

// Puts actions on the nodes of an energy::Activity (whose header says what the nodes mean).
class ActivityCounter {
 public:
  ActivityCounter(const Circuit& circuit, double oldest_age_s) : tile_(circuit.tile) {
    std::vector<double> ages{0.0};
    constexpr int kAges = 8;
    for (int i = 1; i <= kAges && oldest_age_s > 0; ++i) ages.push_back(oldest_age_s * i / kAges);
    for (auto* reads : {&activity_.first_reads, &activity_.second_reads}) {
      reads->age_s = energy::Nodes(ages);
      reads->pulse_s = energy::PulseNodes(circuit.t_max_s, pulse_steps(circuit));
      reads->levels = circuit.kv_levels;
      reads->count.assign(reads->age_s.size() * reads->pulse_s.size() * reads->levels, 0.0);
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
    activity_.installed = {};
    for (auto* counts :
         {&activity_.writes, &activity_.first_reads.count, &activity_.second_reads.count,
          &activity_.first_conversions.count, &activity_.second_conversions.count})
      std::fill(counts->begin(), counts->end(), 0.0);
  }

  // One token's query in one head, of whose sub-tiles so many hold tokens.
  void count_read(int filled_tiles) {
    activity_.token_heads += 1;
    activity_.sub_tile_steps += filled_tiles;
  }
  // One array's keys and values for the time of one token.
  void count_installed(const Shape& shape) {
    const int tiles = (shape.window + tile_ - 1) / tile_;
    const double columns = shape.window, dim = shape.dim;
    activity_.installed += {.first_columns = columns,
                            .second_columns = tiles * dim,
                            .sub_tiles = static_cast<double>(tiles),
                            .cells = 2 * columns * dim};
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
    conversions.charge_c.share(charge_c).for_each(
        [&](std::size_t node, double weight) { conversions.count[node] += weight; });
  }

 private:
  template <typename Add>
  static void share_out(energy::CellReads& reads, double age_s, double width_s, const Add& add) {
    reads.share_out(reads.age_s.share(age_s), reads.pulse_s.share(width_s), add);
  }

  static void set_nodes(energy::Conversions& conversions, const Circuit::Converter& converter,
                        const ConverterLine& line) {
    const double full = line.full_scale_c(converter.full_scale_s);
    std::vector<double> nodes = {converter.charge_low_c, converter.charge_high_c};
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
    // A range may end on one of the shares, or a rounding beside it.
    conversions.charge_c = energy::Nodes(std::move(nodes), 1e-6 * full);
    conversions.count.assign(conversions.charge_c.size(), 0.0);
  }

  int tile_;
  energy::Activity activity_;
};

}  // namespace gaincell::attention
