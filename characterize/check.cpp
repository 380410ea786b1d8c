#include "characterize/check.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <map>
#include <set>

#include "base/units.h"

namespace gaincell::characterize {
namespace {

// How often each word stands in the bench, comments apart.
std::map<std::string, std::size_t> word_counts(const std::string& text) {
  std::map<std::string, std::size_t> counts;
  std::string word;
  bool comment = false;
  for (std::size_t k = 0; k <= text.size(); ++k) {
    const char c = k < text.size() ? text[k] : '\n';
    if (c == '\n') comment = false;
    if (c == '#' && (k == 0 || std::isspace(static_cast<unsigned char>(text[k - 1]))))
      comment = true;
    if (!comment && (std::isalnum(static_cast<unsigned char>(c)) || c == '_')) {
      word += c;
    } else if (!word.empty()) {
      ++counts[word];
      word.clear();
    }
  }
  return counts;
}

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

// `V`, `uA/V`, `mV*um`, `1/s^2`: symbols with prefixes, joined. Any text may be a unit, since it is
// only handed on; but `volt` is compared with nothing that a number carries.
bool known_unit(const std::string& unit) {
  static const std::set<std::string> symbols{
      "V", "A",  "s",   "F",   "C", "J",  "W",    "Ohm", "ohm", "H",  "Hz",  "S", "m",
      "K", "dB", "rad", "deg", "%", "eV", "degC", "B",   "T",   "Wb", "bit", "g", "N"};
  std::string word;
  const auto known = [&] {
    const bool prefixed =
        word.size() > 1 && std::string("TGMkmunpfa").find(word[0]) != std::string::npos;
    return word.empty() || symbols.contains(word) || (prefixed && symbols.contains(word.substr(1)));
  };
  for (const char c : unit) {
    if (std::isalpha(static_cast<unsigned char>(c)) != 0 || c == '%') {
      word += c;
      continue;
    }
    if (!known()) return false;
    word.clear();
  }
  return known();
}

std::vector<std::string> warnings_of(const Bench& bench) {
  std::vector<std::string> all;
  const auto mind_unit = [&](const std::string& key, const std::string& unit) {
    if (!known_unit(unit))
      all.push_back(
          fmt::format("{}.unit: `{}` is no unit that is known; `V`, `s`, `A`, `F`, `C`, "
                      "`J`, `Ohm`, `degC` ...",
                      key, unit));
  };
  for (const Condition& c : bench.conditions) mind_unit("conditions." + c.name, c.unit);
  for (const Measurement& m : bench.measurements) mind_unit("measurements." + m.name, m.unit);
  const auto counts = word_counts(bench.text);
  const auto unused = [&](const std::string& name) {
    const auto at = counts.find(name);
    return at != counts.end() && at->second < 2;
  };
  for (const Condition& c : bench.conditions) {
    if (c.name != "temperature" && c.name != "corner" && unused(c.name))
      all.push_back(fmt::format("conditions.{}: nothing uses it", c.name));
  }
  for (const Parameter& p : bench.parameters) {
    if (unused(p.name)) all.push_back(fmt::format("parameters.{}: nothing uses it", p.name));
  }
  for (const Analysis& analysis : bench.analyses) {
    const bool charge = std::any_of(analysis.options.begin(), analysis.options.end(),
                                    [](const auto& one) { return one.first == "chgtol"; });
    if (analysis.kind->name == "tran" && !charge)
      all.push_back(fmt::format(
          "{}: `chgtol` is the simulator's 1e-14 C, which is more than a small node holds",
          analysis.where.key));
  }
  if (!bench.mismatch.library_statistics) {
    for (const Corner& corner : bench.corners) {
      if (!corner.library->draws()) continue;
      all.push_back(
          "models: the library draws random numbers; every point sees the same draw "
          "(mismatch: {library: true} for more)");
      break;
    }
  }
  return all;
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
  out.warnings = warnings_of(bench);
  return out;
}

std::vector<Probe> probe(CampaignPlan& campaign, const PoolOptions& pool, std::size_t count) {
  std::vector<const Job*> jobs;
  for (const CampaignPlan::Unit& unit : campaign.units) {
    const std::size_t all = unit.plan.jobs.size();
    const std::size_t wanted = std::min(count, all);
    for (std::size_t k = 0; k < wanted; ++k) jobs.push_back(&unit.plan.jobs[k * all / wanted]);
  }
  std::vector<Probe> probes(campaign.units.size());
  PoolListener listener;
  listener.tick = [] { return true; };
  listener.done = [&](const Job& job, const JobResult& result) {
    const std::size_t unit = campaign.places[job.id].unit;
    Probe& one = probes[unit];
    ++one.simulations;
    one.seconds_each += result.simulator_s;
    if (!result.ok)
      one.failures.push_back(fmt::format("{}: {}: {}", campaign.units[unit].bench->name,
                                         name_of(result.failure.why), result.failure.reason));
  };
  Pool(pool).run(jobs, listener);
  for (Probe& one : probes)
    one.seconds_each /= static_cast<double>(std::max<std::size_t>(one.simulations, 1));
  return probes;
}

}  // namespace gaincell::characterize
