#include "characterize/check.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/units.h"

namespace gaincell::characterize {
namespace {

std::string axis_text(const Condition& c) {
  std::vector<std::string> shown;
  for (const double value : c.values)
    shown.push_back(c.words.empty() ? format_exact(value)
                                    : c.words[static_cast<std::size_t>(value)]);
  if (shown.size() > 6)
    return fmt::format("{}: {} values, {} ... {} {}", c.name, shown.size(), shown.front(),
                       shown.back(), c.unit);
  return fmt::format("{}: {}{}{}", c.name, fmt::join(shown, ", "), c.unit.empty() ? "" : " ",
                     c.unit);
}

}  // namespace

BenchOutline outline(const CampaignPlan::Unit& unit) {
  const Bench& bench = *unit.bench;
  BenchOutline out;
  out.name = bench.name;
  out.path = bench.path;
  out.points = unit.plan.points.size();
  out.holdout =
      static_cast<std::size_t>(std::count_if(unit.plan.points.begin(), unit.plan.points.end(),
                                             [](const Point& point) { return point.holdout; }));
  out.draws = std::max<std::size_t>(bench.draw_points, 1);
  out.simulations = unit.plan.jobs.size();
  if (!unit.plan.jobs.empty()) out.deck_bytes = unit.plan.jobs.front().deck(false).size();
  for (const Condition& c : bench.conditions) {
    if (c.swept) out.axes.push_back(axis_text(c));
    if (c.by_row) out.axes.push_back("by row, " + axis_text(c));
  }
  out.warnings = unit.warnings;
  return out;
}

namespace {

// Points spread over the bench, of which the simulations are run.
std::vector<std::size_t> probed_points(const CampaignPlan::Unit& unit, std::size_t count) {
  const std::size_t all = unit.plan.points.size();
  const std::size_t wanted = std::min(count, all);
  std::vector<std::size_t> points;
  for (std::size_t k = 0; k < wanted; ++k) points.push_back(k * all / wanted);
  return points;
}

// Those points with their own jobs alone, and what the measurements make of them.
std::vector<std::string> failures_of(CampaignPlan::Unit& unit,
                                     const std::vector<std::size_t>& points) {
  Plan part;
  for (const std::size_t p : points) {
    part.points.push_back(unit.plan.points[p]);
    part.sources.push_back(unit.plan.sources[p]);
  }
  std::vector<std::string> failures;
  const auto results = collect(*unit.bench, part, unit.results);
  for (std::size_t k = 0; k < results.size(); ++k) {
    if (results[k].ok) continue;
    const std::string at = describe(*unit.bench, part.points[k]);
    failures.push_back(
        fmt::format("{}: {}{}{}", unit.bench->name, at, at.empty() ? "" : ": ", results[k].reason));
  }
  return failures;
}

}  // namespace

std::vector<Probe> probe(CampaignPlan& campaign, const PoolOptions& pool, std::size_t count) {
  std::vector<const Job*> jobs;
  std::vector<std::vector<std::size_t>> points;
  for (CampaignPlan::Unit& unit : campaign.units) {
    points.push_back(probed_points(unit, count));
    std::set<std::uint32_t> wanted;
    for (const std::size_t p : points.back())
      wanted.insert(unit.plan.sources[p].jobs.begin(), unit.plan.sources[p].jobs.end());
    for (const std::uint32_t job : wanted) jobs.push_back(&unit.plan.jobs[job]);
  }
  std::vector<Probe> probes(campaign.units.size());
  PoolListener listener;
  listener.tick = [] { return true; };
  listener.done = [&](const Job& job, JobResult result) {
    Probe& one = probes[campaign.places[job.id].unit];
    ++one.simulations;
    one.seconds_each += result.simulator_s;
    campaign.result(job.id) = std::move(result);
  };
  Pool(pool).run(jobs, listener);
  for (std::size_t k = 0; k < probes.size(); ++k) {
    Probe& one = probes[k];
    one.seconds_each /= static_cast<double>(std::max<std::size_t>(one.simulations, 1));
    one.failures = failures_of(campaign.units[k], points[k]);
  }
  return probes;
}

}  // namespace gaincell::characterize
