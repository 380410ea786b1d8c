#include <functional>

#include "characterize/measure/measure.h"

namespace gaincell::characterize {
using namespace detail;  // NOLINT(google-build-using-namespace): the helpers of this folder

static double run_minimum(Waves& waves, const MeasureCall& call) {
  return extreme(waves, call, std::less<>()).y;
}
static double run_minimum_at(Waves& waves, const MeasureCall& call) {
  return extreme(waves, call, std::less<>()).x;
}

MeasureKind measure_minimum() {
  return {"minimum", MeasureKind::Takes::kSignal, "the least value", window_keys(), run_minimum};
}

MeasureKind measure_minimum_at() {
  return {"minimum_at", MeasureKind::Takes::kSignal, "where the least value is first reached",
          window_keys(), run_minimum_at};
}

}  // namespace gaincell::characterize
