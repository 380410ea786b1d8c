#include "characterize/measure/measure.h"

namespace gaincell::characterize {
using namespace detail;  // NOLINT(google-build-using-namespace): the helpers of this folder

// Current in SPICE flows from the net into the source, so what a source delivers is minus that.
static std::string charge_signal(std::span<const SourceSignals> sources) {
  std::string sum;
  for (const SourceSignals& source : sources) sum += "-(" + source.current + ")";
  return sum;
}

MeasureKind measure_charge() {
  return {"charge",
          MeasureKind::Takes::kSources,
          "charge **delivered** by these sources into their nets, -integral of i",
          window_keys(),
          measure_integral().measure,
          charge_signal};
}

}  // namespace gaincell::characterize
