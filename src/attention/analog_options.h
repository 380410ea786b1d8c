#pragma once

#include <cstdint>

#include "attention/effects.h"
#include "attention/spread.h"

namespace gaincell::attention {

// The two levels of the analog engine below SPICE: `column` integrates every column's bitline from
// the device's tables in double precision (the reference that a person can read), `fast` is the
// vectorised path held to it by tests.
enum class Level { kColumn, kFast };

struct AnalogOptions {
  Level level = Level::kFast;
  Spread spread{};
  std::uint64_t seed = 1;        // of the mismatch
  std::uint64_t noise_seed = 1;  // of the read noise
  int layer = 0;                 // whose arrays these are, for the spread
  // Time from one token to the next, which ages the ring: layers x latency of both stages.
  double token_period_s = 0.0;
  EffectSet effects = EffectSet::all();
  // What the fast level may be off the column level at the end of a column, rms, as a share of the
  // converter's full scale: 2e-3 is 3 % of the output's LSB. Arithmetic, rank, degree and
  // segments of its approximation follow from it; the cheapest that holds it, or the best there is
  // (FastReport says how good).
  double error_limit = 2e-3;
  // Fast level: threads over heads. The result does not depend on them.
  int threads = 1;
};

}  // namespace gaincell::attention
