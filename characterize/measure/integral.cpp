#include "characterize/measure/measure.h"

namespace gaincell::characterize {
using namespace detail;  // NOLINT(google-build-using-namespace): the helpers of this folder

static double run_integral(Waves& waves, const MeasureCall& call) {
  return integral(waves, waves.signal(call.signals[0]), window_of(waves, call));
}

MeasureKind measure_integral() {
  return {"integral", MeasureKind::Takes::kSignal, "integral over time", window_keys(),
          run_integral};
}

}  // namespace gaincell::characterize
