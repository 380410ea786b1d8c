#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "characterize/measure/measure.h"

namespace gaincell::characterize {
using namespace detail;  // NOLINT(google-build-using-namespace): the helpers of this folder

namespace {

// Where a signal rests ahead of a crossing: below this distance from the level (counted towards the
// other side) it spends a tenth of the stretch. Deeper peaks are undershoot.
double rest_distance(std::span<const double> x, std::span<const double> y, double level,
                     Window stretch) {
  std::vector<std::pair<double, double>> pieces;  // distance, duration
  double total = 0;
  for (std::size_t k = 0; k + 1 < x.size(); ++k) {
    const double width = std::min(x[k + 1], stretch.to) - std::max(x[k], stretch.from);
    if (width <= 0) continue;
    const double distance = std::min(std::abs(y[k] - level), std::abs(y[k + 1] - level));
    pieces.emplace_back(distance, width);
    total += width;
  }
  std::sort(pieces.rbegin(), pieces.rend());
  double spent = 0;
  for (const auto& [distance, width] : pieces) {
    spent += width;
    if (spent >= 0.1 * total) return distance;
  }
  return 0;
}

// When the edge that ends in this crossing began: the last time that the signal was still at rest,
// within 1 % of the way to the level.
double edge_begin(const Waves& waves, std::span<const double> y, double level, double previous,
                  double crossing) {
  const auto x = waves.scale();
  const double left = 0.99 * rest_distance(x, y, level, {previous, crossing});
  double begin = previous;
  for (std::size_t k = 0; k < x.size() && x[k] < crossing; ++k) {
    if (x[k] < previous || std::abs(y[k] - level) < left) continue;
    begin = x[k];
    if (k + 1 == x.size() || std::abs(y[k + 1] - level) >= left) continue;
    const double there = std::abs(y[k] - level);
    const double next = x[k + 1] < crossing ? std::abs(y[k + 1] - level) : 0;
    const double end = std::min(x[k + 1], crossing);
    if (there > next) begin += (there - left) / (there - next) * (end - x[k]);
  }
  return begin;
}

const Crossing* nearest(std::vector<Crossing>& all, const std::string& edge, double x,
                        double number) {
  std::stable_sort(all.begin(), all.end(), [x](const Crossing& a, const Crossing& b) {
    return std::abs(a.x - x) < std::abs(b.x - x);
  });
  return pick(all, edge, number);
}

double run_delay(Waves& waves, const MeasureCall& call) {
  if (call.signals.size() < 2) throw NoResult("`after` is missing");
  const double level = call.number("level", 0);
  const double after_level = call.number("after_level", level);
  const std::string edge = call.word("edge", "either");
  const std::string pairing = call.word("pairing", "edge");
  const double number = call.number("number", 1);
  const Window window = window_of(waves, call);
  const auto after = waves.signal(call.signals[1]);
  const auto starts = crossings(waves, after, after_level, window);
  const Crossing* start =
      pick(starts, call.word("after_edge", "either"), call.number("after_number", 1));
  if (start == nullptr)
    return otherwise(call,
                     fmt::format("`{}` does not cross {}", call.signals[1], show(after_level)));
  auto ends = crossings(waves, waves.signal(call.signals[0]), level, window);
  const Crossing* end = nullptr;
  if (pairing == "number") {
    end = pick(ends, edge, number);
  } else if (pairing == "nearest") {
    end = nearest(ends, edge, start->x, number);
  } else {
    const double previous = start == starts.data() ? window.from : (start - 1)->x;
    const double begin = edge_begin(waves, after, after_level, previous, start->x);
    std::erase_if(ends, [begin](const Crossing& one) { return one.x < begin; });
    end = pick(ends, edge, number);
  }
  if (end == nullptr)
    return otherwise(
        call, fmt::format("`{}` does not cross {} {} `{}` crosses {} at {} (edge: {}, number {})",
                          call.signals[0], show(level),
                          pairing == "edge" ? "on or after the edge in which" : "where",
                          call.signals[1], show(after_level), show(start->x), edge, number));
  return end->x - start->x;
}

}  // namespace

MeasureKind measure_delay() {
  std::vector<Key> keys{
      required("level", form::own_quantity(), "what the signal crosses"),
      key("edge", form::word({"rise", "fall", "either"}), "default `either`"),
      key("number", form::integer(-1000000), "1 is the first (default), -1 the last"),
      required("after", form::text(), "the signal that starts the clock"),
      key("after_level", form::own_quantity(), "what that signal crosses; default `level`"),
      key("after_edge", form::word({"rise", "fall", "either"}), "default `either`"),
      key("after_number", form::integer(-1000000), "default 1"),
      key("pairing", form::word({"edge", "number", "nearest"}),
          "`edge` (default): crossings count from where `after` leaves its rest ahead of its "
          "crossing; `number`: over the whole window, as in SPICE's `.measure trig targ`; "
          "`nearest`: by distance from that crossing, either way")};
  for (Key& one : window_keys()) keys.push_back(one);
  keys.push_back(otherwise_key());
  return {"delay", MeasureKind::Takes::kSignal,
          "time from a crossing of `after` to that crossing of the signal which its edge causes; "
          "negative where a slow edge is overtaken",
          keys, run_delay};
}

}  // namespace gaincell::characterize
