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
      : low_(low),
        high_(high),
        step_((high - low) / (levels - 1)),
        steps_per_unit_((levels - 1) / (high - low)) {}

  // The ends of [-1, 1] lie half-way between two levels, so an end that arithmetic has missed by a
  // rounding must be the end again.
  double clamp(double x) const {
    const double slack = 1e-12 * (high_ - low_);
    if (x >= high_ - slack) return high_;
    if (x <= low_ + slack) return low_;
    return x;
  }
  bool outside(double x) const { return x < low_ || x > high_; }
  // In steps from zero, without the clamp. std::nearbyint rounds half to even in the default mode.
  // By a product, as the fast level has it: a tie is then one at every level.
  double steps(double x) const { return std::nearbyint(x * steps_per_unit_); }
  double round(double x) const { return step_ * steps(x); }
  int index(double x) const { return static_cast<int>(steps(clamp(x))); }
  double value(int index) const { return step_ * index; }
  double operator()(double x) const { return value(index(x)); }
  double step() const { return step_; }
  double steps_per_unit() const { return steps_per_unit_; }

 private:
  double low_, high_, step_, steps_per_unit_;
};

}  // namespace gaincell::attention
