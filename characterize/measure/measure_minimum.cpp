#include <algorithm>

#include "characterize/measure/measure.h"

namespace gaincell::characterize {
using namespace detail;  // NOLINT(google-build-using-namespace): the helpers of this folder

// Linear between points, so the extreme lies on a point or an end of the window.
static double run(Waves& waves, const MeasureCall& call) {
  const Window window = window_of(waves, call);
  const auto y = waves.signal(call.signals[0]);
  const auto x = waves.scale();
  double best = std::min(value_at(waves, y, window.from), value_at(waves, y, window.to));
  for (std::size_t k = 0; k < x.size(); ++k) {
    if (x[k] > window.from && x[k] < window.to) best = std::min(best, y[k]);
  }
  return best;
}

MeasureKind measure_minimum() {
  return {"minimum", MeasureKind::Takes::kSignal, "the least value", window_keys(), run};
}

}  // namespace gaincell::characterize
