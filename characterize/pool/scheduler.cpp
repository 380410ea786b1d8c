#include "characterize/pool/scheduler.h"

#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "base/error.h"
#include "base/version.h"

namespace gaincell::characterize {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::size_t kStartAttempts = 5;
constexpr std::size_t kSettlingJobs = 50;  // until a worker's memory has its size
constexpr double kMemoryCheck_s = 0.1;
// The kernel counts a limit of processor time in ticks, and tells what was used more exactly: on a
// busy machine some 10 % less than the limit at which it killed.
constexpr double kNearLimit = 0.75;

// What whoever started us allows each process to use of a processor (`ulimit -t`), infinite mostly.
// The kernel ends who reaches it by the signal that a kill from outside has as well.
double processor_limit_s() {
  rlimit now{};
  const bool limited = ::getrlimit(RLIMIT_CPU, &now) == 0 && now.rlim_max != RLIM_INFINITY;
  return limited ? static_cast<double>(now.rlim_max) : std::numeric_limits<double>::infinity();
}

Clock::time_point after(double seconds) {
  return Clock::now() + std::chrono::duration_cast<Clock::duration>(
                            std::chrono::duration<double>(std::min(seconds, 1e8)));
}

double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

std::vector<std::string> arguments(const PoolOptions& options, std::size_t memory_bytes,
                                   bool code_models) {
  std::vector<std::string> words{std::to_string(memory_bytes)};
  words.insert(words.end(), options.allow.begin(), options.allow.end());
  if (code_models) words.emplace_back("code-models");
  return words;
}

Error refused_worker(const std::filesystem::path& worker, const std::string& reason,
                     std::string_view log) {
  while (log.ends_with('\n')) log.remove_suffix(1);
  return Error({.place = worker.string(),
                .rule = reason,
                .remedy = fmt::format("it must be the gaincell-worker built with this program{}{}",
                                      log.empty() ? "" : "; it said: ", log)});
}

// A job of this worker that ended without a result.
JobResult failed(const Job& job, JobFailure failure) {
  JobResult result;
  result.id = job.id;
  result.failure = std::move(failure);
  return result;
}

}  // namespace

Scheduler::Scheduler(const PoolOptions& options, std::span<const Job* const> jobs,
                     const PoolListener& listener, std::string& simulator)
    : options_(options),
      listener_(listener),
      simulator_(simulator),
      open_(jobs.size()),
      processor_limit_s_(processor_limit_s()) {
  if (jobs.empty()) largest_bytes_ = options.memory_bytes;
  for (const Job* job : jobs) {
    largest_bytes_ = std::max(largest_bytes_, memory_limit(*job));
    code_models_ = code_models_ || job->code_models;
    held_.push_back(job);
  }
  call_up();
}

PoolReport Scheduler::run() {
  const auto begin = Clock::now();
  while (open_ > 0) {
    while (workers_.size() < std::min(options_.workers, open_ - held_.size())) start_worker();
    for (auto& worker : workers_) feed(*worker);
    wait();
    serve();
    if (!listener_.tick()) break;
  }
  workers_.clear();
  report_.wall_s = seconds_since(begin);
  return report_;
}

void Scheduler::greet() {
  while (report_.ngspice_version.empty()) {
    if (workers_.empty()) start_worker();
    wait();
    serve();
  }
  for (auto& worker : workers_) dismiss(*worker);
}

// --- Jobs

// Those whose turn has come wait for a worker from here on.
void Scheduler::call_up() {
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
void Scheduler::conclude(const Job& job, JobResult result) {
  --open_;
  listener_.done(job, std::move(result));
  if (!held_.empty()) call_up();
}

// It has run to its end, or beyond a limit.
void Scheduler::finish(Task task, JobResult result) {
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

void Scheduler::again_with_aids(Task task, JobFailure failure) {
  ++report_.jobs_aided;
  task.aided = true;
  task.first = std::move(failure);
  waiting_.push_front(std::move(task));
}

// Its worker was lost, whatever the reason.
void Scheduler::again_or_fail(Task task, const Loss& loss, const std::string& log) {
  // A kill from outside says nothing about the job, unless it comes again and again.
  const bool killed = killed_from_outside(loss);
  const std::size_t times = killed ? ++task.killed : ++task.crashed;
  if (times < (killed ? options_.kill_attempts : options_.attempts)) {
    ++report_.jobs_repeated;
    waiting_.push_front(std::move(task));
    return;
  }
  JobResult result =
      failed(*task.job, {why(loss), fmt::format("{}, {} times", wording(loss), times), log});
  result.aided = task.aided;
  conclude(*task.job, std::move(result));
}

// --- Workers

void Scheduler::start_worker() {
  const auto folder = scratch_.make(fmt::format("worker{}", report_.workers_started));
  auto worker = std::make_unique<Worker>(
      WorkerLink(options_.worker, folder, arguments(options_, largest_bytes_, code_models_)));
  ++report_.workers_started;
  worker->deadline = after(options_.start_timeout_s);
  workers_.push_back(std::move(worker));
}

Scheduler::Task Scheduler::Worker::take_running() {
  Task task = std::move(tasks.front());
  tasks.pop_front();
  return task;
}

// A second job is sent ahead, so that a worker does not wait for us; near the end this would only
// make others wait.
void Scheduler::feed(Worker& worker) {
  if (!worker.ready || worker.retiring) return;
  const std::size_t depth = waiting_.size() > 2 * workers_.size() ? 2 : 1;
  while (worker.tasks.size() < depth && !waiting_.empty()) {
    worker.tasks.push_back(std::move(waiting_.front()));
    waiting_.pop_front();
    worker.link.send(*worker.tasks.back().job, worker.tasks.back().aided);
    if (worker.tasks.size() == 1) begin_job(worker);
  }
  worker.link.flush();
}

void Scheduler::begin_job(Worker& worker) {
  worker.deadline = after(worker.running().timeout_s);
  worker.job_begin = Clock::now();
  worker.memory_check = after(kMemoryCheck_s);
  const Child::Usage usage = worker.link.usage();
  worker.cpu_before_s = usage.cpu_s;
  if (++worker.jobs_begun == kSettlingJobs) worker.settled_bytes = usage.resident_bytes;
  if (worker.jobs_begun > kSettlingJobs && usage.resident_bytes > worker.settled_bytes)
    worker.grown_bytes = usage.resident_bytes - worker.settled_bytes;
  report_.worker_growth_bytes = std::max(report_.worker_growth_bytes, worker.grown_bytes);
  worker.retiring = worker.jobs_begun >= options_.recycle_jobs ||
                    worker.grown_bytes > options_.recycle_growth_bytes ||
                    usage.cpu_s > 0.5 * processor_limit_s_;
}

void Scheduler::give_back(Worker& worker) {
  while (worker.busy()) {
    waiting_.push_front(std::move(worker.tasks.back()));
    worker.tasks.pop_back();
  }
}

void Scheduler::dismiss(Worker& worker) {
  give_back(worker);
  worker.link.stop(options_.stop_grace_s);
  worker.dead = true;
}

void Scheduler::lose(Worker& worker, const Loss& loss) {
  const std::string reason = wording(loss);
  ++report_.workers_lost;
  ++report_.losses[reason];
  if (listener_.lost) listener_.lost(reason);
  std::optional<Task> task;
  if (worker.busy()) task = worker.take_running();
  dismiss(worker);
  const std::string log = worker.link.log_tail();
  if (!worker.ready && ++failed_starts_ >= kStartAttempts)
    throw refused_worker(options_.worker, fmt::format("{}, {} times", reason, failed_starts_), log);
  if (!task) return;
  if (of_its_job(loss)) {
    JobResult result = failed(*task->job, {why(loss), reason, log});
    finish(std::move(*task), std::move(result));
  } else {
    again_or_fail(std::move(*task), loss, log);
  }
}

// --- Time

void Scheduler::wait() {
  std::vector<pollfd> fds;
  auto until = after(0.25);
  for (const auto& worker : workers_) {
    worker->link.add_to(fds);
    if (!worker->ready || worker->busy()) until = std::min(until, worker->deadline);
  }
  const auto left =
      std::chrono::duration_cast<std::chrono::milliseconds>(until - Clock::now()).count();
  ::poll(fds.data(), fds.size(), static_cast<int>(std::max<std::int64_t>(left + 1, 0)));
}

void Scheduler::serve() {
  for (auto& worker : workers_) serve(*worker);
  std::erase_if(workers_, [](const auto& worker) { return worker->dead; });
}

void Scheduler::serve(Worker& worker) {
  auto loss = listen(worker);
  if (worker.dead) return;
  if (!loss) loss = beyond_limits(worker);
  if (loss) return lose(worker, *loss);
  if (worker.retiring && !worker.busy()) {
    ++report_.workers_recycled;
    return dismiss(worker);
  }
  worker.link.flush();
}

std::optional<Loss> Scheduler::listen(Worker& worker) {
  worker.link.receive();
  if (worker.link.log_bytes() > options_.log_limit) return FloodedLog{};
  while (!worker.dead) {
    auto event = worker.link.next();
    if (!event) return {};
    std::optional<Loss> loss;
    if (const auto* hello = std::get_if<Hello>(&*event)) loss = read_hello(worker, *hello);
    if (auto* reply = std::get_if<Reply>(&*event)) loss = take(worker, std::move(*reply));
    if (const auto* sent = std::get_if<Nonsense>(&*event)) loss = *sent;
    if (std::holds_alternative<Silence>(*event)) loss = ended(worker);
    if (loss) return loss;
  }
  return {};
}

std::optional<Loss> Scheduler::read_hello(Worker& worker, const Hello& hello) {
  if (hello.protocol != kProtocolVersion || hello.program_version != kVersion)
    return OtherVersion{hello};
  if (simulator_.empty()) simulator_ = hello.ngspice_version;
  if (simulator_ != hello.ngspice_version)
    return Nonsense{"names another simulator version than its siblings"};
  report_.ngspice_version = hello.ngspice_version;
  report_.unconfined = hello.unconfined;
  worker.ready = true;
  failed_starts_ = 0;
  return {};
}

std::optional<Loss> Scheduler::take(Worker& worker, Reply reply) {
  JobResult& result = reply.result;
  if (!worker.busy() || worker.running().id != result.id)
    return Nonsense{"replies to a job that it was not given"};
  if (!fits(worker.running(), result))
    return Nonsense{"holds another number of results than asked for"};
  Task task = worker.take_running();
  if (result.failure.why == JobFailure::Why::kMemory)
    result.failure.reason = memory_reason(memory_limit(*task.job));
  if (worker.busy()) begin_job(worker);
  report_.simulator_s += result.simulator_s;
  finish(std::move(task), std::move(result));
  if (reply.last) dismiss(worker);
  return {};
}

// It says no more.
Loss Scheduler::ended(Worker& worker) const {
  const End end = worker.link.stop(options_.stop_grace_s);
  // The kernel's limit stands behind ours.
  if (end.signal == SIGXCPU && worker.busy()) return TookTooLong{worker.running().timeout_s};
  if (end.signal == SIGKILL && worker.link.used_cpu_s() >= kNearLimit * processor_limit_s_)
    return OutOfProcessorTime{processor_limit_s_};
  return Died{end};
}

std::optional<Loss> Scheduler::beyond_limits(Worker& worker) const {
  const auto now = Clock::now();
  if (!worker.ready) return now >= worker.deadline ? std::optional<Loss>(NoHello{}) : std::nullopt;
  if (!worker.busy()) return {};
  const double limit_s = worker.running().timeout_s;
  if (now < worker.deadline && now < worker.memory_check) return {};
  const Child::Usage usage = worker.link.usage();
  if (now >= worker.deadline) {
    // On a crowded machine a limit in wall-clock time would fail jobs that had no processor: one
    // that wants to run and got less than half of its time is given more, up to ten times in all.
    const bool starved = usage.runnable && usage.cpu_s - worker.cpu_before_s < 0.5 * limit_s &&
                         seconds_since(worker.job_begin) < 10 * limit_s;
    if (!starved) return TookTooLong{limit_s};
    worker.deadline = after(limit_s);
  }
  if (now >= worker.memory_check) {
    worker.memory_check = after(kMemoryCheck_s);
    if (usage.resident_bytes > memory_limit(worker.running()))
      return GrewTooLarge{memory_limit(worker.running())};
  }
  return {};
}

std::size_t Scheduler::memory_limit(const Job& job) const {
  return job.memory_bytes > 0 ? job.memory_bytes : options_.memory_bytes;
}

}  // namespace gaincell::characterize
