#include "cli/refinement.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "base/error.h"
#include "lut/refine.h"

namespace gaincell::cli {
namespace {

// An axis begins with a quarter of its values, with which a table of fourth order is off some 250
// times as much; axes of fewer than seven are left.
constexpr std::size_t kShare = 4, kFewest = 7;
// More values have not helped a table of whose error so much is left with so many times the values:
// what is left is the simulations' own.
constexpr double kNoBetter = 0.8, kPatience = 1.5;
// After so many rounds, or with so many times the values of the bench, a limit is out of reach.
constexpr std::size_t kMostRounds = 150, kMostTimes = 4;

// Tables that are not sampled: their bench only tests them.
constexpr const char* kIntegrated = "cell_retention";

std::vector<double> some_of(const std::vector<double>& values) {
  const std::size_t count = (values.size() + kShare - 1) / kShare + 1;
  std::vector<double> some;
  for (std::size_t k = 0; k < count; ++k)
    some.push_back(values[(k * (values.size() - 1) + (count - 1) / 2) / (count - 1)]);
  return some;
}

// Axes over which some table has no limit: nothing would say how exact it still is.
std::set<std::string> without_limit(const characterize::Bench& bench) {
  std::set<std::string> axes;
  for (const characterize::TableRequest& table : bench.tables)
    if (table.limits.empty() || table.name == kIntegrated)
      axes.insert(table.over.begin(), table.over.end());
  return axes;
}

bool is_axis(const characterize::Bench& bench, const std::string& condition) {
  return std::any_of(bench.tables.begin(), bench.tables.end(), [&](const auto& table) {
    return std::find(table.over.begin(), table.over.end(), condition) != table.over.end();
  });
}

}  // namespace

std::vector<std::string> swept_inside(const characterize::CampaignPlan& campaign,
                                      const std::string& bench) {
  std::vector<std::string> axes;
  for (const characterize::CampaignPlan::Unit& unit : campaign.units) {
    if (unit.bench->name != bench) continue;
    for (const characterize::Analysis& analysis : unit.bench->analyses)
      for (const characterize::Sweep& sweep : analysis.sweeps)
        if (sweep.condition) axes.push_back(unit.bench->conditions[*sweep.condition].name);
  }
  return axes;
}

Refinement::Refinement(const characterize::CampaignPlan& whole) {
  for (const characterize::CampaignPlan::Unit& unit : whole.units) {
    const characterize::Bench& bench = *unit.bench;
    whole_simulations_ += unit.plan.jobs.size();
    const std::vector<std::string> inside = swept_inside(whole, bench.name);
    const std::set<std::string> unlimited = without_limit(bench);
    for (const characterize::Condition& c : bench.conditions) {
      if (!c.swept || c.count > 0 || !is_axis(bench, c.name)) continue;
      const bool stays = !c.simulated || c.by_row || !c.words.empty() || bench.search ||
                         unlimited.contains(c.name) ||
                         std::find(inside.begin(), inside.end(), c.name) != inside.end();
      if (stays) {
        fixed_[bench.name].push_back(c.name);
        continue;
      }
      bench_axes_.push_back({bench.name, c.name, c.values});
      axes_.push_back(
          {bench.name, c.name, c.values.size() < kFewest ? c.values : some_of(c.values)});
    }
  }
  if (axes_.empty())
    throw Error({.place = "--refine",
                 .rule =
                     "no axis of these benches can be refined: each belongs to a table without a "
                     "`limit`, or costs no simulation",
                 .remedy = "give the tables a limit, or leave --refine out"});
}

characterize::AxisValues* Refinement::find(const std::string& bench, const std::string& axis) {
  const auto at = std::find_if(axes_.begin(), axes_.end(), [&](const auto& a) {
    return a.bench == bench && a.condition == axis;
  });
  return at == axes_.end() ? nullptr : &*at;
}

std::size_t Refinement::values_of(const std::string& bench) const {
  std::size_t values = 0;
  for (const characterize::AxisValues& axis : axes_)
    if (axis.bench == bench) values += axis.values.size();
  return values;
}

bool Refinement::stuck(const lut::TableEntry& entry) {
  std::vector<Reached>& before = reached_[entry.table.quantity().name];
  before.push_back({values_of(entry.bench), entry.accuracy.max_abs});
  const auto few = std::find_if(before.rbegin(), before.rend(), [&](const Reached& r) {
    return kPatience * static_cast<double>(r.values) <= static_cast<double>(before.back().values);
  });
  return few != before.rend() && before.back().error > kNoBetter * few->error;
}

std::vector<Refinement::Wish> Refinement::wishes_of(const lut::TableEntry& entry) {
  std::vector<std::vector<double>> bench_values(entry.table.dimensions());
  for (std::size_t a = 0; a < bench_values.size(); ++a)
    for (const characterize::AxisValues& axis : bench_axes_)
      if (axis.bench == entry.bench && axis.condition == entry.table.axis(a).name())
        bench_values[a] = axis.values;
  std::vector<Wish> wishes;
  for (const lut::MissingNode& node :
       lut::missing_nodes(entry, {}, bench_values, fixed_[entry.bench])) {
    characterize::AxisValues* const axis = find(entry.bench, node.axis);
    if (axis == nullptr) continue;
    const auto& whole = bench_axes_[static_cast<std::size_t>(axis - axes_.data())].values;
    if (axis->values.size() >= kMostTimes * whole.size()) continue;
    if (std::binary_search(axis->values.begin(), axis->values.end(), node.value)) continue;
    wishes.push_back({axis, node.value, node.off});
  }
  return wishes;
}

bool Refinement::add(const lut::Compiled& compiled) {
  std::map<std::string, std::vector<Wish>> by_bench;
  for (const lut::TableReport& report : compiled.report.tables) {
    const lut::TableEntry* entry = compiled.device.find_table(report.name);
    if (report.problems.empty() || entry == nullptr || entry->bench != report.bench) continue;
    if (stuck(*entry)) continue;
    const std::vector<Wish> wishes = wishes_of(*entry);
    by_bench[entry->bench].insert(by_bench[entry->bench].end(), wishes.begin(), wishes.end());
  }
  bool added = false;
  for (auto& of_bench : by_bench) {
    const std::string& bench = of_bench.first;
    std::vector<Wish>& wishes = of_bench.second;
    const bool several = std::count_if(axes_.begin(), axes_.end(),
                                       [&](const auto& axis) { return axis.bench == bench; }) > 1;
    std::stable_sort(wishes.begin(), wishes.end(),
                     [](const Wish& a, const Wish& b) { return a.off > b.off; });
    // A value costs as many simulations as the other axes have values, and often does for others'
    // points, too: one at a time.
    if (several && wishes.size() > 1) wishes.resize(1);
    for (const Wish& wish : wishes) {
      std::vector<double>& values = wish.axis->values;
      const auto at = std::lower_bound(values.begin(), values.end(), wish.value);
      if (at != values.end() && *at == wish.value) continue;
      values.insert(at, wish.value);
      added = true;
    }
  }
  if (!added || rounds_ == kMostRounds) return false;
  ++rounds_;
  return true;
}

std::string Refinement::brief(std::size_t simulations) const {
  std::string text =
      fmt::format("refined in {} rounds: {} simulations, {} with all of the benches' values\n",
                  rounds_, simulations, whole_simulations_);
  for (std::size_t k = 0; k < axes_.size(); ++k)
    text += fmt::format("  {}.{}: {} values, the bench has {}\n", axes_[k].bench,
                        axes_[k].condition, axes_[k].values.size(), bench_axes_[k].values.size());
  return text;
}

nlohmann::json Refinement::to_json() const {
  nlohmann::json axes = nlohmann::json::object();
  for (const characterize::AxisValues& axis : axes_)
    axes[axis.bench + "." + axis.condition] = axis.values;
  return {{"rounds", rounds_}, {"simulations_of_all_values", whole_simulations_}, {"axes", axes}};
}

}  // namespace gaincell::cli
