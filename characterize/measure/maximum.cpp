#include <functional>

#include "characterize/measure/measure.h"

namespace gaincell::characterize {
using namespace detail;  // NOLINT(google-build-using-namespace): the helpers of this folder

static double run_maximum(Waves& waves, const MeasureCall& call) {
  return extreme(waves, call, std::greater<>()).y;
}
static double run_maximum_at(Waves& waves, const MeasureCall& call) {
  return extreme(waves, call, std::greater<>()).x;
}

MeasureKind measure_maximum() {
  return {"maximum", MeasureKind::Takes::kSignal, "the greatest value", window_keys(), run_maximum};
}

MeasureKind measure_maximum_at() {
  return {"maximum_at", MeasureKind::Takes::kSignal, "where the greatest value is first reached",
          window_keys(), run_maximum_at};
}

}  // namespace gaincell::characterize
