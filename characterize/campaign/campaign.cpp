#include "characterize/campaign/campaign.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>
#include <set>

#include "base/error.h"
#include "base/files.h"
#include "base/json.h"
#include "base/printable.h"
#include "base/version.h"
#include "characterize/campaign/campaign_plan.h"
#include "characterize/campaign/conclude.h"
#include "characterize/campaign/stop_signals.h"
#include "characterize/job/protocol.h"
#include "characterize/results/cache.h"
#include "characterize/results/journal.h"

namespace gaincell::characterize {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::size_t kProbes = 8;    // jobs of a bench that show whether it works at all
constexpr std::size_t kReasons = 10;  // that a summary spells out
constexpr std::size_t kReasonBytes = 300;

// Whether a bench works at all, by jobs from all over it, which come first; the rest of it waits
// for one that gives a result, and is not run where none does. A shard whose own ones have none
// tries those of the other shards, too. So it does not depend on the number of workers or shards
// what has a result.
struct Trial {
  std::vector<std::uint64_t> probes;  // job numbers
  std::size_t open = 0;               // of them, without result
  std::size_t own_open = 0;           // of these, in this shard
  std::size_t lent = 0;               // of other shards, running
  bool works = false;                 // something of this bench has given a result
};

// The jobs of one shard that no journal or cache knows, through the pool.
class ShardRun {
 public:
  ShardRun(const CampaignOptions& options, CampaignPlan& campaign, CampaignReport& report,
           Journal& journal, ResultCache& cache)
      : options_(options),
        campaign_(campaign),
        report_(report),
        journal_(journal),
        cache_(cache),
        progress_(options.progress != nullptr ? *options.progress : silent_) {
    for (const CampaignPlan::Unit& unit : campaign.units) trials_.push_back(trial_of(unit));
  }

  void run(Pool& pool) {
    if (!journal_fits()) {
      journal_.begin_anew();
      report_.notes.push_back(
          "the journal held a result that is not of its simulation: begun anew");
    }
    take_known(0);
    progress_.begin(count_, report_.from_journal, report_.from_cache);
    PoolListener listener;
    listener.done = [this](const Job& job, JobResult result) { take(job, std::move(result)); };
    listener.tick = [this] { return tick(); };
    listener.lost = [this](const std::string& reason) { progress_.worker_lost(reason); };
    if (!options_.keep_going) listener.turn = [this](const Job& job) { return turn(job); };
    report_.pool = pool.run(missing(0), listener);
    // Where benches search, what comes next follows from all of it.
    for (std::uint64_t first = campaign_.places.size(); !stop_asked() && campaign_.go_on();
         first = campaign_.places.size()) {
      take_known(first);
      if (const auto jobs = missing(first); !jobs.empty()) report_.pool += pool.run(jobs, listener);
    }
    progress_.end();
    if (misfits_ > 0)
      report_.notes.push_back(fmt::format(
          "{} cache entries are not of their simulations: these were run again", misfits_));
    if (!stop_asked()) give_up();
    report_.simulations = count_.total;
    report_.failed_simulations = count_.failed;
  }

 private:
  Trial trial_of(const CampaignPlan::Unit& unit) const {
    const std::vector<Job>& all = unit.plan.jobs;
    Trial trial;
    trial.open = std::min(kProbes, all.size());
    for (std::size_t k = 0; k < trial.open; ++k) {
      trial.probes.push_back(all[k * all.size() / trial.open].id);
      if (options_.shard.has(trial.probes.back())) ++trial.own_open;
    }
    return trial;
  }

  Trial& trial(std::uint64_t id) { return trials_[campaign_.places[id].unit]; }
  bool is_probe(std::uint64_t id) {
    const auto& probes = trial(id).probes;
    return std::binary_search(probes.begin(), probes.end(), id);
  }

  // What is known of the simulations from this one on.
  void take_known(std::uint64_t first) {
    const std::size_t before = count_.done;
    for (std::uint64_t id = first; id < campaign_.places.size(); ++id) {
      const std::string& key = campaign_.keys[id];
      if (!options_.shard.has(id)) {
        if (!is_probe(id)) continue;
        if (const auto lent = cache_.find(key);
            lent && !is_open(*lent) && fits(campaign_.job(id), *lent))
          count(id, *lent);
        continue;
      }
      ++count_.total;
      if (const JobResult* noted = journal_.find(key);
          noted != nullptr && !is_open(*noted) && fits(campaign_.job(id), *noted)) {
        ++report_.from_journal;
        count(id, *noted);
        continue;
      }
      const auto cached = cache_.find(key);
      if (!cached) continue;
      if (is_open(*cached) || !fits(campaign_.job(id), *cached)) {
        ++misfits_;
        continue;
      }
      journal_.add(key, *cached);
      ++report_.from_cache;
      count(id, *cached);
    }
    count_.known += count_.done - before;
  }

  bool journal_fits() const {
    for (std::uint64_t id = 0; id < campaign_.places.size(); ++id) {
      const JobResult* noted = journal_.find(campaign_.keys[id]);
      if (noted != nullptr && !fits(campaign_.job(id), *noted)) return false;
    }
    return true;
  }

  void count(std::uint64_t id, JobResult result) {
    result.id = id;
    const bool own = options_.shard.has(id);
    if (own) ++count_.done;
    if (own && !result.ok) ++count_.failed;
    if (result.ok) trial(id).works = true;
    if (is_probe(id)) {
      --trial(id).open;
      if (own) --trial(id).own_open;
    }
    campaign_.result(id) = std::move(result);
  }

  void take(const Job& job, JobResult result) {
    cache_.add(campaign_.keys[job.id], result);
    if (!options_.shard.has(job.id)) {
      --trial(job.id).lent;
      return count(job.id, std::move(result));
    }
    journal_.add(campaign_.keys[job.id], result);
    if (!result.ok) {
      const CampaignPlan::Unit& unit = campaign_.units[campaign_.places[job.id].unit];
      progress_.failed(unit.bench->name, first_point_of(job.id), result);
    }
    count(job.id, std::move(result));
  }

  // What the first point of a simulation is called.
  std::string first_point_of(std::uint64_t id) const {
    const auto [number, job] = campaign_.places[id];
    const CampaignPlan::Unit& unit = campaign_.units[number];
    const std::uint32_t first = unit.plan.users[job];
    return full_name(*unit.bench, unit.plan.points[first], first);
  }

  Turn turn(const Job& job) {
    Trial& of = trial(job.id);
    if (!options_.shard.has(job.id)) {
      if (of.works) return Turn::kNever;
      // No more than workers that would be idle: one that works is enough.
      if (of.own_open > 0 || of.lent >= options_.pool.workers) return Turn::kLater;
      ++of.lent;
      return Turn::kNow;
    }
    if (of.works || is_probe(job.id)) return Turn::kNow;
    return of.open > 0 ? Turn::kLater : Turn::kNever;
  }

  // What was not run says so, also in a shard.
  void give_up() {
    std::vector<std::size_t> not_run(campaign_.units.size());
    for (std::uint64_t id = 0; id < campaign_.places.size(); ++id) {
      JobResult& result = campaign_.result(id);
      if (!options_.shard.has(id) || !is_open(result)) continue;
      result.id = id;
      result.failure.reason = fmt::format("none of {} simulations from all over this bench worked",
                                          trial(id).probes.size());
      ++not_run[campaign_.places[id].unit];
      if (!options_.shard.whole()) journal_.add(campaign_.keys[id], result);
    }
    for (std::size_t unit = 0; unit < not_run.size(); ++unit) {
      if (not_run[unit] == 0) continue;
      report_.not_run += not_run[unit];
      report_.notes.push_back(fmt::format(
          "{}: none of {} simulations from all over it worked, the other {} were not run; with "
          "--keep-going the same command runs them",
          campaign_.units[unit].bench->name, trials_[unit].probes.size(), not_run[unit]));
    }
  }

  bool tick() {
    const auto now = Clock::now();
    count_.seconds = std::chrono::duration<double>(now - begin_).count();
    progress_.tick(count_);
    if (now - last_sync_ > std::chrono::seconds(2)) {
      journal_.sync();
      last_sync_ = now;
    }
    return !stop_asked();
  }

  static bool is_open(const JobResult& result) {
    return !result.ok && result.failure.why == JobFailure::Why::kNotRun;
  }

  // From this one on; those of the trials first.
  std::vector<const Job*> missing(std::uint64_t first) {
    std::vector<const Job*> probes, rest;
    for (const CampaignPlan::Unit& unit : campaign_.units) {
      std::vector<const Job*> lent;
      const std::size_t before = rest.size();
      for (std::size_t k = 0; k < unit.plan.jobs.size(); ++k) {
        const Job& job = unit.plan.jobs[k];
        if (job.id < first || !is_open(unit.results[k])) continue;
        const bool own = options_.shard.has(job.id);
        if (is_probe(job.id)) {
          (own ? probes : lent).push_back(&job);
        } else if (own) {
          rest.push_back(&job);
        }
      }
      // They decide about the rest alone.
      if (rest.size() > before && !options_.keep_going)
        probes.insert(probes.end(), lent.begin(), lent.end());
    }
    probes.insert(probes.end(), rest.begin(), rest.end());
    return probes;
  }

  const CampaignOptions& options_;
  CampaignPlan& campaign_;
  CampaignReport& report_;
  Journal& journal_;
  ResultCache& cache_;
  Progress silent_;
  Progress& progress_;
  ProgressCount count_;
  std::vector<Trial> trials_;  // one a unit
  std::size_t misfits_ = 0;    // cache entries that are not of their simulations
  Clock::time_point begin_ = Clock::now();
  Clock::time_point last_sync_ = begin_;
};

ShardHeader header_of(const CampaignOptions& options, const CampaignPlan& campaign,
                      const std::string& ngspice_version, const std::string& identity) {
  ShardHeader header{
      options.shard,   kVersion,           ngspice_version, identity, campaign.fingerprint(), {},
      options.filters, options.pool.allow, options.at};
  for (const std::string& bench : options.benches)
    header.benches.push_back(std::filesystem::absolute(bench).lexically_normal().string());
  return header;
}

// A shard does not see the results that its next simulations follow from.
void refuse_searches(const CampaignPlan& campaign) {
  for (const CampaignPlan::Unit& unit : campaign.units) {
    if (unit.search)
      throw Error(
          {.place = "--shard",
           .rule = fmt::format("{} has a `search`, whose simulations follow from one another",
                               unit.bench->path),
           .remedy = "run that bench whole, or parts of it with --filter"});
  }
}

}  // namespace

CampaignReport characterize(const CampaignOptions& options) {
  CampaignPlan campaign = plan_campaign(options.benches, options.filters, options.pool.allow,
                                        options.at, options.added_nodes, options.axis_values);
  if (options.progress != nullptr) {
    for (const CampaignPlan::Unit& unit : campaign.units) {
      for (const std::string& text : unit.warnings)
        options.progress->warning(unit.bench->name, text);
    }
  }
  if (!options.shard.whole()) refuse_searches(campaign);
  require_output(options.output);
  Pool pool(options.pool);
  CampaignReport report;
  report.shard = options.shard;
  const std::string ngspice = pool.ngspice_version();
  const std::string identity = pool.identity();
  auto journal_path = options.output;
  journal_path += ".journal";
  const StopSignals signals;
  Journal journal(journal_path, options.shard.whole()
                                    ? identity
                                    : encode(header_of(options, campaign, ngspice, identity)));
  if (!options.resume) journal.begin_anew();
  ResultCache cache(options.cache, identity);
  ShardRun(options, campaign, report, journal, cache).run(pool);
  report.pool.ngspice_version = ngspice;
  if (cache.damaged() > 0)
    report.notes.push_back(
        fmt::format("{} damaged cache entries were simulated again", cache.damaged()));
  if (!options.pool.allow.empty())
    report.notes.push_back(
        fmt::format("netlists were allowed: {}", fmt::join(options.pool.allow, ", ")));
  if (!report.pool.unconfined.empty())
    report.notes.push_back(fmt::format("workers were not fully confined: this kernel has no {}",
                                       report.pool.unconfined));
  if (!cache.complaint().empty()) report.notes.push_back(cache.complaint());
  if (stop_asked()) {
    journal.sync();
    report.interrupted = true;
    return report;
  }
  if (!options.shard.whole()) {
    journal.become(options.output);
    return report;
  }
  conclude(campaign, options.output, ngspice, report);
  if (report.not_run == 0) journal.remove();
  return report;
}

bool CampaignReport::ok() const {
  return !interrupted && failed_simulations == 0 && not_run == 0 &&
         std::all_of(benches.begin(), benches.end(),
                     [](const BenchReport& b) { return b.failed_points == 0; });
}

std::string CampaignReport::brief() const {
  std::string text;
  if (interrupted) text += "stopped; the journal is kept: the same command goes on from here\n";
  for (const BenchReport& bench : benches) {
    text += fmt::format("{}: {} points ({} hold-out) in {} simulations", bench.name, bench.points,
                        bench.holdout, bench.simulations);
    if (bench.aided_points > 0) text += fmt::format(", {} with retry options", bench.aided_points);
    if (bench.failed_points > 0) text += fmt::format(", {} FAILED", bench.failed_points);
    text += "\n";
    std::size_t spelt_out = 0;
    for (const auto& [reason, failure] : bench.failures) {
      if (spelt_out++ == kReasons) break;
      text += fmt::format("  {} x {} ({}{})\n", failure.points, printable(reason, kReasonBytes),
                          failure.points > 1 ? "first: " : "", failure.first_name);
    }
    if (bench.failures.size() > kReasons)
      text += fmt::format("  and {} more reasons\n", bench.failures.size() - kReasons);
  }
  if (!shard.whole()) text += fmt::format("shard {}: ", shard.name());
  text += fmt::format("{} simulations", simulations);
  if (!shard.whole() && failed_simulations > 0)
    text += fmt::format(", {} FAILED", failed_simulations);
  if (not_run > 0) text += fmt::format(", {} not run", not_run);
  if (from_journal > 0)
    text += fmt::format(", {} from the journal of an interrupted run", from_journal);
  if (from_cache > 0) text += fmt::format(", {} from the cache", from_cache);
  if (pool.workers_started > 0)
    text += fmt::format(", in {:.3g} s; simulators busy {:.3g} s", pool.wall_s, pool.simulator_s);
  text += fmt::format(", ngspice {}\n", pool.ngspice_version);
  for (const auto& [reason, count] : pool.losses)
    text += fmt::format("  {} x worker lost: {}\n", count, reason);
  if (pool.jobs_repeated > 0)
    text += fmt::format("  {} simulations run again after that\n", pool.jobs_repeated);
  for (const std::string& note : notes) text += fmt::format("  {}\n", note);
  return text;
}

std::string CampaignReport::to_json() const {
  nlohmann::ordered_json all = nlohmann::ordered_json::array();
  for (const BenchReport& bench : benches) {
    nlohmann::ordered_json reasons = nlohmann::ordered_json::object();
    nlohmann::ordered_json failures = nlohmann::ordered_json::array();
    for (const auto& [reason, failure] : bench.failures) {
      reasons[reason] = failure.points;
      failures.push_back({{"reason", reason},
                          {"points", failure.points},
                          {"first_point", failure.first},
                          {"first_name", failure.first_name}});
    }
    all.push_back({{"name", bench.name},
                   {"points", bench.points},
                   {"holdout", bench.holdout},
                   {"simulations", bench.simulations},
                   {"failed_points", bench.failed_points},
                   {"aided_points", bench.aided_points},
                   {"reasons", std::move(reasons)},
                   {"failures", std::move(failures)}});
  }
  const nlohmann::ordered_json event{{"event", interrupted ? "interrupted" : "end"},
                                     {"ok", ok()},
                                     {"shard", shard.name()},
                                     {"simulations", simulations},
                                     {"failed_simulations", failed_simulations},
                                     {"not_run", not_run},
                                     {"from_journal", from_journal},
                                     {"from_cache", from_cache},
                                     {"wall_s", pool.wall_s},
                                     {"simulator_s", pool.simulator_s},
                                     {"ngspice_version", pool.ngspice_version},
                                     {"workers_lost", pool.losses},
                                     {"jobs_repeated", pool.jobs_repeated},
                                     {"notes", notes},
                                     {"benches", std::move(all)}};
  return json_text(event);
}

}  // namespace gaincell::characterize
