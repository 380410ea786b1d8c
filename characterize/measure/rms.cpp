#include <cmath>
#include <vector>

#include "characterize/measure/measure.h"

namespace gaincell::characterize {
using namespace detail;  // NOLINT(google-build-using-namespace): the helpers of this folder

// The signal is linear between points, so its square integrates to (a^2 + a b + b^2)/3 per unit of
// time.
static double run_rms(Waves& waves, const MeasureCall& call) {
  const Window window = window_of(waves, call);
  if (window.to <= window.from) throw NoResult("an rms needs a stretch of time");
  const auto y = waves.signal(call.signals[0]);
  const auto x = waves.scale();
  double last_x = window.from;
  double last_y = value_at(waves, y, window.from);
  double sum = 0;
  const auto to = [&](double next_x, double next_y) {
    sum += (last_y * last_y + last_y * next_y + next_y * next_y) / 3 * (next_x - last_x);
    last_x = next_x;
    last_y = next_y;
  };
  for (std::size_t k = 0; k < x.size(); ++k) {
    if (x[k] > window.from && x[k] < window.to) to(x[k], y[k]);
  }
  to(window.to, value_at(waves, y, window.to));
  return std::sqrt(sum / (window.to - window.from));
}

MeasureKind measure_rms() {
  return {"rms", MeasureKind::Takes::kSignal, "root mean square over time", window_keys(), run_rms};
}

}  // namespace gaincell::characterize
