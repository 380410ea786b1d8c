#include "characterize/measure/measure.h"

namespace gaincell::characterize {
using namespace detail;  // NOLINT(google-build-using-namespace): the helpers of this folder

static double run_average(Waves& waves, const MeasureCall& call) {
  const Window window = window_of(waves, call);
  if (window.to <= window.from) throw NoResult("an average needs a stretch of time");
  return integral(waves, waves.signal(call.signals[0]), window) / (window.to - window.from);
}

MeasureKind measure_average() {
  return {"average", MeasureKind::Takes::kSignal, "mean over time", window_keys(), run_average};
}

}  // namespace gaincell::characterize
