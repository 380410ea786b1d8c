#pragma once

#include <vector>

namespace gaincell::energy {

// What the arrays of one attention layer did since its last reset, in counts and never in joules.
//
// Widths, charges and ages lie on nodes; an action between two nodes is shared linearly between
// them, so an energy that is linear between these nodes is recovered exactly. Counts are over all
// heads.

// Cell reads by [age][pulse][level]: age nodes, pulse nodes, and the stored level (0 .. levels-1).
// Pulse node 0 means "no pulse"; node 1 is the limit of a vanishing width (a word line that rises
// and falls at once), nodes 2 .. are even parts of the longest pulse.
struct CellReads {
  std::vector<double> age_s;    // nodes, ascending
  std::vector<double> pulse_s;  // nodes; [0] = none, [1] = 0+, then ascending to the longest pulse
  int levels = 0;
  std::vector<double> count;  // [age][pulse][level]

  double* at(std::size_t age, std::size_t pulse) {
    return count.data() + (age * pulse_s.size() + pulse) * static_cast<std::size_t>(levels);
  }
  const double* at(std::size_t age, std::size_t pulse) const {
    return const_cast<CellReads*>(this)->at(age, pulse);
  }
  double total() const;
};

// Conversions by the charge on the bitline at the end of integration. Charges outside the nodes
// count at the nearest end.
struct Conversions {
  std::vector<double> charge_c;  // nodes, ascending
  std::vector<double> count;     // one per node
  double total() const;
};

struct Activity {
  double tokens = 0;           // tokens run through the layer
  double token_heads = 0;      // tokens x heads
  double sub_tile_steps = 0;   // sub-tiles with at least one token in them, per token and head
  double dac_values = 0;       // values put on a write DAC (keys and values)
  std::vector<double> writes;  // cells written, by level
  CellReads first_reads, second_reads;
  Conversions first_conversions, second_conversions;

  // Adds another layer's or another run's counts; an empty Activity takes the other's nodes. The
  // nodes must be equal otherwise (assert).
  Activity& operator+=(const Activity& other);
  // What happened since `earlier`, a copy of this activity's own past.
  Activity since(const Activity& earlier) const;
};

}  // namespace gaincell::energy
