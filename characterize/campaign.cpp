#include "characterize/campaign.h"

#include <fmt/format.h>
#include <signal.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <optional>
#include <set>

#include "base/error.h"
#include "base/files.h"
#include "base/version.h"
#include "characterize/journal.h"
#include "characterize/progress.h"

namespace gaincell::characterize {
namespace {

std::atomic<bool> stop_asked{false};

// Ctrl-C and SIGTERM end the pool between two jobs: the journal keeps what is done.
class StopOnSignal {
 public:
  StopOnSignal() {
    stop_asked = false;
    struct sigaction action {};
    action.sa_handler = [](int) { stop_asked = true; };
    ::sigaction(SIGINT, &action, &old_int_);
    ::sigaction(SIGTERM, &action, &old_term_);
  }
  ~StopOnSignal() {
    ::sigaction(SIGINT, &old_int_, nullptr);
    ::sigaction(SIGTERM, &old_term_, nullptr);
  }
  StopOnSignal(const StopOnSignal&) = delete;
  StopOnSignal& operator=(const StopOnSignal&) = delete;

 private:
  struct sigaction old_int_ {};
  struct sigaction old_term_ {};
};

struct Unit {
  std::unique_ptr<Bench> bench;
  Plan plan;
  std::vector<JobResult> results;
};

// A bench that fails everywhere should show it at once: some jobs spread over each bench come
// first.
std::vector<const Job*> ordered(std::vector<Unit>& units, const std::set<std::uint64_t>& done) {
  constexpr std::size_t kProbes = 8;
  std::vector<const Job*> probes;
  std::vector<const Job*> rest;
  for (Unit& unit : units) {
    const std::size_t count = unit.plan.jobs.size();
    const std::size_t stride = std::max<std::size_t>(count / kProbes, 1);
    for (std::size_t k = 0; k < count; ++k) {
      const Job* job = &unit.plan.jobs[k];
      if (done.contains(job->id)) continue;
      (k % stride == 0 ? probes : rest).push_back(job);
    }
  }
  probes.insert(probes.end(), rest.begin(), rest.end());
  return probes;
}

[[noreturn]] void refuse_hopeless(const Bench& bench, const std::string& why,
                                  const std::string& log) {
  std::string tail;
  // The last lines are enough for a message; the whole of it belongs to a file.
  std::size_t lines = 0;
  for (std::size_t k = log.size(); k > 0 && lines < 4; --k) {
    if (log[k - 1] == '\n' && k != log.size()) ++lines;
    if (lines < 4) tail.insert(tail.begin(), log[k - 1]);
  }
  while (!tail.empty() && (tail.back() == '\n' || tail.back() == ' ')) tail.pop_back();
  for (char& c : tail) {
    if (c == '\n') c = '|';
  }
  throw Error({.place = bench.path,
               .key = bench.name,
               .rule = fmt::format("not one simulation gave a result: {}", why),
               .remedy = tail.empty() ? "check the circuit, its initial conditions and the options"
                                      : fmt::format("the simulator's last words: {}", tail)});
}

BenchReport report_of(const Unit& unit, const std::vector<PointResult>& points) {
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

CampaignReport characterize(const CampaignOptions& options) {
  std::vector<Unit> units;
  std::set<std::string> names;
  for (const std::string& path : options.benches) {
    Unit unit;
    unit.bench = read_bench(path);
    if (!names.insert(unit.bench->name).second)
      throw Error({.place = path,
                   .key = "name",
                   .value = unit.bench->name,
                   .rule = "two benches of one run have this name",
                   .remedy = "rename one"});
    unit.plan = make_plan(*unit.bench, bench_points(*unit.bench));
    units.push_back(std::move(unit));
  }
  // Job numbers go on from bench to bench.
  std::vector<std::pair<std::size_t, std::size_t>> place;  // id -> unit, index
  for (std::size_t u = 0; u < units.size(); ++u) {
    units[u].results.resize(units[u].plan.jobs.size());
    for (std::size_t k = 0; k < units[u].plan.jobs.size(); ++k) {
      units[u].plan.jobs[k].id = place.size();
      place.emplace_back(u, k);
    }
  }
  { const PendingFile check(options.output); }  // refuses a bad folder before hours of work
  Pool pool(options.pool);
  CampaignReport report;
  report.simulations = place.size();
  const std::string ngspice = pool.ngspice_version();
  auto journal_path = options.output;
  journal_path += ".journal";
  if (!options.resume) {
    std::error_code ignored;
    std::filesystem::remove(journal_path, ignored);
  }
  Journal journal(journal_path, fmt::format("gaincell {} ngspice {}", kVersion, ngspice));
  std::set<std::uint64_t> done;
  std::vector<std::string> keys(place.size());
  for (std::size_t id = 0; id < place.size(); ++id) {
    const auto [u, k] = place[id];
    keys[id] = units[u].plan.jobs[k].key();
    if (const JobResult* known = journal.find(keys[id])) {
      units[u].results[k] = *known;
      units[u].results[k].id = id;
      done.insert(id);
    }
  }
  report.from_journal = done.size();

  Progress progress(options.progress, place.size(), done.size());
  const StopOnSignal signals;
  std::vector<std::size_t> good(units.size(), 0);
  std::vector<std::size_t> bad(units.size(), 0);
  for (const std::uint64_t id : done) {
    const auto [u, k] = place[id];
    ++(units[u].results[k].ok ? good : bad)[u];
  }
  auto last_sync = std::chrono::steady_clock::now();
  const auto jobs = ordered(units, done);
  std::optional<std::size_t> hopeless;
  PoolListener listener;
  listener.done = [&](const Job& job, JobResult result) {
    const auto [u, k] = place[job.id];
    journal.add(keys[job.id], result);
    ++(result.ok ? good : bad)[u];
    progress.job_done(result.ok);
    units[u].results[k] = std::move(result);
    // Eight jobs from all over a bench, and not one of them ran.
    if (good[u] == 0 && bad[u] >= std::min<std::size_t>(8, units[u].plan.jobs.size())) hopeless = u;
  };
  listener.tick = [&] {
    progress.draw();
    const auto now = std::chrono::steady_clock::now();
    if (now - last_sync > std::chrono::seconds(2)) {
      journal.sync();
      last_sync = now;
    }
    return !stop_asked && !hopeless;
  };
  report.pool = pool.run(jobs, listener);
  progress.finish();
  if (stop_asked) {
    journal.sync();
    report.interrupted = true;
    return report;
  }
  if (report.pool.ngspice_version.empty()) report.pool.ngspice_version = ngspice;

  std::vector<BenchSamples> samples;
  for (std::size_t u = 0; u < units.size(); ++u) {
    Unit& unit = units[u];
    if (hopeless && *hopeless != u) continue;
    if (good[u] == 0) {
      const auto worst = std::find_if(
          unit.results.begin(), unit.results.end(),
          [](const JobResult& r) { return !r.ok && r.failure.why != JobFailure::Why::kNotRun; });
      journal.remove();
      refuse_hopeless(*unit.bench, worst->failure.reason, worst->failure.log_tail);
    }
    std::vector<PointResult> points = collect(*unit.bench, unit.plan, unit.results);
    report.benches.push_back(report_of(unit, points));
    if (std::none_of(points.begin(), points.end(), [](const PointResult& p) { return p.ok; })) {
      journal.remove();
      refuse_hopeless(*unit.bench, points.front().reason, points.front().log_tail);
    }
    samples.push_back({unit.bench.get(), &unit.plan, std::move(points)});
  }
  write_samples(options.output, samples, report.pool.ngspice_version);
  journal.remove();
  return report;
}

std::vector<PointResult> simulate(Bench& bench, const Plan& plan, const PoolOptions& pool,
                                  std::FILE* out) {
  std::vector<JobResult> results(plan.jobs.size());
  std::vector<const Job*> jobs;
  for (const Job& job : plan.jobs) jobs.push_back(&job);
  Progress progress(out, jobs.size(), 0);
  PoolListener listener;
  listener.done = [&](const Job& job, JobResult result) {
    progress.job_done(result.ok);
    results[job.id] = std::move(result);
  };
  listener.tick = [&] {
    progress.draw();
    return true;
  };
  Pool(pool).run(jobs, listener);
  return collect(bench, plan, results);
}

bool CampaignReport::ok() const {
  return !interrupted && std::all_of(benches.begin(), benches.end(),
                                     [](const BenchReport& b) { return b.failed_points == 0; });
}

std::string CampaignReport::brief() const {
  std::string text;
  if (interrupted) return "stopped; the journal is kept: the same command goes on from here\n";
  for (const BenchReport& bench : benches) {
    text += fmt::format("{}: {} points ({} hold-out) in {} simulations", bench.name, bench.points,
                        bench.holdout, bench.simulations);
    if (bench.aided_points > 0) text += fmt::format(", {} with retry options", bench.aided_points);
    if (bench.failed_points > 0) text += fmt::format(", {} FAILED", bench.failed_points);
    text += "\n";
    for (const auto& [reason, count] : bench.reasons)
      text += fmt::format("  {} x {}\n", count, reason);
  }
  text += fmt::format("{} simulations", simulations);
  if (from_journal > 0)
    text += fmt::format(" ({} from the journal of an interrupted run)", from_journal);
  text += fmt::format(" in {:.3g} s; simulators busy {:.3g} s, ngspice {}\n", pool.wall_s,
                      pool.simulator_s, pool.ngspice_version);
  for (const auto& [reason, count] : pool.losses)
    text += fmt::format("  {} x worker lost: {}\n", count, reason);
  if (pool.jobs_repeated > 0)
    text += fmt::format("  {} simulations run again after that\n", pool.jobs_repeated);
  return text;
}

}  // namespace gaincell::characterize
