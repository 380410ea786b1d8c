#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "characterize/job/job.h"

namespace gaincell::characterize {

struct PoolOptions {
  std::filesystem::path worker;       // program; see worker_program()
  std::size_t workers = 1;            // processes, one simulator each
  double start_timeout_s = 30;        // from the start of a worker to its hello
  double stop_grace_s = 0.5;          // from SIGTERM to SIGKILL
  std::size_t attempts = 3;           // a job whose worker crashes is run so often
  std::size_t kill_attempts = 20;     // one whose worker is killed from outside (signal 9)
  std::size_t log_limit = 64u << 20;  // bytes of log that one job may print
  // A job whose worker grows beyond this has failed, unless its bench states a limit of its own.
  std::size_t memory_bytes = std::size_t{4} << 30;
  // A worker is replaced after so many jobs, or when it has grown by so much since its first ones.
  std::size_t recycle_jobs = 20'000;
  std::size_t recycle_growth_bytes = std::size_t{128} << 20;
  std::vector<std::string> allow;  // rights of a worker beyond simulating, by name
};

struct PoolReport {
  std::size_t workers_started = 0;
  std::size_t workers_lost = 0;  // died, hung, or sent what is no reply
  std::size_t workers_recycled = 0;
  std::size_t jobs_repeated = 0;  // because their worker was lost
  std::size_t jobs_aided = 0;     // run again with convergence aids
  double simulator_s = 0;         // sum of the simulators' own times
  double wall_s = 0;
  std::string ngspice_version;
  std::string unconfined;  // what of the workers' sandbox the kernel does not offer
  std::map<std::string, std::size_t> losses;  // reason -> workers
  // The most that a worker's resident memory grew between its 50th job and its last.
  std::size_t worker_growth_bytes = 0;

  PoolReport& operator+=(const PoolReport& other);  // of a run after this one
};

// Whether a job is to be run: now, not before another has a result, or not at all.
enum class Turn { kNow, kLater, kNever };

// What a caller hears while a pool runs. `done` comes once for every job that is run; `tick` at
// least twice a second, and stops the pool by returning false; `lost`, where given, names why a
// worker was lost; `turn`, where given, is asked before a job is run, and again after a result
// where it said kLater.
struct PoolListener {
  std::function<void(const Job&, JobResult)> done;
  std::function<bool()> tick;
  std::function<void(const std::string& reason)> lost{};
  std::function<Turn(const Job&)> turn{};
};

// Runs jobs in worker processes. Whatever a worker does (crash, hang, flood, garbage), it costs
// that worker and at most its job: the job is run again, and recorded as failed only when it has
// lost `attempts` workers. A simulation that fails or takes too long is run once more with its
// convergence aids. One thread; results come in any order.
class Pool {
 public:
  explicit Pool(PoolOptions options);

  // Jobs without result when `tick` stops it stay so. Throws Error where no worker can be started,
  // or it is of another version than this program, or has another simulator than earlier workers.
  PoolReport run(std::span<const Job* const> jobs, const PoolListener& listener);

  // The version of its workers' simulator; starts one and asks where none has said so. Throws as
  // run() does.
  std::string ngspice_version();
  // What results follow from beside their jobs: this program, the simulator, the worker to the byte
  // (a measurement that is computed otherwise is another program) and its rights.
  std::string identity();

 private:
  PoolOptions options_;
  std::string simulator_;  // its version, once a worker has named it
};

// `gaincell-worker` beside the running program.
std::filesystem::path worker_program();

}  // namespace gaincell::characterize
