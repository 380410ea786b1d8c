#include <fmt/format.h>

#include "characterize/measure/measure.h"

namespace gaincell::characterize {
using namespace detail;  // NOLINT(google-build-using-namespace): the helpers of this folder

static double run_crossing(Waves& waves, const MeasureCall& call) {
  const double level = call.number("level", 0);
  const std::string edge = call.word("edge", "either");
  const double number = call.number("number", 1);
  const auto all = crossings(waves, waves.signal(call.signals[0]), level, window_of(waves, call));
  if (const Crossing* found = pick(all, edge, number)) return found->x;
  return otherwise(call, fmt::format("`{}` has no crossing number {} of {} (edge: {})",
                                     call.signals[0], number, show(level), edge));
}

MeasureKind measure_crossing() {
  std::vector<Key> keys{
      required("level", form::own_quantity(), "what is crossed"),
      key("edge", form::word({"rise", "fall", "either"}), "default `either`"),
      key("number", form::integer(-1000000), "1 is the first (default), -1 the last")};
  for (Key& one : window_keys()) keys.push_back(one);
  keys.push_back(otherwise_key());
  return {"crossing", MeasureKind::Takes::kSignal, "where the signal crosses the level", keys,
          run_crossing};
}

}  // namespace gaincell::characterize
