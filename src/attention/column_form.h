#pragma once

#include <vector>

#include "attention/analog_options.h"
#include "attention/attention.h"
#include "attention/circuit.h"

namespace gaincell::attention {

// Both arrays of a circuit as matrix products and polynomials in floats, for tools that compute
// whole matrices: what the fast level fits (docs/fast_level.md, whose names these are), without its
// bytes. A stage's columns hold one of kv_levels a cell; pulses are in longest pulses, x is charge
// in full scales.
struct ColumnForm {
  struct Stage {
    int rank = 0, segments = 0;
    int substeps = 0;                    // 0: a closed form
    std::vector<double> begin;           // [segments + 1] share of the longest pulse at hand
    std::vector<std::vector<double>> w;  // [r][power] of x; of a closed form [0][term]
    double x_low = 0, x_high = 0;        // where x is held in powers
    double pulse_delay = 0, pulse_x = 0;
    // pulse = at_low + sum of slope max(0, x - knot), at_high from x_end on.
    std::vector<double> knot, slope;
    double at_low = 0, at_high = 0, x_end = 0;
    std::vector<double> u;  // [age][r][level], ages in whole tokens from `youngest` on
    // [age] x that a longest pulse adds, by volt of the level from v_max / 2: least squares over
    // the levels. What the published gradient takes for the current.
    std::vector<double> slope_per_v;
    double error = 0;  // rms off the column level, at most, with that of age_block
  };
  Stage first, second;
  double phi_per_pulse = 1;  // longest pulses in a full pulse of the first converters
  // So many neighbouring queries may share tables of their middle's age, if u_1 moves from it by
  // its secant over the block; the tables go from -age_block (`youngest`) to as much above the
  // window.
  int age_block = 1;
  int youngest = 0;
};

// Without mismatch and noise, whatever the options have. Throws Error as the fast level does.
ColumnForm column_form(Shape shape, const Circuit& circuit, const AnalogOptions& options);

}  // namespace gaincell::attention
