#include "characterize/measure/measure.h"

namespace gaincell::characterize {
using namespace detail;  // NOLINT(google-build-using-namespace): the helpers of this folder

// Along a scale at `at`; in an operating-point run, and where a condition is swept in the run, at
// the point's own place.
static double run_value(Waves& waves, const MeasureCall& call) {
  const auto y = waves.signal(call.signals[0]);
  if (!call.has("index")) return value_at(waves, y, call.number("at", waves.end()));
  const auto index = static_cast<std::size_t>(call.number("index", 0));
  if (index >= y.size()) throw NoResult("the run stopped before this point");
  return y[index];
}

MeasureKind measure_value() {
  return {"value",
          MeasureKind::Takes::kSignal,
          "the signal at a place; in `op`, and in `dc` without `at`, at the point",
          {key("at", form::scale_quantity(),
               "where; default the end of the run, in `dc` the point's own value")},
          run_value};
}

}  // namespace gaincell::characterize
