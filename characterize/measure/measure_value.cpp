#include "characterize/measure/measure.h"

namespace gaincell::characterize {
using namespace detail;  // NOLINT(google-build-using-namespace): the helpers of this folder

// Along time at `at`; in a dc or operating-point run at the point's own place in the sweep.
static double run(Waves& waves, const MeasureCall& call) {
  const auto y = waves.signal(call.signals[0]);
  if (!call.has("index")) return value_at(waves, y, call.number("at", waves.end()));
  const auto index = static_cast<std::size_t>(call.number("index", 0));
  if (index >= y.size()) throw NoResult("the run stopped before this point");
  return y[index];
}

MeasureKind measure_value() {
  return {"value",
          MeasureKind::Takes::kSignal,
          "the signal at a time; in `op` and `dc` at the point",
          {key("at", form::quantity("scale"), "time; default the end of the run")},
          run};
}

}  // namespace gaincell::characterize
