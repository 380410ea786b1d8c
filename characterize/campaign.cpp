#include "characterize/campaign.h"

#include <fmt/format.h>
#include <signal.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/files.h"
#include "base/sha256.h"
#include "base/version.h"
#include "characterize/cache.h"
#include "characterize/campaign_plan.h"
#include "characterize/conclude.h"
#include "characterize/journal.h"

namespace gaincell::characterize {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::size_t kProbes = 8;  // jobs of a bench that show whether it works at all

std::atomic<bool> stop_asked{false};

// Ctrl-C and SIGTERM end the pool between two jobs: the journal keeps what is done. A file that
// meets its size limit is an error with a message, not the end of the process.
class Signals {
 public:
  Signals() {
    stop_asked = false;
    struct sigaction stop {};
    stop.sa_handler = [](int) { stop_asked = true; };
    ::sigaction(SIGINT, &stop, &old_int_);
    ::sigaction(SIGTERM, &stop, &old_term_);
    struct sigaction ignore {};
    ignore.sa_handler = SIG_IGN;
    ::sigaction(SIGXFSZ, &ignore, &old_size_);
  }
  ~Signals() {
    ::sigaction(SIGINT, &old_int_, nullptr);
    ::sigaction(SIGTERM, &old_term_, nullptr);
    ::sigaction(SIGXFSZ, &old_size_, nullptr);
  }
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;

 private:
  struct sigaction old_int_ {};
  struct sigaction old_term_ {};
  struct sigaction old_size_ {};
};

// The jobs of one shard that no journal or cache knows, through the pool.
class Simulation {
 public:
  Simulation(const CampaignOptions& options, CampaignPlan& campaign, CampaignReport& report,
             Journal& journal, ResultCache& cache)
      : options_(options),
        campaign_(campaign),
        report_(report),
        journal_(journal),
        cache_(cache),
        progress_(options.progress != nullptr ? *options.progress : silent_),
        good_(campaign.units.size(), 0),
        bad_(campaign.units.size(), 0) {}

  void run(Pool& pool) {
    take_known();
    report_.simulations = count_.total;
    count_.known = count_.done;
    progress_.begin(count_, report_.from_journal, report_.from_cache);
    PoolListener listener;
    listener.done = [this](const Job& job, JobResult result) { take(job, std::move(result)); };
    listener.tick = [this] { return tick(); };
    listener.lost = [this](const std::string& reason) { progress_.worker_lost(reason); };
    report_.pool = pool.run(missing(), listener);
    progress_.end();
    report_.failed_simulations = count_.failed;
  }

 private:
  void take_known() {
    for (std::uint64_t id = 0; id < campaign_.places.size(); ++id) {
      if (!options_.shard.has(id)) continue;
      ++count_.total;
      const std::string& key = campaign_.keys[id];
      if (const JobResult* known = journal_.find(key)) {
        ++report_.from_journal;
        count(id, *known);
      } else if (const auto cached = cache_.find(key)) {
        journal_.add(key, *cached);
        ++report_.from_cache;
        count(id, *cached);
      }
    }
  }

  void count(std::uint64_t id, JobResult result) {
    result.id = id;
    ++count_.done;
    if (!result.ok) ++count_.failed;
    ++(result.ok ? good_ : bad_)[campaign_.places[id].unit];
    campaign_.result(id) = std::move(result);
  }

  void take(const Job& job, JobResult result) {
    journal_.add(campaign_.keys[job.id], result);
    cache_.add(campaign_.keys[job.id], result);
    const std::size_t unit = campaign_.places[job.id].unit;
    if (!result.ok) progress_.failed(campaign_.units[unit].bench->name, result);
    count(job.id, std::move(result));
    // So many jobs from all over a bench, and not one of them ran.
    if (good_[unit] == 0 && bad_[unit] >= std::min(kProbes, campaign_.units[unit].results.size()))
      refuse_if_hopeless(campaign_.units[unit]);
  }

  bool tick() {
    const auto now = Clock::now();
    count_.seconds = std::chrono::duration<double>(now - begin_).count();
    progress_.tick(count_);
    if (now - last_sync_ > std::chrono::seconds(2)) {
      journal_.sync();
      last_sync_ = now;
    }
    return !stop_asked;
  }

  // A bench that fails everywhere should show it at once: some jobs spread over each bench come
  // first.
  std::vector<const Job*> missing() const {
    std::vector<const Job*> probes;
    std::vector<const Job*> rest;
    for (const CampaignPlan::Unit& unit : campaign_.units) {
      const std::size_t stride = std::max<std::size_t>(unit.plan.jobs.size() / kProbes, 1);
      for (std::size_t k = 0; k < unit.plan.jobs.size(); ++k) {
        const Job& job = unit.plan.jobs[k];
        const JobResult& result = unit.results[k];
        const bool known = result.ok || result.failure.why != JobFailure::Why::kNotRun;
        if (known || !options_.shard.has(job.id)) continue;
        (k % stride == 0 ? probes : rest).push_back(&job);
      }
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
  std::vector<std::size_t> good_;  // jobs, by unit
  std::vector<std::size_t> bad_;
  Clock::time_point begin_ = Clock::now();
  Clock::time_point last_sync_ = begin_;
};

// To the byte: a measurement that is computed otherwise is another program.
std::string identity_of(const PoolOptions& pool, const std::string& ngspice_version) {
  return fmt::format("gaincell {} ngspice {} worker {} allow {}", kVersion, ngspice_version,
                     sha256(read_file(pool.worker)), fmt::join(pool.allow, " "));
}

ShardHeader header_of(const CampaignOptions& options, const CampaignPlan& campaign,
                      const std::string& ngspice_version, const std::string& identity) {
  ShardHeader header{options.shard,          kVersion, ngspice_version, identity,
                     campaign.fingerprint(), {},       options.filters, options.pool.allow};
  for (const std::string& bench : options.benches)
    header.benches.push_back(std::filesystem::absolute(bench).lexically_normal().string());
  return header;
}

}  // namespace

CampaignReport characterize(const CampaignOptions& options) {
  CampaignPlan campaign = plan_campaign(options.benches, options.filters, options.pool.allow);
  require_output(options.output);
  Pool pool(options.pool);
  CampaignReport report;
  report.shard = options.shard;
  const std::string ngspice = pool.ngspice_version();
  const std::string identity = identity_of(options.pool, ngspice);
  auto journal_path = options.output;
  journal_path += ".journal";
  if (!options.resume) {
    std::error_code ignored;
    std::filesystem::remove(journal_path, ignored);
  }
  const Signals signals;
  Journal journal(journal_path, options.shard.whole()
                                    ? identity
                                    : encode(header_of(options, campaign, ngspice, identity)));
  ResultCache cache(options.cache, identity);
  try {
    Simulation(options, campaign, report, journal, cache).run(pool);
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
    if (stop_asked) {
      journal.sync();
      report.interrupted = true;
      return report;
    }
    if (options.shard.whole()) conclude(campaign, options.output, ngspice, report);
  } catch (const HopelessBench&) {
    journal.remove();
    throw;
  }
  if (options.shard.whole()) {
    journal.remove();
  } else {
    journal.become(options.output);
  }
  return report;
}

std::vector<PointResult> simulate(Bench& bench, const Plan& plan, const SimulateOptions& options) {
  Progress silent;
  Progress& progress = options.progress != nullptr ? *options.progress : silent;
  Pool pool(options.pool);
  ResultCache cache(options.cache,
                    options.cache.empty() ? "" : identity_of(options.pool, pool.ngspice_version()));
  ProgressCount count;
  count.total = plan.jobs.size();
  std::vector<JobResult> results(plan.jobs.size());
  std::vector<const Job*> jobs;
  for (const Job& job : plan.jobs) {
    if (auto known = cache.find(job.key())) {
      ++count.known;
      results[job.id] = std::move(*known);
    } else {
      jobs.push_back(&job);
    }
  }
  count.done = count.known;
  const Signals signals;
  const auto begin = Clock::now();
  progress.begin(count, 0, count.known);
  PoolListener listener;
  listener.done = [&](const Job& job, JobResult result) {
    cache.add(job.key(), result);
    ++count.done;
    if (!result.ok) {
      ++count.failed;
      progress.failed(bench.name, result);
    }
    results[job.id] = std::move(result);
  };
  listener.tick = [&] {
    count.seconds = std::chrono::duration<double>(Clock::now() - begin).count();
    progress.tick(count);
    return !stop_asked;
  };
  listener.lost = [&](const std::string& reason) { progress.worker_lost(reason); };
  if (!jobs.empty()) pool.run(jobs, listener);
  progress.end();
  if (stop_asked) throw Interrupted();
  return collect(bench, plan, results);
}

bool CampaignReport::ok() const {
  return !interrupted && failed_simulations == 0 &&
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
    for (const auto& [reason, count] : bench.reasons)
      text += fmt::format("  {} x {}\n", count, reason);
  }
  if (!shard.whole()) text += fmt::format("shard {}: ", shard.name());
  text += fmt::format("{} simulations", simulations);
  if (!shard.whole() && failed_simulations > 0)
    text += fmt::format(", {} FAILED", failed_simulations);
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
  for (const BenchReport& bench : benches)
    all.push_back({{"name", bench.name},
                   {"points", bench.points},
                   {"holdout", bench.holdout},
                   {"simulations", bench.simulations},
                   {"failed_points", bench.failed_points},
                   {"aided_points", bench.aided_points},
                   {"reasons", bench.reasons}});
  const nlohmann::ordered_json event{{"event", interrupted ? "interrupted" : "end"},
                                     {"ok", ok()},
                                     {"shard", shard.name()},
                                     {"simulations", simulations},
                                     {"failed_simulations", failed_simulations},
                                     {"from_journal", from_journal},
                                     {"from_cache", from_cache},
                                     {"wall_s", pool.wall_s},
                                     {"simulator_s", pool.simulator_s},
                                     {"ngspice_version", pool.ngspice_version},
                                     {"workers_lost", pool.losses},
                                     {"jobs_repeated", pool.jobs_repeated},
                                     {"notes", notes},
                                     {"benches", std::move(all)}};
  return event.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

}  // namespace gaincell::characterize
