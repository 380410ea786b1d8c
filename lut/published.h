#pragma once

#include <array>

namespace gaincell::lut {

// The hardware that was published, for all that computes with it: Leroux et al., Nature
// Computational Science 5, 813 (2025), arXiv 2409.19315, and its code.
struct Published {
  int q_levels = 16, kv_levels = 8, output_levels = 32;
  int tile = 64;  // rows and columns of a sub-tile
  double t_max_s = 15e-9;
  double v_max = 0.9, v_zero = 0.45;                     // V, of what is stored
  double slope_a_per_v = 19.3e-6;                        // of the linear model
  double s_sat_first_a = 80e-6, s_sat_second_a = 40e-6;  // A x (pulse / longest pulse)
  double retention_tau_s = 5e-3;
  double decay_per_token = 1.6e-4;
  double latency_s = 65e-9;  // both stages; how it is split is not published
  // Cubic fit of the cell's current to its simulations, uA / V^i of z = stored voltage - v_zero.
  std::array<double, 4> current_ua{0.5213636139, 13.612260634, -2.620445619, 46.05483778};
  // How far that fit is off what it was made of, the 50 stored voltages from 0 to 0.9 V at a read
  // voltage of 0.9 V that stand in the authors' repository (non-linearity.npy); the largest is at
  // 0.9 V, 1.7 % of the 20.1 uA from end to end.
  double current_off_rms_a = 0.130e-6, current_off_max_a = 0.340e-6;
};
inline constexpr Published kPublished{};

// What the authors' programs do differently from one another. Models are trained with the powers;
// the arrays' golden files have the product, one of them with the current turned round.
struct PublishedVariant {
  // What loses exp(-decay x age): the stored voltage, so that each power of it has a power of that;
  // or a cell's whole current, the part that no voltage changes included.
  enum class Decay { kPower, kProduct } decay = Decay::kPower;
  // Positive: a voltage above zero takes charge out of the bitline. The array as built may do the
  // opposite, with converters that are as they were.
  enum class Sign { kPlus, kMinus } sign = Sign::kPlus;
  bool operator==(const PublishedVariant&) const = default;
};

}  // namespace gaincell::lut
