#include "characterize/measure/measure.h"

namespace gaincell::characterize {
using namespace detail;  // NOLINT(google-build-using-namespace): the helpers of this folder

static std::string energy_signal(std::span<const SourceSignals> sources) {
  std::string sum;
  for (const SourceSignals& source : sources)
    sum += "-(" + source.voltage + ")*(" + source.current + ")";
  return sum;
}

MeasureKind measure_energy() {
  return {"energy",
          MeasureKind::Takes::kSources,
          "energy **delivered** by these sources, -integral of v i",
          window_keys(),
          measure_integral().measure,
          energy_signal};
}

}  // namespace gaincell::characterize
