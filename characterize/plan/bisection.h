#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

#include "characterize/plan/plan.h"

namespace gaincell::characterize {

// The searches of a bench's points. Both ends of the range are planned first; the results of a
// round decide the values of the next, one for each point that is not yet at the tolerance.
class Bisection {
 public:
  // The plan of the first round. Until its search ends a point has no result.
  Plan begin(const Bench& bench, std::vector<Point> points);
  // With the results of all jobs of the plan: where a search ends, its point gets the value, and
  // its source the simulations that decided; the next round's jobs are added behind. The waveforms
  // of simulations that decide nothing any more are let go. False where every search has ended.
  bool next(const Bench& bench, Plan& plan, std::span<JobResult> results);

 private:
  // A value that is tried at a point.
  struct Try {
    std::size_t point;
    double value;
  };
  struct Bound {
    double value;
    PointSource source;
  };
  struct State {
    std::optional<Bound> passing, failing;  // that lie next to one another
    double first = 0;                       // what `passes` was at the minimum
    bool ended = false;
  };

  void plan_round(const Bench& bench, Plan& plan);
  void take(const Bench& bench, Plan& plan, std::size_t number, const PointResult& measured);
  void end(Plan& plan, std::size_t number, std::string unfound);
  void narrow(const Bench& bench, Plan& plan, std::size_t point, std::vector<Try>& more);
  void free_waveforms(const Plan& plan, std::span<JobResult> results) const;

  std::vector<State> states_;  // one a point
  std::vector<Try> tries_;     // of this round, the points of `round_`
  Plan round_;                 // without jobs: they stand in the whole plan
};

}  // namespace gaincell::characterize
