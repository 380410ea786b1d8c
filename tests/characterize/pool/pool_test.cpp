#include "characterize/pool/pool.h"

#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <functional>
#include <map>
#include <set>

#include "tests/characterize/support.h"

namespace gaincell::characterize {
namespace {

using ::testing::HasSubstr;

class PoolTest : public BenchTest {
 protected:
  PoolOptions options_of(const std::string& behaviour, std::size_t workers = 2) {
    PoolOptions options = options_;
    options.worker = path(behaviour);
    std::filesystem::create_symlink(
        std::filesystem::path(GAINCELL_BINARY_DIR) / "tests" / "fake_worker", options.worker);
    options.workers = workers;
    options.start_timeout_s = behaviour == "silent" ? 0.5 : 30;
    options.stop_grace_s = 0.05;
    options.log_limit = 8 << 20;
    return options;
  }
  // Jobs in a worker that behaves as its name says.
  std::vector<JobResult> run(const std::string& behaviour, std::size_t workers = 2,
                             std::size_t count = 10) {
    const PoolOptions options = options_of(behaviour, workers);
    const auto head = std::make_shared<DeckHead>(DeckHead{"head\n", "hash"});
    const auto aids = std::make_shared<std::string>(".option method=gear\n");
    std::vector<Job> jobs(count);
    std::vector<const Job*> order;
    for (std::size_t k = 0; k < jobs.size(); ++k) {
      jobs[k].id = k;
      jobs[k].head = head;
      jobs[k].aids = aids;
      jobs[k].calls = {{"value", {"v(a)"}, {}, {}}};
      jobs[k].timeout_s = timeout_s_;
      order.push_back(&jobs[k]);
    }
    std::vector<JobResult> results(jobs.size());
    std::vector<int> seen(jobs.size(), 0);
    PoolListener listener;
    listener.done = [&](const Job& job, JobResult result) {
      results[job.id] = std::move(result);
      ++seen[job.id];
      done_[job.id] = results[job.id].ok;
      order_.push_back(job.id);
    };
    listener.tick = [] { return true; };
    listener.lost = [&](const std::string& reason) { lost_.push_back(reason); };
    listener.turn = turn_;
    report_ = Pool(options).run(order, listener);
    for (const int replies : seen) {
      if (turn_) break;  // some are not run
      EXPECT_EQ(replies, 1);
    }
    return results;
  }
  // All jobs but number 3 are fine.
  static void expect_others_good(const std::vector<JobResult>& results) {
    for (std::size_t k = 0; k < results.size(); ++k) {
      if (k == 3) continue;
      EXPECT_TRUE(results[k].ok) << k << ": " << results[k].failure.reason;
      if (results[k].ok) {
        EXPECT_EQ(results[k].values, (std::vector<double>{static_cast<double>(k) * 10}));
      }
    }
  }
  PoolOptions options_;
  double timeout_s_ = 0.4;
  std::function<Turn(const Job&)> turn_;
  std::map<std::uint64_t, bool> done_;  // and whether they were good
  std::vector<std::uint64_t> order_;
  std::vector<std::string> lost_;
  PoolReport report_;
};

TEST_F(PoolTest, RunsAllJobs) {
  const auto results = run("fine");
  expect_others_good(results);
  EXPECT_TRUE(results[3].ok);
  EXPECT_EQ(report_.workers_started, 2u);
  EXPECT_EQ(report_.ngspice_version, "fake");
}

TEST_F(PoolTest, MoreWorkersThanJobsAreNotStarted) {
  run("fine", 50);
  EXPECT_LE(report_.workers_started, 10u);
}

TEST_F(PoolTest, KillsHungWorkerAtDeadline) {
  const auto begin = std::chrono::steady_clock::now();
  const auto results = run("hang");
  expect_others_good(results);
  EXPECT_EQ(results[3].failure.why, JobFailure::Why::kTimeout);
  EXPECT_THAT(results[3].failure.reason, HasSubstr("took longer than 0.4 s"));
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(20));
}

TEST_F(PoolTest, TriesAHungJobOnceMoreWithAids) {
  const auto results = run("hang_unaided");
  expect_others_good(results);
  EXPECT_TRUE(results[3].ok);
  EXPECT_TRUE(results[3].aided);
}

TEST_F(PoolTest, CrashCostsOneJob) {
  const auto results = run("crash");
  expect_others_good(results);
  EXPECT_EQ(results[3].failure.why, JobFailure::Why::kCrash);
  EXPECT_EQ(results[3].failure.reason, "the worker died (signal 6), 3 times");
  EXPECT_EQ(results[3].failure.log_tail, "last words\n");
}

TEST_F(PoolTest, CrashThatDoesNotComeAgainCostsNothing) {
  const auto results = run("crash_once");
  expect_others_good(results);
  EXPECT_TRUE(results[3].ok);
  EXPECT_FALSE(results[3].aided);
  EXPECT_EQ(report_.jobs_repeated, 1u);
}

TEST_F(PoolTest, GarbageCostsOneJob) {
  for (const char* how : {"garbage", "wrong_checksum", "wrong_id"}) {
    const auto results = run(how);
    expect_others_good(results);
    EXPECT_EQ(results[3].failure.why, JobFailure::Why::kBadReply) << how;
  }
}

TEST_F(PoolTest, FloodOfLogCostsOneJob) {
  const auto results = run("flood");
  expect_others_good(results);
  EXPECT_THAT(results[3].failure.reason, HasSubstr("flooded its log"));
}

TEST_F(PoolTest, MemoryHogCostsOneJob) {
  options_.memory_bytes = std::size_t{300} << 20;
  timeout_s_ = 30;
  const auto results = run("hog");
  expect_others_good(results);
  EXPECT_EQ(results[3].failure.why, JobFailure::Why::kMemory);
  EXPECT_THAT(results[3].failure.reason, HasSubstr("needed more than 300 MiB of memory"));
  EXPECT_EQ(report_.losses.size(), 1u);
}

TEST_F(PoolTest, WorkersAreReplacedAfterSoManyJobs) {
  options_.recycle_jobs = 20;
  const auto results = run("fine", 2, 100);
  for (const JobResult& result : results) EXPECT_TRUE(result.ok);
  // A job that waits in the pipe of a worker that retires is still run there.
  EXPECT_GE(report_.workers_started, 4u);
  EXPECT_EQ(report_.workers_lost, 0u);
}

TEST_F(PoolTest, WorkersThatGrowAreReplaced) {
  options_.recycle_growth_bytes = std::size_t{30} << 20;
  const auto results = run("leak", 1, 200);
  for (const JobResult& result : results) EXPECT_TRUE(result.ok);
  EXPECT_GE(report_.workers_recycled, 1u);
  EXPECT_GT(report_.worker_growth_bytes, std::size_t{30} << 20);
  EXPECT_EQ(report_.workers_lost, 0u);
}

TEST_F(PoolTest, LossesAreToldAsTheyHappen) {
  EXPECT_EQ((run("crash"), lost_), (std::vector<std::string>(3, "the worker died (signal 6)")));
}

TEST_F(PoolTest, FailedSimulationIsTriedOnceWithAids) {
  const auto results = run("needs_aids");
  expect_others_good(results);
  EXPECT_TRUE(results[3].ok);
  EXPECT_TRUE(results[3].aided);
  EXPECT_EQ(report_.jobs_aided, 1u);
}

TEST_F(PoolTest, FailureWithAidsIsRecorded) {
  const auto results = run("no_convergence");
  expect_others_good(results);
  EXPECT_EQ(results[3].failure.why, JobFailure::Why::kNoConvergence);
  EXPECT_EQ(results[3].failure.reason,
            "timestep too small (with convergence aids: timestep too small)");
  EXPECT_EQ(results[3].failure.log_tail, "log");
}

TEST_F(PoolTest, WorkerOfAnotherVersionOnceIsReplaced) {
  expect_others_good(run("wrong_version_once"));
  EXPECT_EQ(report_.workers_lost, 1u);
}

TEST_F(PoolTest, WorkersOfAnotherVersionAreAnError) {
  try {
    run("wrong_version");
    FAIL();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("the worker is of another version"));
  }
}

TEST_F(PoolTest, WorkersThatSayNothingAreAnError) { EXPECT_THROW(run("silent"), Error); }

// One handshake, whoever asks.
TEST_F(PoolTest, AskingForTheSimulatorChecksTheWorkersVersions) {
  for (const auto& [how, what] : {std::pair{"wrong_version", "protocol 999"},
                                  {"other_program", "program 0.0.0"},
                                  {"silent", "did not say hello, 5 times"},
                                  {"no_hello", "what the worker sent is no frame"}}) {
    try {
      Pool(options_of(how)).ngspice_version();
      FAIL() << how;
    } catch (const Error& error) {
      EXPECT_THAT(error.what(), HasSubstr(what));
      EXPECT_THAT(error.what(), HasSubstr("built with this program"));
    }
  }
}

TEST_F(PoolTest, AskingForTheSimulatorBearsAWorkerThatDoesNotStart) {
  EXPECT_EQ(Pool(options_of("wrong_version_once")).ngspice_version(), "fake");
}

// A library that was exchanged meanwhile: its results would go under the other's name.
TEST_F(PoolTest, WorkersOfARunHaveTheSimulatorThatWasAskedFor) {
  Pool pool(options_of("other_simulator"));
  EXPECT_EQ(pool.ngspice_version(), "fake");
  Job job;
  job.head = std::make_shared<DeckHead>(DeckHead{"head\n", "hash"});
  const std::vector<const Job*> jobs{&job};
  PoolListener listener;
  listener.done = [](const Job&, JobResult) {};
  listener.tick = [] { return true; };
  try {
    pool.run(jobs, listener);
    FAIL();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("another simulator version"));
  }
}

TEST_F(PoolTest, AWorkerThatEndsAfterItsReplyIsReplacedAndNotLost) {
  const auto results = run("last", 1);
  expect_others_good(results);
  EXPECT_TRUE(results[3].ok);
  EXPECT_EQ(report_.workers_started, 2u);
  EXPECT_EQ(report_.workers_lost, 0u);
}

TEST_F(PoolTest, AnExitIsACrashLikeASignal) {
  const auto results = run("exit");
  expect_others_good(results);
  EXPECT_EQ(results[3].failure.why, JobFailure::Why::kCrash);
  EXPECT_EQ(results[3].failure.reason, "the worker died (exit 7), 3 times");
}

TEST_F(PoolTest, AKillFromOutsideIsBorneMoreOftenThanACrash) {
  options_.kill_attempts = 7;
  const auto results = run("killed");
  expect_others_good(results);
  EXPECT_EQ(results[3].failure.reason, "the worker died (signal 9), 7 times");
  EXPECT_EQ(report_.jobs_repeated, 6u);
}

TEST_F(PoolTest, TheKernelsLimitOnProcessorTimeIsTheJobs) {
  const auto results = run("out_of_time");
  expect_others_good(results);
  EXPECT_EQ(results[3].failure.why, JobFailure::Why::kTimeout);
  EXPECT_EQ(results[3].failure.reason,
            "took longer than 0.4 s (with convergence aids: took longer than 0.4 s)");
}

TEST_F(PoolTest, MissingWorkerProgramIsAnError) {
  PoolOptions options;
  options.worker = path("nowhere");
  EXPECT_THROW(Pool(options).ngspice_version(), Error);
}

// A user's folder may begin as ours do, and even have six letters.
TEST_F(PoolTest, RemovesWhatAKilledProcessLeftAndNothingElse) {
  const char* before = ::getenv("TMPDIR");
  const std::string kept = before != nullptr ? before : "";
  const auto make = [&](const std::string& name, const std::string& content) {
    std::filesystem::create_directories((path("scratch") / name / content).parent_path());
    if (!content.empty()) file("scratch/" + name + "/" + content, "x");
  };
  make("gaincell-workers-orphan", "worker0/deck");
  make("gaincell-workers-orphan", ".gaincell-workers");
  make("gaincell-workers-mynotes", "f");
  make("gaincell-workers-abcdef", "thesis.tex");
  make("gaincell-workers-worker0", ".gaincell-workers");
  file("scratch/gaincell-workers-file", "x");
  make("other", "x");
  std::filesystem::create_directory_symlink("other", path("scratch/gaincell-workers-linked"));
  std::filesystem::create_directory_symlink("gaincell-workers-worker0",
                                            path("scratch/gaincell-workers-symbol"));
  ::setenv("TMPDIR", path("scratch").c_str(), 1);
  {
    const ScratchFolder living;
    const ScratchFolder mine;
    EXPECT_TRUE(std::filesystem::exists(living.path()));
    EXPECT_NE(living.path(), mine.path());
  }
  if (before != nullptr) {
    ::setenv("TMPDIR", kept.c_str(), 1);
  } else {
    ::unsetenv("TMPDIR");
  }
  std::set<std::string> left;
  for (const auto& entry : std::filesystem::directory_iterator(path("scratch")))
    left.insert(entry.path().filename());
  EXPECT_EQ(left,
            (std::set<std::string>{"gaincell-workers-mynotes", "gaincell-workers-abcdef",
                                   "gaincell-workers-worker0", "gaincell-workers-file",
                                   "gaincell-workers-linked", "gaincell-workers-symbol", "other"}));
  EXPECT_TRUE(std::filesystem::exists(path("scratch/gaincell-workers-mynotes/f")));
}

TEST_F(PoolTest, JobsWaitForTheirTurnOrAreNotRun) {
  const auto run_with = [&](const std::string& behaviour) {
    turn_ = [this](const Job& job) {
      if (job.id == 3) return Turn::kNow;
      if (!done_.contains(3)) return Turn::kLater;
      return done_.at(3) ? Turn::kNow : Turn::kNever;
    };
    done_.clear();
    run(behaviour, 4);
    return done_;
  };
  const auto good = run_with("fine");
  EXPECT_EQ(good.size(), 10u);
  EXPECT_EQ(order_.front(), 3u) << "others did not wait for it";
  const auto bad = run_with("no_convergence");
  EXPECT_EQ(bad, (std::map<std::uint64_t, bool>{{3, false}}));
}

// Where a shell limits processor time (ulimit -t), the kernel ends a worker as a kill from outside
// does, which is tried far more often.
TEST_F(PoolTest, ProcessorTimeOfTheShellIsNoKillFromOutside) {
  const auto runs = [&] {
    const rlimit second{1, 1};
    ::setrlimit(RLIMIT_CPU, &second);
    timeout_s_ = 60;
    const auto results = run("spin", 1, 4);
    const bool named = results[3].failure.reason.find("ulimit -t") != std::string::npos;
    return !results[3].ok && named && report_.workers_lost == options_.attempts;
  };
  EXPECT_EXIT(::_exit(runs() ? 0 : 1), ::testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace gaincell::characterize
