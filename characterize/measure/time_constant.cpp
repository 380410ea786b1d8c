#include <fmt/format.h>

#include <cmath>

#include "characterize/measure/measure.h"

namespace gaincell::characterize {
using namespace detail;  // NOLINT(google-build-using-namespace): the helpers of this folder

static double run_time_constant(Waves& waves, const MeasureCall& call) {
  const Window window = window_of(waves, call);
  const auto y = waves.signal(call.signals[0]);
  const double start = value_at(waves, y, window.from);
  const double final_value = call.number("final", value_at(waves, y, window.to));
  const double level = final_value + (start - final_value) * std::exp(-1.0);
  const auto all = crossings(waves, y, level, window);
  if (const Crossing* one = pick(all, "either", 1)) return one->x - window.from;
  return otherwise(
      call, fmt::format("`{}` does not come within 1/e of {}", call.signals[0], show(final_value)));
}

MeasureKind measure_time_constant() {
  std::vector<Key> keys = window_keys();
  keys.push_back(key("final", form::own_quantity(), "where it goes; default the value at `to`"));
  keys.push_back(otherwise_key());
  return {"time_constant", MeasureKind::Takes::kSignal,
          "time after `from` until 1/e of the way to the final value is left", keys,
          run_time_constant};
}

}  // namespace gaincell::characterize
