#include "characterize/campaign/check.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/units.h"

namespace gaincell::characterize {
namespace {

std::string axis_text(const Condition& c) {
  std::vector<std::string> shown;
  for (const double value : c.values)
    // Ends and steps are computed: 0.95, not 0.9500000000000001.
    shown.push_back(c.words.empty() ? fmt::format("{:.12g}", value)
                                    : c.words[static_cast<std::size_t>(value)]);
  if (shown.size() > 6)
    return fmt::format("{}: {} values, {} ... {} {}", c.name, shown.size(), shown.front(),
                       shown.back(), c.unit);
  return fmt::format("{}: {}{}{}", c.name, fmt::join(shown, ", "), c.unit.empty() ? "" : " ",
                     c.unit);
}

bool is_the_axis_of_a_table(const Bench& bench, const std::string& condition) {
  return std::any_of(bench.tables.begin(), bench.tables.end(), [&](const TableRequest& table) {
    return table.over.size() == 1 && table.over.front() == condition;
  });
}

// A table's error is what hold-out points say of it: of an interval without one it says nothing.
// Over several axes intervals are too many to have one each.
std::vector<std::string> silent_intervals(const Bench& bench, const std::vector<Point>& points) {
  std::vector<std::string> warnings;
  for (std::size_t k = 0; k < bench.conditions.size(); ++k) {
    const Condition& c = bench.conditions[k];
    if (!c.swept || !c.words.empty() || c.values.size() < 2 ||
        !is_the_axis_of_a_table(bench, c.name))
      continue;
    std::vector<bool> spoken(c.values.size() - 1);
    bool any = false;
    for (const Point& point : points) {
      if (!point.holdout) continue;
      any = true;
      const auto above = std::upper_bound(c.values.begin(), c.values.end(), point.values[k]);
      if (above != c.values.begin() && above != c.values.end())
        spoken[static_cast<std::size_t>(above - c.values.begin()) - 1] = true;
    }
    const auto silent = std::count(spoken.begin(), spoken.end(), false);
    if (any && silent > 0)
      warnings.push_back(
          fmt::format("holdout: {} of the {} intervals of `{}` have no hold-out point, and the "
                      "tables' errors say nothing of them; raise holdout.points",
                      silent, spoken.size(), c.name));
  }
  return warnings;
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
  if (bench.search) {
    out.simulations += bench.search->halvings * out.points * bench.analyses.size();
    out.at_most = true;
  }
  if (!unit.plan.jobs.empty()) out.deck_bytes = unit.plan.jobs.front().deck(false).size();
  for (const Condition& c : bench.conditions) {
    if (c.swept) out.axes.push_back(axis_text(c));
    if (c.by_row) out.axes.push_back("by row, " + axis_text(c));
  }
  out.warnings = unit.warnings;
  for (std::string& warning : silent_intervals(bench, unit.plan.points))
    out.warnings.push_back(std::move(warning));
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

// What the measurements make of points whose simulations have run.
std::vector<std::string> failures_of(const Bench& bench, const Plan& plan,
                                     std::span<const JobResult> all) {
  std::vector<std::string> failures;
  const auto results = collect(bench, plan, all);
  for (std::size_t k = 0; k < results.size(); ++k) {
    if (results[k].ok) continue;
    const std::string at = label_of(bench, plan.points[k]);
    failures.push_back(
        fmt::format("{}: {}{}{}", bench.name, at, at.empty() ? "" : ": ", results[k].reason));
  }
  return failures;
}

// Those points with their own jobs alone.
Plan part_of(const Plan& plan, const std::vector<std::size_t>& points) {
  Plan part;
  for (const std::size_t p : points) {
    part.points.push_back(plan.points[p]);
    part.sources.push_back(plan.sources[p]);
  }
  return part;
}

// The whole search of some points: an end of its range alone says little.
Probe probe_search(CampaignPlan::Unit& unit, const PoolOptions& pool, std::size_t count) {
  Probe one;
  Bisection search;
  Plan plan = search.begin(*unit.bench, part_of(unit.plan, probed_points(unit, count)).points);
  std::vector<JobResult> results;
  PoolListener listener;
  listener.tick = [] { return true; };
  listener.done = [&](const Job& job, JobResult result) {
    ++one.simulations;
    one.seconds_each += result.simulator_s;
    results[job.id] = std::move(result);
  };
  do {
    std::vector<const Job*> jobs;
    for (std::size_t k = results.size(); k < plan.jobs.size(); ++k) jobs.push_back(&plan.jobs[k]);
    results.resize(plan.jobs.size());
    Pool(pool).run(jobs, listener);
  } while (search.next(*unit.bench, plan, results));
  one.seconds_each /= static_cast<double>(one.simulations);
  one.failures = failures_of(*unit.bench, plan, results);
  return one;
}

}  // namespace

std::vector<Probe> probe(CampaignPlan& campaign, const PoolOptions& pool, std::size_t count) {
  std::vector<const Job*> jobs;
  std::vector<std::vector<std::size_t>> points;
  for (CampaignPlan::Unit& unit : campaign.units) {
    points.push_back(probed_points(unit, count));
    if (unit.search) continue;
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
  if (!jobs.empty()) Pool(pool).run(jobs, listener);
  for (std::size_t k = 0; k < probes.size(); ++k) {
    CampaignPlan::Unit& unit = campaign.units[k];
    Probe& one = probes[k];
    if (unit.search) {
      one = probe_search(unit, pool, count);
      continue;
    }
    one.seconds_each /= static_cast<double>(std::max<std::size_t>(one.simulations, 1));
    one.failures = failures_of(*unit.bench, part_of(unit.plan, points[k]), unit.results);
  }
  return probes;
}

}  // namespace gaincell::characterize
