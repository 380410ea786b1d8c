#pragma once

#include <chrono>
#include <cstddef>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "characterize/job/job.h"
#include "characterize/job/protocol.h"
#include "characterize/pool/loss.h"
#include "characterize/pool/pool.h"
#include "characterize/pool/scratch_folder.h"
#include "characterize/pool/worker_link.h"

namespace gaincell::characterize {

// Which worker runs which job, and for how long: deadlines, limits of memory, what is tried again
// and when a worker is replaced. One run of a Pool.
class Scheduler {
 public:
  // `simulator` is the version that every worker must have; where it is empty the first one's hello
  // fills it.
  Scheduler(const PoolOptions& options, std::span<const Job* const> jobs,
            const PoolListener& listener, std::string& simulator);

  PoolReport run();
  // Until one worker has said hello.
  void greet();

 private:
  using Clock = std::chrono::steady_clock;
  struct Task {
    explicit Task(const Job* what) : job(what) {}
    const Job* job;
    std::size_t crashed = 0;  // workers that it took with it
    std::size_t killed = 0;   // workers that were killed during it
    bool aided = false;
    JobFailure first;  // why it is run again with aids
  };
  struct Worker {
    explicit Worker(WorkerLink of) : link(std::move(of)) {}
    WorkerLink link;
    bool ready = false;      // said hello
    std::deque<Task> tasks;  // the first is running, the second waits in the worker's pipe
    Clock::time_point deadline;
    Clock::time_point job_begin;
    double cpu_before_s = 0;  // of the process, when the running job began
    Clock::time_point memory_check;
    std::size_t jobs_begun = 0;
    std::size_t settled_bytes = 0;  // resident after its first jobs
    std::size_t grown_bytes = 0;    // since then
    bool retiring = false;          // gets no more jobs
    bool dead = false;
    bool busy() const { return !tasks.empty(); }
    const Job& running() const { return *tasks.front().job; }
    Task take_running();
  };

  // Jobs: which are to be run, and what becomes of them.
  void call_up();
  void conclude(const Job& job, JobResult result);
  void finish(Task task, JobResult result);
  void again_with_aids(Task task, JobFailure failure);
  void again_or_fail(Task task, const Loss& loss, const std::string& log);

  // Workers: their jobs and their ends.
  void start_worker();
  void feed(Worker& worker);
  void begin_job(Worker& worker);
  void give_back(Worker& worker);
  void dismiss(Worker& worker);
  void lose(Worker& worker, const Loss& loss);

  // Time: what comes, and what does not come in time.
  void wait();
  void serve();
  void serve(Worker& worker);
  std::optional<Loss> listen(Worker& worker);
  std::optional<Loss> read_hello(Worker& worker, const Hello& hello);
  std::optional<Loss> take(Worker& worker, Reply reply);
  Loss ended(Worker& worker) const;
  std::optional<Loss> beyond_limits(Worker& worker) const;
  std::size_t memory_limit(const Job& job) const;

  const PoolOptions& options_;
  const PoolListener& listener_;
  std::string& simulator_;
  ScratchFolder scratch_;
  std::deque<Task> waiting_;
  std::deque<const Job*> held_;  // whose turn has not come
  std::vector<std::unique_ptr<Worker>> workers_;
  std::size_t open_;  // jobs without result, held ones included
  std::size_t failed_starts_ = 0;
  std::size_t largest_bytes_ = 0;  // of the jobs' memory limits
  bool code_models_ = false;       // a job needs them
  double processor_limit_s_;
  PoolReport report_;
};

}  // namespace gaincell::characterize
