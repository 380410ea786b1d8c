#include <algorithm>

#include "characterize/measure/measure.h"

namespace gaincell::characterize {
using namespace detail;  // NOLINT(google-build-using-namespace): the helpers of this folder

static double run_slope(Waves& waves, const MeasureCall& call) {
  const auto y = waves.signal(call.signals[0]);
  if (!call.has("at")) {
    const Window window = window_of(waves, call);
    if (window.to <= window.from) throw NoResult("a mean slope needs a stretch of time");
    return (value_at(waves, y, window.to) - value_at(waves, y, window.from)) /
           (window.to - window.from);
  }
  const double at = call.number("at", 0);
  (void)value_at(waves, y, at);  // refuses times outside the run
  const auto x = waves.scale();
  if (x.size() < 2) throw NoResult("a slope needs two points");
  const auto after = std::upper_bound(x.begin(), x.end(), at) - x.begin();
  const auto k = static_cast<std::size_t>(
      std::clamp<std::ptrdiff_t>(after, 1, static_cast<std::ptrdiff_t>(x.size()) - 1));
  return (y[k] - y[k - 1]) / (x[k] - x[k - 1]);
}

MeasureKind measure_slope() {
  std::vector<Key> keys{key("at", form::scale_quantity(), "slope here; without it the mean slope")};
  for (Key& one : window_keys()) keys.push_back(one);
  return {"slope", MeasureKind::Takes::kSignal,
          "slope at a place, of the segment that begins there, or mean slope of a stretch", keys,
          run_slope};
}

}  // namespace gaincell::characterize
