#include <algorithm>
#include <cmath>

#include "characterize/measure/measure.h"

namespace gaincell::characterize {
using namespace detail;  // NOLINT(google-build-using-namespace): the helpers of this folder

// Power density over a stretch: a power of the frequency between two points, as white noise,
// flicker noise and what a pole leaves of them are.
static double power(double x0, double s0, double x1, double s1) {
  if (!(x1 > x0)) return 0;
  if (!(s0 > 0 && s1 > 0)) return 0.5 * (s0 + s1) * (x1 - x0);
  const double octaves = std::log(x1 / x0);
  const double bend = std::log(s1 / s0) + octaves;
  const double part = std::abs(bend) < 1e-8 ? 1 + 0.5 * bend : std::expm1(bend) / bend;
  return s0 * x0 * octaves * part;
}

static double run_total_noise(Waves& waves, const MeasureCall& call) {
  const Window window = window_of(waves, call);
  if (window.to <= window.from) throw NoResult("total noise needs a stretch of frequencies");
  const auto density = waves.signal(call.signals[0]);
  const auto x = waves.scale();
  double sum = 0;
  for (std::size_t k = 0; k + 1 < x.size(); ++k) {
    const double from = std::max(x[k], window.from);
    const double to = std::min(x[k + 1], window.to);
    if (!(to > from)) continue;
    const double s0 = density[k] * density[k];
    const double s1 = density[k + 1] * density[k + 1];
    const auto at = [&](double f) {
      const double part = std::log(f / x[k]) / std::log(x[k + 1] / x[k]);
      return s0 > 0 && s1 > 0 ? s0 * std::pow(s1 / s0, part) : s0 + (s1 - s0) * part;
    };
    sum += power(from, at(from), to, at(to));
  }
  return std::sqrt(sum);
}

MeasureKind measure_total_noise() {
  return {"total_noise", MeasureKind::Takes::kSignal,
          "rms over a band of frequencies, in V: the root of the integral of a density's square",
          window_keys(), run_total_noise};
}

}  // namespace gaincell::characterize
