#include "characterize/measure/measure.h"

namespace gaincell::characterize {
using namespace detail;  // NOLINT(google-build-using-namespace): the helpers of this folder

// Time within a segment of the length 1 that a straight line from a to b is at or above 0.
static double share_above(double a, double b) {
  if (a >= 0 && b >= 0) return 1;
  if (a < 0 && b < 0) return 0;
  return a >= 0 ? a / (a - b) : b / (b - a);
}

static double run_time_above(Waves& waves, const MeasureCall& call) {
  const double level = call.number("level", 0);
  const Window window = window_of(waves, call);
  const auto y = waves.signal(call.signals[0]);
  const auto x = waves.scale();
  double sum = 0;
  double last_x = window.from;
  double last_y = value_at(waves, y, window.from) - level;
  const auto to = [&](double next_x, double next_y) {
    sum += share_above(last_y, next_y) * (next_x - last_x);
    last_x = next_x;
    last_y = next_y;
  };
  for (std::size_t k = 0; k < x.size(); ++k) {
    if (x[k] > window.from && x[k] < window.to) to(x[k], y[k] - level);
  }
  to(window.to, value_at(waves, y, window.to) - level);
  return sum;
}

MeasureKind measure_time_above() {
  std::vector<Key> keys{required("level", form::own_quantity(), "the level")};
  for (Key& one : window_keys()) keys.push_back(one);
  return {"time_above", MeasureKind::Takes::kSignal,
          "all time that the signal spends at or above the level, 0 if none", keys, run_time_above};
}

}  // namespace gaincell::characterize
