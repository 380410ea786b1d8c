#include "characterize/conclude.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "characterize/samples.h"

namespace gaincell::characterize {
namespace {

[[noreturn]] void refuse_hopeless(const Bench& bench, const std::string& why,
                                  const std::string& log) {
  // The last lines are enough for a message; the whole of it belongs to a file.
  std::string tail;
  std::size_t lines = 0;
  for (std::size_t k = log.size(); k > 0 && lines < 4; --k) {
    if (log[k - 1] == '\n' && k != log.size()) ++lines;
    if (lines < 4) tail.insert(tail.begin(), log[k - 1]);
  }
  while (!tail.empty() && (tail.back() == '\n' || tail.back() == ' ')) tail.pop_back();
  std::replace(tail.begin(), tail.end(), '\n', '|');
  throw HopelessBench({.place = bench.path,
                       .key = bench.name,
                       .rule = fmt::format("not one simulation gave a result: {}", why),
                       .remedy = tail.empty()
                                     ? "check the circuit, its initial conditions and the options"
                                     : fmt::format("the simulator's last words: {}", tail)});
}

BenchReport report_of(const CampaignPlan::Unit& unit, const std::vector<PointResult>& points) {
  BenchReport report;
  report.name = unit.bench->name;
  report.points = points.size();
  report.simulations = unit.plan.jobs.size();
  for (std::size_t p = 0; p < points.size(); ++p) {
    if (unit.plan.points[p].holdout) ++report.holdout;
    if (points[p].aided) ++report.aided_points;
    if (points[p].ok) continue;
    ++report.failed_points;
    ++report.reasons[points[p].reason];
  }
  return report;
}

}  // namespace

void refuse_if_hopeless(const CampaignPlan::Unit& unit) {
  const JobResult* failed = nullptr;
  for (const JobResult& result : unit.results) {
    if (result.ok) return;
    if (failed == nullptr && result.failure.why != JobFailure::Why::kNotRun) failed = &result;
  }
  if (failed != nullptr)
    refuse_hopeless(*unit.bench, failed->failure.reason, failed->failure.log_tail);
}

void conclude(CampaignPlan& campaign, const std::filesystem::path& output,
              const std::string& ngspice_version, CampaignReport& report) {
  std::vector<BenchSamples> samples;
  for (CampaignPlan::Unit& unit : campaign.units) {
    refuse_if_hopeless(unit);
    std::vector<PointResult> points = collect(*unit.bench, unit.plan, unit.results);
    report.benches.push_back(report_of(unit, points));
    if (std::none_of(points.begin(), points.end(), [](const PointResult& p) { return p.ok; }))
      refuse_hopeless(*unit.bench, points.front().reason, points.front().log_tail);
    samples.push_back({unit.bench.get(), &unit.plan, std::move(points), unit.results});
  }
  write_samples(output, samples, ngspice_version);
}

}  // namespace gaincell::characterize
