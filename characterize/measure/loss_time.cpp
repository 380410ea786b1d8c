#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "characterize/measure/measure.h"

namespace gaincell::characterize {
using namespace detail;  // NOLINT(google-build-using-namespace): the helpers of this folder

static double run_loss_time(Waves& waves, const MeasureCall& call) {
  const double from = call.number("from", waves.begin());
  const double by = std::abs(call.number("by", 0));
  if (by == 0) throw NoResult("`by` is 0, and no signal moves by nothing");
  const auto y = waves.signal(call.signals[0]);
  const double start = value_at(waves, y, from);
  const Window rest{from, waves.end()};
  double first = waves.end();
  bool found = false;
  for (const double level : {start - by, start + by}) {
    // Leaving downwards falls through the lower level, upwards rises through the upper one.
    const auto all = crossings(waves, y, level, rest);
    const Crossing* one = pick(all, level < start ? "fall" : "rise", 1);
    if (one == nullptr) continue;
    first = std::min(first, one->x);
    found = true;
  }
  if (found) return std::max(first - from, 0.0);
  return otherwise(call, fmt::format("`{}` does not move by {}", call.signals[0], show(by)));
}

MeasureKind measure_loss_time() {
  return {"loss_time",
          MeasureKind::Takes::kSignal,
          "time after `from` until the signal has moved by so much",
          {required("by", form::own_quantity(), "how much, up or down"),
           key("from", form::scale_quantity(), "default the start of the run"), otherwise_key()},
          run_loss_time};
}

}  // namespace gaincell::characterize
