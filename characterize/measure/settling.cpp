#include <fmt/format.h>

#include <cmath>

#include "characterize/measure/measure.h"

namespace gaincell::characterize {
using namespace detail;  // NOLINT(google-build-using-namespace): the helpers of this folder

static double run_settling(Waves& waves, const MeasureCall& call) {
  const Window window = window_of(waves, call);
  const auto y = waves.signal(call.signals[0]);
  const double within = call.number("within", 0);
  const double target = call.number("target", value_at(waves, y, window.to));
  if (std::abs(value_at(waves, y, window.to) - target) > within)
    return otherwise(call, fmt::format("`{}` ends more than {} from {}", call.signals[0],
                                       show(within), show(target)));
  // The last entry into the band is a crossing of one of its ends.
  double last = window.from;
  for (const Crossing& one : crossings(waves, y, target + within, window)) {
    if (one.edge == Edge::kFall) last = std::max(last, one.x);
  }
  for (const Crossing& one : crossings(waves, y, target - within, window)) {
    if (one.edge == Edge::kRise) last = std::max(last, one.x);
  }
  return last - window.from;
}

MeasureKind measure_settling() {
  std::vector<Key> keys = window_keys();
  keys.push_back(required("within", form::own_quantity(), "half the width of the band"));
  keys.push_back(key("target", form::own_quantity(), "its middle; default the value at `to`"));
  keys.push_back(otherwise_key());
  return {"settling", MeasureKind::Takes::kSignal,
          "time after `from` from which the signal stays within the band", keys, run_settling};
}

}  // namespace gaincell::characterize
