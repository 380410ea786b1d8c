#include "characterize/plan/bisection.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <utility>

#include "base/units.h"

namespace gaincell::characterize {
namespace {

// The tolerance is met but for rounding, so that the bench's number of halvings holds.
constexpr double kRounding = 1e-6;

// What `passes` is; nothing where it has no number.
std::optional<double> value_of(const Bench& bench, const Point& point,
                               const PointResult& measured) {
  const Search& search = *bench.search;
  for (const std::size_t used : search.uses) {
    if (std::isnan(measured.values[used])) return std::nullopt;
  }
  Evaluation at(bench, point);
  for (std::size_t k = 0; k < bench.measurements.size(); ++k)
    at.know(bench.measurements[k], measured.values[k]);
  const double value = search.passes->unchecked(at.values());
  return std::isfinite(value) ? std::optional(value) : std::nullopt;
}

}  // namespace

Plan Bisection::begin(const Bench& bench, std::vector<Point> points) {
  Plan plan;
  plan.points = std::move(points);
  states_.resize(plan.points.size());
  for (std::size_t p = 0; p < plan.points.size(); ++p) {
    plan.points[p].searched = bench.search->minimum;
    tries_.push_back({p, bench.search->minimum});
    tries_.push_back({p, bench.search->maximum});
  }
  plan_round(bench, plan);
  for (std::size_t p = 0; p < plan.points.size(); ++p) {
    plan.sources.push_back(round_.sources[2 * p]);
    plan.sources.back().unfound = "its search has not ended";
  }
  return plan;
}

void Bisection::plan_round(const Bench& bench, Plan& plan) {
  std::vector<Point> points;
  for (const Try& one : tries_) {
    points.push_back(plan.points[one.point]);
    points.back().searched = one.value;
  }
  // The first round has two simulations where each later one has at most one.
  round_ = make_plan(bench, std::move(points), kMaxPlanBytes * 2 / (2 + bench.search->halvings));
  const auto before = static_cast<std::uint32_t>(plan.jobs.size());
  for (PointSource& source : round_.sources) {
    for (std::uint32_t& job : source.jobs) job += before;
  }
  for (Job& job : round_.jobs) job.id += before;
  std::move(round_.jobs.begin(), round_.jobs.end(), std::back_inserter(plan.jobs));
  round_.jobs.clear();
  for (const std::uint32_t user : round_.users)
    plan.users.push_back(static_cast<std::uint32_t>(tries_[user].point));
}

bool Bisection::next(const Bench& bench, Plan& plan, std::span<JobResult> results) {
  if (tries_.empty()) return false;
  const std::vector<PointResult> measured = collect(bench, round_, results);
  for (std::size_t k = 0; k < tries_.size(); ++k) take(bench, plan, k, measured[k]);
  std::vector<Try> more;
  for (std::size_t k = 0; k < tries_.size(); ++k) {
    // In the first round a point stands here twice.
    if (k > 0 && tries_[k].point == tries_[k - 1].point) continue;
    if (!states_[tries_[k].point].ended) narrow(bench, plan, tries_[k].point, more);
  }
  tries_ = std::move(more);
  if (!bench.waveforms.empty()) free_waveforms(plan, results);
  if (tries_.empty()) return false;
  plan_round(bench, plan);
  return true;
}

void Bisection::take(const Bench& bench, Plan& plan, std::size_t number,
                     const PointResult& measured) {
  const auto [point, tried] = tries_[number];
  State& state = states_[point];
  if (state.ended) return;
  const Search& search = *bench.search;
  const Point& at = round_.points[number];
  const std::optional<double> value = value_of(bench, at, measured);
  if (!value)
    return end(plan, number,
               fmt::format("at {}: {}", searched_value(bench, at),
                           measured.ok ? "`passes` has no finite result" : measured.reason));
  const bool second = state.passing || state.failing;
  std::optional<Bound>& side = *value > 0 ? state.passing : state.failing;
  if (second && side && !(state.passing && state.failing))
    return end(plan, number,
               fmt::format("`{}` does not change: it is {} at {} and {} at {}", search.passes_text,
                           format_exact(state.first), searched_value(bench, plan.points[point]),
                           format_exact(*value), searched_value(bench, at)));
  if (!second) state.first = *value;
  side = Bound{tried, round_.sources[number]};
}

// The simulations of this try are the last of its point.
void Bisection::end(Plan& plan, std::size_t number, std::string unfound) {
  const auto [point, tried] = tries_[number];
  plan.points[point].searched = tried;
  plan.sources[point] = round_.sources[number];
  plan.sources[point].unfound = std::move(unfound);
  states_[point] = {};
  states_[point].ended = true;
}

void Bisection::narrow(const Bench& bench, Plan& plan, std::size_t point, std::vector<Try>& more) {
  State& state = states_[point];
  const double passing = state.passing->value, failing = state.failing->value;
  const double middle = passing + (failing - passing) / 2;
  const bool close = std::abs(failing - passing) <= bench.search->tolerance * (1 + kRounding) ||
                     middle == passing || middle == failing;
  if (!close) return more.push_back({point, middle});
  plan.points[point].searched = passing;
  plan.sources[point] = std::move(state.passing->source);
  state = {};
  state.ended = true;
}

void Bisection::free_waveforms(const Plan& plan, std::span<JobResult> results) const {
  std::vector<bool> wanted(results.size());
  const auto want = [&wanted](const PointSource& source) {
    for (const std::uint32_t job : source.jobs) wanted[job] = true;
  };
  for (std::size_t p = 0; p < states_.size(); ++p) {
    if (states_[p].ended) {
      want(plan.sources[p]);
    } else {
      want(states_[p].passing->source);
      want(states_[p].failing->source);
    }
  }
  for (std::size_t k = 0; k < results.size(); ++k) {
    if (!wanted[k]) std::vector<std::vector<double>>().swap(results[k].waveforms);
  }
}

}  // namespace gaincell::characterize
