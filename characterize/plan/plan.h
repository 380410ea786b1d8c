#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/random.h"
#include "characterize/bench/bench.h"
#include "characterize/job/job.h"
#include "characterize/plan/evaluation.h"

namespace gaincell::characterize {

// All points of a bench: the grid of the swept conditions (first one slowest) times the draws, then
// the hold-out points.
std::vector<Point> bench_points(const Bench& bench);

// How a point that no table sees is drawn.
enum class DrawnIn {
  kRange,      // uniform over the ranges of the swept conditions
  kIntervals,  // each condition in any of the intervals between its values, all alike
  kWorking,    // uniform in the bench's working range
};
// In which order a bench's hold-out points take them, over and over: intervals twice where there is
// a working range, as an error that one point in an interval shows no other one can tell.
std::vector<DrawnIn> draws_of(const Bench& bench);
Point drawn_point(const Bench& bench, DrawnIn where, Random& random);
// Whether the bench states a working range, and the point lies in it.
bool is_working(const Bench& bench, const Point& point);

// Where a point's measurements come from.
struct PointSource {
  std::vector<std::uint32_t> jobs;   // one an analysis
  std::vector<std::uint32_t> calls;  // one a measurement, in its analysis' job; kNoCall: a formula
  std::string unfound{};             // why a search has found nothing; these are then its last jobs
};
inline constexpr std::uint32_t kNoCall = 0xffffffff;

// The simulations of a bench. Points with the same simulation share one job.
struct Plan {
  std::vector<Point> points;
  std::vector<PointSource> sources;  // one a point
  std::vector<Job> jobs;             // ids 0, 1, ...
  std::vector<std::uint32_t> users;  // the first point of each job
};

// What a plan may hold in memory: a short bench can ask for much.
inline constexpr std::size_t kMaxPlanBytes = std::size_t{768} << 20;

// Throws Error where a point has no valid deck (a pulse with rise 0, an expression that is not
// finite), and where the plan grows beyond `max_bytes`. `points` may come from anywhere; each gives
// every condition of the bench, and the value that it searches.
Plan make_plan(const Bench& bench, std::vector<Point> points,
               std::size_t max_bytes = kMaxPlanBytes);

// What a point is called beside its number: "corner=slow v_dd=0.9", "v_dd=0.9 draw=3"; "" where a
// bench has but one. The words are what points_at() takes.
std::string label_of(const Bench& bench, const Point& point);
// "point 7 (corner=slow v_dd=0.9)", for messages.
std::string full_name(const Bench& bench, const Point& point, std::size_t number);

// Numbers of the points that have all these values, each `name=value`, several in a word with
// commas between. Values may have units and as few digits as tell them apart (six at most). Throws
// Error for a name that is no swept condition and a value that no point has.
std::vector<std::size_t> points_at(const Bench& bench, std::span<const Point> points,
                                   std::span<const std::string> words);

// The results of a bench's points, formulas included.
struct PointResult {
  bool ok = false;
  bool aided = false;
  std::vector<double> values;  // one a measurement; NaN where there is none
  std::string reason;          // where not ok
  std::string log_tail;
};
std::vector<PointResult> collect(const Bench& bench, const Plan& plan,
                                 std::span<const JobResult> results);

// "t_setup = 1e-11 s": which value of a search a point stands at.
std::string searched_value(const Bench& bench, const Point& point);

}  // namespace gaincell::characterize
