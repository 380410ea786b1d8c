#include "digital/fixed_scaler.h"

#include <algorithm>
#include <cmath>

namespace gaincell::digital {
namespace {

std::int64_t held(std::int64_t x, int bits) {
  const std::int64_t end = std::int64_t{1} << (bits - 1);
  return std::clamp(x, -end, end - 1);
}

std::int64_t rounded(double x, int bits) {
  const double end = std::ldexp(1.0, bits - 1);
  return held(std::llround(std::clamp(x, -end, end)), bits);
}

}  // namespace

int FixedScaler::operator()(int sum) const {
  const std::int64_t half = std::int64_t{1} << (shift - 1);
  return static_cast<int>(held((a * sum + b + half) >> shift, out_bits));
}

FixedScaler nearest_scaler(FixedScaler format, double per_count, double offset, double out_step) {
  const double steps = std::ldexp(1.0, format.shift) / out_step;
  format.a = rounded(per_count * steps, format.a_bits);
  format.b = rounded(offset * steps, format.b_bits());
  return format;
}

}  // namespace gaincell::digital
