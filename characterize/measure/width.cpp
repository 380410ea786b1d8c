#include <fmt/format.h>

#include "characterize/measure/measure.h"

namespace gaincell::characterize {
using namespace detail;  // NOLINT(google-build-using-namespace): the helpers of this folder

// Pulses that begin before the window do not count; one that has not ended in it has no width.
static double run_width(Waves& waves, const MeasureCall& call) {
  const double level = call.number("level", 0);
  const bool high = call.word("polarity", "high") == "high";
  const double number = call.number("number", 1);
  const auto all = crossings(waves, waves.signal(call.signals[0]), level, window_of(waves, call));
  const Crossing* start = pick(all, high ? "rise" : "fall", number);
  if (start == nullptr)
    return otherwise(call, fmt::format("`{}` has no {} pulse number {} at {}", call.signals[0],
                                       high ? "high" : "low", number, show(level)));
  for (const Crossing& one : all) {
    if (one.x >= start->x && one.edge != start->edge) return one.x - start->x;
  }
  throw NoResult(fmt::format("the pulse of `{}` that begins at {} does not end", call.signals[0],
                             show(start->x)));
}

MeasureKind measure_width() {
  std::vector<Key> keys{
      required("level", form::own_quantity(), "where the width is taken"),
      key("polarity", form::word({"high", "low"}), "default `high`"),
      key("number", form::integer(-1000000), "1 is the first (default), -1 the last")};
  for (Key& one : window_keys()) keys.push_back(one);
  keys.push_back(otherwise_key());
  return {
      "width", MeasureKind::Takes::kSignal,
      "width of a pulse; one that does not end in the window has none, whatever `otherwise` says",
      keys, run_width};
}

}  // namespace gaincell::characterize
