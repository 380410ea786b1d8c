#include "characterize/measure/measure.h"

namespace gaincell::characterize {
using namespace detail;  // NOLINT(google-build-using-namespace): the helpers of this folder

static double run_peak_to_peak(Waves& waves, const MeasureCall& call) {
  return measure_maximum().measure(waves, call) - measure_minimum().measure(waves, call);
}

MeasureKind measure_peak_to_peak() {
  return {"peak_to_peak", MeasureKind::Takes::kSignal, "greatest minus least value", window_keys(),
          run_peak_to_peak};
}

}  // namespace gaincell::characterize
