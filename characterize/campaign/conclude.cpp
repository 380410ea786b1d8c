#include "characterize/campaign/conclude.h"

#include <utility>
#include <vector>

#include "characterize/results/samples.h"

namespace gaincell::characterize {
namespace {

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
    BenchReport::Failure& failure = report.failures[points[p].reason];
    if (failure.points++ > 0) continue;
    failure.first = p;
    failure.first_name = full_name(*unit.bench, unit.plan.points[p], p);
  }
  return report;
}

}  // namespace

void conclude(CampaignPlan& campaign, const std::filesystem::path& output,
              const std::string& ngspice_version, CampaignReport& report) {
  std::vector<BenchSamples> samples;
  for (CampaignPlan::Unit& unit : campaign.units) {
    std::vector<PointResult> points = collect(*unit.bench, unit.plan, unit.results);
    report.benches.push_back(report_of(unit, points));
    samples.push_back({unit.bench.get(), &unit.plan, std::move(points), unit.results});
  }
  write_samples(output, samples, ngspice_version);
}

}  // namespace gaincell::characterize
