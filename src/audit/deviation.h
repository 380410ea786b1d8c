#pragma once

#include <cstddef>
#include <vector>

namespace gaincell::audit {

// What one level makes of columns against what SPICE does, in the errors' unit.
struct Deviation {
  std::size_t points = 0;
  double rms = 0, max = 0, bias = 0;

  static Deviation of(const std::vector<double>& errors);
};

}  // namespace gaincell::audit
