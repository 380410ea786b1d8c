#pragma once

#include <array>
#include <memory>

#include "attention/attention.h"
#include "lut/published.h"

namespace gaincell::attention {

// The published hardware equations without circuits: the cell's current is a
// polynomial of z = stored voltage - v_zero, converters are clamps, stored voltages decay
// exponentially.
struct PublishedHardware {
  int q_levels = lut::kPublished.q_levels;
  int k_levels = lut::kPublished.kv_levels, v_levels = lut::kPublished.kv_levels;
  int output_levels = lut::kPublished.output_levels;
  double v_max = lut::kPublished.v_max, v_zero = lut::kPublished.v_zero;    // V
  std::array<double, 4> current_a{0, lut::kPublished.slope_a_per_v, 0, 0};  // A / V^i, i = 0 .. 3
  // A x (pulse / longest pulse)
  double s_sat_first_a = lut::kPublished.s_sat_first_a;
  double s_sat_second_a = lut::kPublished.s_sat_second_a;
  double decay_per_token = lut::kPublished.decay_per_token;
  int tile = lut::kPublished.tile;
  bool quantise = true;

  // With the article's cubic fit to its SPICE data in place of the straight current.
  static PublishedHardware cubic();
};

std::unique_ptr<Attention> make_published(Shape shape, PublishedHardware hardware, Scalers scalers);

}  // namespace gaincell::attention
