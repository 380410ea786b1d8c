#include <fmt/format.h>

#include "characterize/measure/measure.h"

namespace gaincell::characterize {
using namespace detail;  // NOLINT(google-build-using-namespace): the helpers of this folder

static double run(Waves& waves, const MeasureCall& call) {
  if (call.signals.size() < 2) throw NoResult("`after` is missing");
  const double level = call.number("level", 0);
  const double after_level = call.number("after_level", level);
  const auto starts =
      crossings(waves, waves.signal(call.signals[1]), after_level, {waves.begin(), waves.end()});
  const Crossing* start =
      pick(starts, call.word("after_edge", "either"), call.number("after_number", 1));
  if (start == nullptr)
    return otherwise(call,
                     fmt::format("`{}` does not cross {}", call.signals[1], show(after_level)));
  const auto ends = crossings(waves, waves.signal(call.signals[0]), level, {start->x, waves.end()});
  const Crossing* end = pick(ends, call.word("edge", "either"), call.number("number", 1));
  if (end == nullptr)
    return otherwise(call, fmt::format("`{}` does not cross {} after {}", call.signals[0],
                                       show(level), show(start->x)));
  return end->x - start->x;
}

MeasureKind measure_delay() {
  return {"delay",
          MeasureKind::Takes::kSignal,
          "time from a crossing of `after` to the crossing of the signal that follows",
          {required("level", form::quantity("*"), "what the signal crosses"),
           key("edge", form::word({"rise", "fall", "either"}), "default `either`"),
           key("number", form::integer(-1000000), "which crossing after the start; default 1"),
           required("after", form::text(), "the signal that starts the clock"),
           key("after_level", form::quantity("*"), "what that signal crosses; default `level`"),
           key("after_edge", form::word({"rise", "fall", "either"}), "default `either`"),
           key("after_number", form::integer(-1000000), "default 1"), otherwise_key()},
          run};
}

}  // namespace gaincell::characterize
