#include "characterize/measure/measure.h"

namespace gaincell::characterize {
using namespace detail;  // NOLINT(google-build-using-namespace): the helpers of this folder

static double run(Waves& waves, const MeasureCall& call) {
  const double level = call.number("level", 0);
  const Window window = window_of(waves, call);
  const auto y = waves.signal(call.signals[0]);
  double sum = 0;
  bool above = value_at(waves, y, window.from) >= level;
  double since = window.from;
  for (const Crossing& one : crossings(waves, y, level, window)) {
    if (one.edge == Edge::kRise) since = one.x;
    if (one.edge == Edge::kFall && above) sum += one.x - since;
    above = one.edge == Edge::kRise;
  }
  return above ? sum + (window.to - since) : sum;
}

MeasureKind measure_time_above() {
  std::vector<Key> keys{required("level", form::quantity("*"), "the level")};
  for (Key& one : window_keys()) keys.push_back(one);
  return {"time_above", MeasureKind::Takes::kSignal,
          "all time that the signal spends above the level, 0 if none", keys, run};
}

}  // namespace gaincell::characterize
