#include "characterize/campaign/simulation.h"

#include <chrono>

#include "characterize/campaign/stop_signals.h"
#include "characterize/job/protocol.h"
#include "characterize/results/cache.h"

namespace gaincell::characterize {

std::vector<PointResult> simulate(const Bench& bench, const Plan& plan,
                                  const SimulateOptions& options) {
  Progress silent;
  Progress& progress = options.progress != nullptr ? *options.progress : silent;
  Pool pool(options.pool);
  ResultCache cache(options.cache, options.cache.empty() ? "" : pool.identity());
  ProgressCount count;
  count.total = plan.jobs.size();
  std::vector<JobResult> results(plan.jobs.size());
  std::vector<const Job*> jobs;
  for (const Job& job : plan.jobs) {
    if (auto known = cache.find(job.key()); known && fits(job, *known)) {
      ++count.known;
      results[job.id] = std::move(*known);
    } else {
      jobs.push_back(&job);
    }
  }
  count.done = count.known;
  const StopSignals signals;
  const auto begin = std::chrono::steady_clock::now();
  progress.begin(count, 0, count.known);
  PoolListener listener;
  listener.done = [&](const Job& job, JobResult result) {
    cache.add(job.key(), result);
    ++count.done;
    if (!result.ok) {
      ++count.failed;
      progress.failed(bench.name, "", result);
    }
    results[job.id] = std::move(result);
  };
  listener.tick = [&] {
    count.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    progress.tick(count);
    return !stop_asked();
  };
  listener.lost = [&](const std::string& reason) { progress.worker_lost(reason); };
  if (!jobs.empty()) pool.run(jobs, listener);
  progress.end();
  if (stop_asked()) throw Interrupted();
  return collect(bench, plan, results);
}

}  // namespace gaincell::characterize
