#pragma once

#include <cstdint>

namespace gaincell::digital {

// rtl/scaler.v: out = (a sum + b) / 2^shift, rounded half up, held at the ends of `out_bits` bits.
struct FixedScaler {
  int sum_bits = 6, a_bits = 8, out_bits = 8, shift = 3;
  std::int64_t a = 1, b = 0;

  int b_bits() const { return sum_bits + a_bits; }
  int operator()(int sum) const;
};

// The nearest to out = (a_o unit sum + b_o) / out_step, where `per_count` is a_o unit: what the
// engine's output scaler makes of a sum of counts. Held at the ends of its numbers.
FixedScaler nearest_scaler(FixedScaler format, double per_count, double offset, double out_step);

}  // namespace gaincell::digital
