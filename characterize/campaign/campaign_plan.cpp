#include "characterize/campaign/campaign_plan.h"

#include <algorithm>
#include <set>
#include <utility>

#include "base/error.h"
#include "base/sha256.h"
#include "characterize/job/wire.h"
#include "characterize/plan/warnings.h"

namespace gaincell::characterize {

const Job& CampaignPlan::job(std::uint64_t id) const {
  const Place place = places.at(id);
  return units[place.unit].plan.jobs[place.job];
}

JobResult& CampaignPlan::result(std::uint64_t id) {
  const Place place = places.at(id);
  return units[place.unit].results[place.job];
}

void CampaignPlan::number_jobs(std::size_t unit) {
  Plan& plan = units[unit].plan;
  for (std::size_t k = units[unit].results.size(); k < plan.jobs.size(); ++k) {
    plan.jobs[k].id = places.size();
    places.push_back({unit, k});
    keys.push_back(plan.jobs[k].key());
  }
  units[unit].results.resize(plan.jobs.size());
}

bool CampaignPlan::go_on() {
  bool more = false;
  for (std::size_t k = 0; k < units.size(); ++k) {
    Unit& unit = units[k];
    if (!unit.search || !unit.search->next(*unit.bench, unit.plan, unit.results)) continue;
    number_jobs(k);
    more = true;
  }
  return more;
}

std::string CampaignPlan::fingerprint() const {
  ByteWriter out;
  for (const Unit& unit : units) {
    out.text(unit.bench->text);
    for (const Corner& corner : unit.bench->corners) {
      for (const SourceFile& file : corner.library->files())
        out.text(std::filesystem::path(file.path).filename().string()).text(file.sha256);
    }
  }
  for (const std::string& key : keys) out.text(key);
  return sha256(out.bytes());
}

namespace {

// By their names: the order in which they were given changes no byte of what is written.
std::vector<std::unique_ptr<const Bench>> read_benches(const std::vector<std::string>& paths,
                                                       const std::vector<std::string>& filters,
                                                       const std::vector<std::string>& allow,
                                                       const std::vector<std::string>& at,
                                                       const std::vector<AddedNode>& added_nodes,
                                                       const std::vector<AxisValues>& axis_values) {
  std::vector<std::unique_ptr<const Bench>> benches;
  for (const std::string& path : paths)
    benches.push_back(read_bench(
        path, {filters, {}, {allow.begin(), allow.end()}, {}, at, added_nodes, axis_values}));
  std::stable_sort(benches.begin(), benches.end(),
                   [](const auto& a, const auto& b) { return a->name < b->name; });
  return benches;
}

}  // namespace

CampaignPlan plan_campaign(const std::vector<std::string>& benches,
                           const std::vector<std::string>& filters,
                           const std::vector<std::string>& allow,
                           const std::vector<std::string>& at,
                           const std::vector<AddedNode>& added_nodes,
                           const std::vector<AxisValues>& axis_values) {
  CampaignPlan campaign;
  std::set<std::string> applied;
  std::set<std::string> names;
  for (auto& bench : read_benches(benches, filters, allow, at, added_nodes, axis_values)) {
    const std::string path = bench->path;
    CampaignPlan::Unit unit;
    unit.bench = std::move(bench);
    applied.insert(unit.bench->filters.begin(), unit.bench->filters.end());
    if (!names.insert(unit.bench->name).second)
      throw Error({.place = path,
                   .key = "name",
                   .value = unit.bench->name,
                   .rule = "two benches of one run have this name",
                   .remedy = "rename one"});
    std::vector<Point> points = bench_points(*unit.bench);
    unit.warnings = warnings_of(Evaluation(*unit.bench, points.front()));
    if (unit.bench->search) {
      unit.plan = unit.search.emplace().begin(*unit.bench, std::move(points));
    } else {
      unit.plan = make_plan(*unit.bench, std::move(points));
    }
    campaign.units.push_back(std::move(unit));
    campaign.number_jobs(campaign.units.size() - 1);
  }
  for (const std::string& filter : filters) {
    if (!applied.contains(filter))
      throw Error({.place = "--filter",
                   .value = filter,
                   .rule = "no bench of this run has such a condition",
                   .remedy = "name one that stands under `conditions`, or `corner`"});
  }
  return campaign;
}

}  // namespace gaincell::characterize
