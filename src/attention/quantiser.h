#pragma once

#include <algorithm>
#include <cmath>

namespace gaincell::attention {

// Uniform quantiser on [low, high]: low + step * round((x - low) / step), half to even, after a
// clamp. (x - low) / step is computed as (x - low) * (levels - 1) / (high - low).
class Quantiser {
 public:
  Quantiser(double low, double high, int levels)
      : low_(low), high_(high), top_(levels - 1), per_unit_(top_ / (high - low)) {}

  double clamp(double x) const { return std::clamp(x, low_, high_); }
  // 0 .. levels-1. std::nearbyint rounds half to even in the default mode.
  int index(double x) const {
    return static_cast<int>(std::nearbyint((clamp(x) - low_) * per_unit_));
  }
  double value(int index) const { return low_ + (high_ - low_) * index / top_; }
  double operator()(double x) const { return value(index(x)); }
  int levels() const { return static_cast<int>(top_) + 1; }

 private:
  double low_, high_, top_, per_unit_;
};

}  // namespace gaincell::attention
