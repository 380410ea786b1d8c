#include "characterize/pool/pool.h"

#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <deque>
#include <limits>
#include <optional>
#include <utility>

#include "base/error.h"
#include "base/installation.h"
#include "base/version.h"
#include "characterize/job/protocol.h"
#include "characterize/job/wire.h"
#include "characterize/pool/child.h"
#include "characterize/pool/scratch_folder.h"

namespace gaincell::characterize {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::size_t kLogTail = 8192;
constexpr std::size_t kStartAttempts = 5;
constexpr std::size_t kSettlingJobs = 50;  // until a worker's memory has its size
constexpr std::string_view kKilled = "the worker died (signal 9)";
const std::string kOutOfTime = fmt::format("signal {}", SIGXCPU);

// What whoever started us allows each process to use of a processor (`ulimit -t`), infinite mostly.
// The kernel ends who reaches it by the signal that a kill from outside has as well.
double processor_limit_s() {
  rlimit now{};
  const bool limited = ::getrlimit(RLIMIT_CPU, &now) == 0 && now.rlim_max != RLIM_INFINITY;
  return limited ? static_cast<double>(now.rlim_max) : std::numeric_limits<double>::infinity();
}
constexpr double kMemoryCheck_s = 0.1;
constexpr double kTick_s = 0.05;   // to which the kernel's accounts agree
constexpr char kLogMark = '\x1e';  // a dying worker prints it ahead of its current job's log

Clock::time_point after(double seconds) {
  return Clock::now() + std::chrono::duration_cast<Clock::duration>(
                            std::chrono::duration<double>(std::min(seconds, 1e8)));
}

std::vector<std::string> arguments(const PoolOptions& options, std::size_t memory_bytes,
                                   bool code_models) {
  std::vector<std::string> words{std::to_string(memory_bytes)};
  words.insert(words.end(), options.allow.begin(), options.allow.end());
  if (code_models) words.emplace_back("code-models");
  return words;
}

Error refused_worker(const std::filesystem::path& worker, const std::string& why,
                     std::string_view log) {
  while (log.ends_with('\n')) log.remove_suffix(1);
  return Error({.place = worker.string(),
                .rule = why,
                .remedy = fmt::format("it must be the gaincell-worker built with this program{}{}",
                                      log.empty() ? "" : "; it said: ", log)});
}

struct Task {
  explicit Task(const Job* what) : job(what) {}
  const Job* job;
  std::size_t crashed = 0;  // workers that it took with it
  std::size_t killed = 0;   // workers that were killed during it
  bool aided = false;
  JobFailure first;  // why it is run again with aids
};

struct Worker {
  Worker(Child process, std::filesystem::path where)
      : child(std::move(process)), folder(std::move(where)) {}
  Child child;
  std::filesystem::path folder;
  bool ready = false;  // said hello
  Clock::time_point deadline;
  Clock::time_point job_begin;
  double cpu_before_s = 0;  // of the process, when the running job began
  std::size_t jobs_begun = 0;
  std::size_t settled_bytes = 0;  // resident after kSettlingJobs
  std::size_t grown_bytes = 0;    // since then
  bool retiring = false;          // gets no more jobs
  Clock::time_point memory_check;
  std::deque<Task> tasks;  // the first is running, the second waits in the worker's pipe
  std::string out;         // bytes not yet written
  FrameBuffer in;
  std::string log;
  std::size_t log_bytes = 0;  // since the last reply
  std::vector<const DeckHead*> heads;
  bool reply_open = true;
  bool log_open = true;
  bool dead = false;
};

class Run {
 public:
  Run(const PoolOptions& options, std::span<const Job* const> jobs, const PoolListener& listener)
      : options_(options), listener_(listener), open_(jobs.size()) {
    for (const Job* job : jobs) {
      largest_bytes_ = std::max(largest_bytes_, memory_limit(*job));
      code_models_ = code_models_ || job->code_models;
      held_.push_back(job);
    }
    call_up();
  }

  PoolReport run() {
    const auto begin = Clock::now();
    while (open_ > 0) {
      while (workers_.size() < std::min(options_.workers, open_ - held_.size())) start_worker();
      for (auto& worker : workers_) feed(*worker);
      wait();
      for (auto& worker : workers_) serve(*worker);
      std::erase_if(workers_, [](const auto& worker) { return worker->dead; });
      if (!listener_.tick()) break;
    }
    workers_.clear();
    report_.wall_s = std::chrono::duration<double>(Clock::now() - begin).count();
    return report_;
  }

 private:
  // Those whose turn has come wait for a worker from here on.
  void call_up() {
    std::deque<const Job*> later;
    for (const Job* job : held_) {
      const Turn turn = listener_.turn ? listener_.turn(*job) : Turn::kNow;
      if (turn == Turn::kNow) waiting_.emplace_back(job);
      if (turn == Turn::kNever) --open_;
      if (turn == Turn::kLater) later.push_back(job);
    }
    held_ = std::move(later);
  }

  // A job has its result.
  void conclude(const Job& job, JobResult result) {
    --open_;
    listener_.done(job, std::move(result));
    if (!held_.empty()) call_up();
  }

  void start_worker() {
    const auto folder = scratch_.make(fmt::format("worker{}", report_.workers_started));
    auto worker = std::make_unique<Worker>(
        Child(options_.worker, folder, arguments(options_, largest_bytes_, code_models_)), folder);
    ++report_.workers_started;
    worker->deadline = after(options_.start_timeout_s);
    workers_.push_back(std::move(worker));
  }

  // A second job is sent ahead, so that a worker does not wait for us; near the end this would only
  // make others wait.
  void feed(Worker& worker) {
    if (!worker.ready || worker.retiring) return;
    const std::size_t depth = waiting_.size() > 2 * workers_.size() ? 2 : 1;
    while (worker.tasks.size() < depth && !waiting_.empty()) {
      Task task = std::move(waiting_.front());
      waiting_.pop_front();
      const DeckHead* head = task.job->head.get();
      auto known = std::find_if(worker.heads.begin(), worker.heads.end(),
                                [&](const DeckHead* one) { return one == head; });
      if (known == worker.heads.end()) {
        const HeadMessage message{static_cast<std::uint32_t>(worker.heads.size()), head->text};
        worker.out += encode_frame(FrameType::kHead, encode(message));
        worker.heads.push_back(head);
        known = worker.heads.end() - 1;
      }
      worker.out += encode_frame(
          FrameType::kRun,
          encode_run(*task.job, static_cast<std::uint32_t>(known - worker.heads.begin()),
                     task.aided));
      worker.tasks.push_back(std::move(task));
      if (worker.tasks.size() == 1) begin_job(worker);
    }
    write(worker);
  }

  void begin_job(Worker& worker) {
    worker.deadline = after(worker.tasks.front().job->timeout_s);
    worker.job_begin = Clock::now();
    worker.memory_check = after(kMemoryCheck_s);
    const Child::Usage usage = worker.child.usage();
    worker.cpu_before_s = usage.cpu_s;
    if (++worker.jobs_begun == kSettlingJobs) worker.settled_bytes = usage.resident_bytes;
    if (worker.jobs_begun > kSettlingJobs && usage.resident_bytes > worker.settled_bytes)
      worker.grown_bytes = usage.resident_bytes - worker.settled_bytes;
    report_.worker_growth_bytes = std::max(report_.worker_growth_bytes, worker.grown_bytes);
    worker.retiring = worker.jobs_begun >= options_.recycle_jobs ||
                      worker.grown_bytes > options_.recycle_growth_bytes ||
                      usage.cpu_s > 0.5 * processor_limit_s_;
  }

  std::size_t memory_limit(const Job& job) const {
    return job.memory_bytes > 0 ? job.memory_bytes : options_.memory_bytes;
  }

  // A retired worker ends when it has given all its replies.
  void recycle(Worker& worker) {
    ++report_.workers_recycled;
    worker.child.stop(options_.stop_grace_s);
    worker.dead = true;
  }

  // On a crowded machine a limit in wall-clock time would fail jobs that had no processor: one that
  // wants to run and got less than half of its time is given more, up to ten times in all.
  static bool starved(const Worker& worker) {
    const double limit_s = worker.tasks.front().job->timeout_s;
    const Child::Usage usage = worker.child.usage();
    const double wall_s = std::chrono::duration<double>(Clock::now() - worker.job_begin).count();
    return usage.runnable && usage.cpu_s - worker.cpu_before_s < 0.5 * limit_s &&
           wall_s < 10 * limit_s;
  }

  static void write(Worker& worker) {
    while (!worker.out.empty()) {
      const ssize_t written =
          ::write(worker.child.command_fd(), worker.out.data(), worker.out.size());
      if (written < 0 && errno == EINTR) continue;
      if (written <= 0) return;  // full; or broken, which its end of the replies shows
      worker.out.erase(0, static_cast<std::size_t>(written));
    }
  }

  void wait() {
    std::vector<pollfd> fds;
    auto until = after(0.25);
    for (const auto& worker : workers_) {
      if (worker->reply_open) fds.push_back({worker->child.reply_fd(), POLLIN, 0});
      if (worker->log_open) fds.push_back({worker->child.log_fd(), POLLIN, 0});
      if (!worker->out.empty()) fds.push_back({worker->child.command_fd(), POLLOUT, 0});
      if (!worker->ready || !worker->tasks.empty()) until = std::min(until, worker->deadline);
    }
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(until - Clock::now()).count();
    ::poll(fds.data(), fds.size(), static_cast<int>(std::max<std::int64_t>(left + 1, 0)));
  }

  void serve(Worker& worker) {
    read_log(worker);
    if (worker.log_bytes > options_.log_limit)
      return lose(worker, JobFailure::Why::kBadReply, "the worker flooded its log");
    const std::string bytes = read_available(worker.child.reply_fd(), worker.reply_open);
    try {
      worker.in.add(bytes);
      while (const auto frame = worker.in.next()) {
        if (!take(worker, *frame)) return;
      }
    } catch (const BadBytes& error) {
      return lose(worker, JobFailure::Why::kBadReply,
                  fmt::format("what the worker sent {}", error.what()));
    }
    if (!worker.reply_open) {
      const std::string how = worker.child.stop(options_.stop_grace_s);
      // The kernel's limit stands behind ours.
      if (how == kOutOfTime && !worker.tasks.empty())
        return give_up(worker, JobFailure::Why::kTimeout,
                       fmt::format("took longer than {} s", worker.tasks.front().job->timeout_s));
      if (worker.child.used_cpu_s() >= processor_limit_s_ - kTick_s)
        return lose(worker, JobFailure::Why::kTimeout,
                    fmt::format("the worker used the {} s of processor time that this shell allows "
                                "a process (ulimit -t)",
                                processor_limit_s_));
      return lose(worker, JobFailure::Why::kCrash, fmt::format("the worker died ({})", how));
    }
    const bool waits = !worker.ready || !worker.tasks.empty();
    if (waits && Clock::now() >= worker.deadline) {
      if (!worker.ready)
        return lose(worker, JobFailure::Why::kTimeout, "the worker did not say hello");
      if (!starved(worker))
        return give_up(worker, JobFailure::Why::kTimeout,
                       fmt::format("took longer than {} s", worker.tasks.front().job->timeout_s));
      worker.deadline = after(worker.tasks.front().job->timeout_s);
    }
    if (too_big(worker))
      return give_up(worker, JobFailure::Why::kMemory,
                     memory_reason(memory_limit(*worker.tasks.front().job)));
    if (worker.retiring && worker.tasks.empty()) return recycle(worker);
    write(worker);
  }

  bool too_big(Worker& worker) const {
    if (worker.tasks.empty() || Clock::now() < worker.memory_check) return false;
    worker.memory_check = after(kMemoryCheck_s);
    return worker.child.usage().resident_bytes > memory_limit(*worker.tasks.front().job);
  }

  void read_log(Worker& worker) {
    if (!worker.log_open) return;
    const std::string bytes = read_available(worker.child.log_fd(), worker.log_open);
    worker.log_bytes += bytes.size();
    worker.log += bytes;
    if (worker.log.size() > 2 * kLogTail) worker.log.erase(0, worker.log.size() - kLogTail);
  }

  // False where the worker is gone.
  bool take(Worker& worker, const Frame& frame) {
    if (!worker.ready) {
      if (frame.type != FrameType::kHello) throw BadBytes("is no hello");
      const Hello hello = decode_hello(frame.payload);
      if (hello.protocol != kProtocolVersion || hello.program_version != kVersion) {
        lose(worker, JobFailure::Why::kBadReply,
             fmt::format("the worker is of another version (program {}, protocol {}; ours {}, {})",
                         hello.program_version, hello.protocol, kVersion, kProtocolVersion));
        return false;
      }
      if (!report_.ngspice_version.empty() && report_.ngspice_version != hello.ngspice_version)
        throw BadBytes("names another simulator version than its siblings");
      report_.ngspice_version = hello.ngspice_version;
      report_.unconfined = hello.unconfined;
      worker.ready = true;
      failed_starts_ = 0;
      return true;
    }
    if (frame.type != FrameType::kReply) throw BadBytes("is no reply");
    bool last = false;
    JobResult result = decode_result(frame.payload, last);
    if (worker.tasks.empty() || worker.tasks.front().job->id != result.id)
      throw BadBytes("replies to a job that it was not given");
    if (!fits(*worker.tasks.front().job, result))
      throw BadBytes("holds another number of results than asked for");
    Task task = std::move(worker.tasks.front());
    worker.tasks.pop_front();
    if (result.failure.why == JobFailure::Why::kMemory)
      result.failure.reason = memory_reason(memory_limit(*task.job));
    worker.log_bytes = 0;
    if (!worker.tasks.empty()) begin_job(worker);
    report_.simulator_s += result.simulator_s;
    finish(std::move(task), std::move(result));
    if (!last) return true;
    give_back(worker);
    worker.child.stop(options_.stop_grace_s);
    worker.dead = true;
    return false;
  }

  void finish(Task task, JobResult result) {
    result.aided = task.aided;
    if (!result.ok && !task.aided && result.failure.why != JobFailure::Why::kRefused)
      return again_with_aids(std::move(task), std::move(result.failure));
    if (!result.ok && task.aided) {
      // The first failure is the telling one; the aids have often changed the circuit's stiffness.
      const std::string second = result.failure.reason;
      result.failure = std::move(task.first);
      result.failure.reason += fmt::format(" (with convergence aids: {})", second);
    }
    conclude(*task.job, std::move(result));
  }

  void again_with_aids(Task task, JobFailure failure) {
    ++report_.jobs_aided;
    task.aided = true;
    task.first = std::move(failure);
    waiting_.push_front(std::move(task));
  }

  // The running job went beyond a limit; its worker goes with it.
  void give_up(Worker& worker, JobFailure::Why why, const std::string& reason) {
    Task task = std::move(worker.tasks.front());
    worker.tasks.pop_front();
    note_loss(reason);
    worker.child.stop(options_.stop_grace_s);
    JobResult result;
    result.id = task.job->id;
    result.failure = {why, reason, log_tail(worker)};
    give_back(worker);
    worker.dead = true;
    finish(std::move(task), std::move(result));
  }

  void lose(Worker& worker, JobFailure::Why why, const std::string& reason) {
    note_loss(reason);
    worker.child.stop(options_.stop_grace_s);
    worker.dead = true;
    if (!worker.ready) {
      if (++failed_starts_ >= kStartAttempts)
        throw refused_worker(options_.worker, fmt::format("{}, {} times", reason, failed_starts_),
                             log_tail(worker));
      return;
    }
    if (worker.tasks.empty()) return;
    Task task = std::move(worker.tasks.front());
    worker.tasks.pop_front();
    give_back(worker);
    // A kill from outside says nothing about the job, unless it comes again and again.
    const bool killed = reason == kKilled;
    const std::size_t times = killed ? ++task.killed : ++task.crashed;
    if (times < (killed ? options_.kill_attempts : options_.attempts)) {
      ++report_.jobs_repeated;
      waiting_.push_front(std::move(task));
      return;
    }
    JobResult result;
    result.id = task.job->id;
    result.aided = task.aided;
    result.failure = {why, fmt::format("{}, {} times", reason, times), log_tail(worker)};
    conclude(*task.job, std::move(result));
  }

  void give_back(Worker& worker) {
    while (!worker.tasks.empty()) {
      waiting_.push_front(std::move(worker.tasks.back()));
      worker.tasks.pop_back();
    }
  }

  void note_loss(const std::string& reason) {
    ++report_.workers_lost;
    ++report_.losses[reason];
    if (listener_.lost) listener_.lost(reason);
  }

  std::string log_tail(Worker& worker) {
    read_log(worker);
    const std::size_t mark = worker.log.rfind(kLogMark);
    std::string tail = mark == std::string::npos ? worker.log : worker.log.substr(mark + 1);
    if (tail.size() > kLogTail) tail.erase(0, tail.size() - kLogTail);
    return tail;
  }

  const PoolOptions& options_;
  const PoolListener& listener_;
  ScratchFolder scratch_;
  std::deque<Task> waiting_;
  std::deque<const Job*> held_;  // whose turn has not come
  std::vector<std::unique_ptr<Worker>> workers_;
  std::size_t open_;  // jobs without result, held ones included
  std::size_t failed_starts_ = 0;
  std::size_t largest_bytes_ = 0;  // of the jobs' memory limits
  bool code_models_ = false;       // a job needs them
  double processor_limit_s_ = processor_limit_s();
  PoolReport report_;
};

}  // namespace

Pool::Pool(PoolOptions options) : options_(std::move(options)) {
  ::signal(SIGPIPE, SIG_IGN);  // a worker's end shows as the end of its replies
  if (::access("/proc/self/stat", R_OK) != 0)
    throw Error({.place = "/proc",
                 .rule = "is not mounted: without it nobody sees what time and memory a simulator "
                         "takes",
                 .remedy = "mount -t proc proc /proc"});
  if (options_.workers == 0) options_.workers = 1;
}

PoolReport& PoolReport::operator+=(const PoolReport& other) {
  workers_started += other.workers_started;
  workers_lost += other.workers_lost;
  workers_recycled += other.workers_recycled;
  jobs_repeated += other.jobs_repeated;
  jobs_aided += other.jobs_aided;
  simulator_s += other.simulator_s;
  wall_s += other.wall_s;
  if (ngspice_version.empty()) ngspice_version = other.ngspice_version;
  if (unconfined.empty()) unconfined = other.unconfined;
  for (const auto& [reason, count] : other.losses) losses[reason] += count;
  worker_growth_bytes = std::max(worker_growth_bytes, other.worker_growth_bytes);
  return *this;
}

PoolReport Pool::run(std::span<const Job* const> jobs, const PoolListener& listener) {
  return Run(options_, jobs, listener).run();
}

std::string Pool::ngspice_version() {
  ScratchFolder scratch;
  const auto folder = scratch.make("worker");
  std::string log;
  for (std::size_t attempt = 0; attempt < kStartAttempts; ++attempt) {
    Child child(options_.worker, folder, arguments(options_, options_.memory_bytes, false));
    FrameBuffer frames;
    const auto until = after(options_.start_timeout_s);
    bool open = true;
    while (open && Clock::now() < until) {
      pollfd fd{child.reply_fd(), POLLIN, 0};
      ::poll(&fd, 1, 250);
      try {
        frames.add(read_available(child.reply_fd(), open));
        if (const auto frame = frames.next(); frame && frame->type == FrameType::kHello) {
          const Hello hello = decode_hello(frame->payload);
          child.stop(options_.stop_grace_s);
          return hello.ngspice_version;
        }
      } catch (const BadBytes&) {
        break;
      }
    }
    log = read_available(child.log_fd(), open);
  }
  throw refused_worker(options_.worker, "did not say hello", log);
}

std::filesystem::path worker_program() { return sibling_program("gaincell-worker"); }

}  // namespace gaincell::characterize
