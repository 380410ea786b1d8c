#include "audit/deviation.h"

#include <algorithm>
#include <cmath>

namespace gaincell::audit {

Deviation Deviation::of(const std::vector<double>& errors) {
  Deviation d;
  for (const double e : errors) {
    ++d.points;
    d.rms += e * e;
    d.bias += e;
    d.max = std::max(d.max, std::abs(e));
  }
  if (d.points == 0) return d;
  d.rms = std::sqrt(d.rms / static_cast<double>(d.points));
  d.bias /= static_cast<double>(d.points);
  return d;
}

}  // namespace gaincell::audit
