#pragma once

#include <vector>

#include "energy/nodes.h"

namespace gaincell::energy {

// What the arrays of one attention layer did since its last reset, in counts and never in joules.
//
// Widths, charges and ages lie on nodes (nodes.h says what one means); an action between two nodes
// is shared linearly between them. Counts are over all heads.

// Cell reads by [age][pulse][level]: age nodes, pulse nodes, and the stored level (0 .. levels-1).
struct CellReads {
  Nodes age_s;
  PulseNodes pulse_s;
  int levels = 0;
  std::vector<double> count;  // [age][pulse][level]

  double* at(std::size_t age, std::size_t pulse) {
    return count.data() + (age * pulse_s.size() + pulse) * static_cast<std::size_t>(levels);
  }
  const double* at(std::size_t age, std::size_t pulse) const {
    return const_cast<CellReads*>(this)->at(age, pulse);
  }
  // Calls add(levels of a node, its weight) for the nodes around an age and a width.
  template <class Add>
  void share_out(const Share& age, const Share& pulse, const Add& add) {
    age.for_each([&](std::size_t a, double age_weight) {
      pulse.for_each(
          [&](std::size_t p, double pulse_weight) { add(at(a, p), age_weight * pulse_weight); });
    });
  }
  double total() const;
};

// Conversions by the charge on the bitline at the end of integration.
struct Conversions {
  Nodes charge_c;
  std::vector<double> count;  // one per node
  double total() const;
};

// What there is of an array of keys and its one of values, used or not, times tokens: it draws
// power between them as well.
struct Installed {
  double first_columns = 0, second_columns = 0;  // each with its converter
  double sub_tiles = 0;                          // of either array, each with its lines and start
  double cells = 0;                              // of both arrays

  Installed& operator+=(const Installed& other);
};

struct Activity {
  double tokens = 0;           // tokens run through the layer
  double token_heads = 0;      // tokens x heads
  double sub_tile_steps = 0;   // sub-tiles with at least one token in them, per token and head
  double dac_values = 0;       // values put on a write DAC (keys and values)
  std::vector<double> writes;  // cells written, by level
  CellReads first_reads, second_reads;
  Conversions first_conversions, second_conversions;
  Installed installed;

  // Adds another layer's or another run's counts; an empty Activity takes the other's nodes. The
  // nodes must be equal otherwise (assert).
  Activity& operator+=(const Activity& other);
  // Each of its numbers, to be stored and put back; nodes are none of them.
  std::vector<double*> counts();
  // What happened since `earlier`, a copy of this activity's own past.
  Activity since(const Activity& earlier) const;
};

}  // namespace gaincell::energy
