#pragma once

#include <algorithm>
#include <cmath>

namespace gaincell::attention {

// The published quantiser: clamp to [low, high], then step * round(x / step), half to even, with
// step = (high - low) / (levels - 1). Zero is always a level; on [-1, 1] with 32 levels the ends
// round outwards to +-16 steps = +-32/31.
class Quantiser {
 public:
  Quantiser(double low, double high, int levels)
      : low_(low), high_(high), step_((high - low) / (levels - 1)) {}

  // The ends of [-1, 1] lie half-way between two levels, so an end that arithmetic has missed by a
  // rounding must be the end again.
  double clamp(double x) const {
    const double slack = 1e-12 * (high_ - low_);
    if (x >= high_ - slack) return high_;
    if (x <= low_ + slack) return low_;
    return x;
  }
  // Without the clamp.
  double round(double x) const { return step_ * std::nearbyint(x / step_); }
  // In steps from zero. std::nearbyint rounds half to even in the default mode.
  int index(double x) const { return static_cast<int>(std::nearbyint(clamp(x) / step_)); }
  double value(int index) const { return step_ * index; }
  double operator()(double x) const { return value(index(x)); }
  double step() const { return step_; }

 private:
  double low_, high_, step_;
};

}  // namespace gaincell::attention
