// What a netlist that is a program can do to the machine that simulates it. The screening of
// netlists is not asked here: these decks go straight to a real worker.
#include <fmt/format.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <unistd.h>

#include <fstream>

#include "tests/characterize/support.h"
#include "tests/spice/processes.h"

namespace gaincell::characterize {
namespace {

using ::testing::HasSubstr;

class Sandbox : public BenchTest {
 protected:
  // One job in one worker.
  JobResult run(const std::string& body, const std::vector<std::string>& allow = {}) {
    Job job;
    job.head = std::make_shared<DeckHead>(DeckHead{"", "hash"});
    job.title = "* sandbox";
    job.body = body;
    job.proof = {"tran", 1e-9, true, 0};
    job.calls = {{"value", {"v(a)"}, {{"at", 1e-9}}, {}}};
    job.timeout_s = 20;
    job.code_models = code_models_;
    PoolOptions options;
    options.worker = real_worker();
    options.memory_bytes = memory_bytes_;
    options.allow = allow;
    JobResult taken;
    PoolListener listener;
    listener.done = [&](const Job&, JobResult result) { taken = std::move(result); };
    listener.tick = [&] {
      if (each_tick_) each_tick_();
      return true;
    };
    const Job* one = &job;
    report_ = Pool(options).run(std::span(&one, 1), listener);
    return taken;
  }
  std::string circuit(const std::string& more = "", const std::string& tran = "10p 1n") {
    return fmt::format("v1 a 0 dc 1 pulse(0 1 0 1p 1p 1 2)\nr1 a b 1k\nc1 b 0 1p\n.tran {}\n{}",
                       tran, more);
  }
  std::string control(const std::string& command) {
    return circuit(fmt::format(".control\n{}\n.endc\n", command));
  }
  std::function<void()> each_tick_;
  bool code_models_ = false;
  std::size_t memory_bytes_ = std::size_t{1} << 30;
  PoolReport report_;
};

TEST_F(Sandbox, PlainCircuitsRunInAWorkerWithoutRights) {
  std::string seccomp, privileges;
  each_tick_ = [&] {
    for (const pid_t pid : workers_of(::getpid())) {
      if (status_line(pid, "Seccomp") == "2") seccomp = "2";
      if (status_line(pid, "NoNewPrivs") == "1") privileges = "1";
    }
  };
  const JobResult result = run(circuit("", "0.1p 1n 0 0.1p"));
  EXPECT_TRUE(result.ok) << result.failure.reason << "\n" << result.failure.log_tail;
  EXPECT_EQ(report_.unconfined, "");
  EXPECT_EQ(seccomp, "2");
  EXPECT_EQ(privileges, "1");
}

TEST_F(Sandbox, ShellRunsNothing) {
  const auto target = path("made_by_shell");
  run(control("shell touch " + target.string()));
  EXPECT_FALSE(std::filesystem::exists(target));
  run(control("shell touch " + target.string()), {"write"});
  EXPECT_FALSE(std::filesystem::exists(target));
}

TEST_F(Sandbox, FilesAreNotWritten) {
  const auto target = path("written");
  run(control("run\nwrite " + target.string()));
  EXPECT_FALSE(std::filesystem::exists(target));
  // The right to write is one to its own folder.
  run(control("run\nwrite " + target.string()), {"write"});
  EXPECT_FALSE(std::filesystem::exists(target));
}

TEST_F(Sandbox, FilesAreNotReadUnlessTheUserSaysSo) {
  const auto other = file("other.inc", "v2 z 0 5\n");
  const std::string deck = circuit(fmt::format(".include {}\n", other.string()));
  EXPECT_FALSE(run(deck).ok);
  EXPECT_TRUE(run(deck, {"source"}).ok);
}

TEST_F(Sandbox, CodeModelsOfTheSimulatorNeedNoRights) {
  const std::string deck = circuit("e1 z 0 poly(1) a 0 0 2\nrz z 0 1k\n");
  EXPECT_FALSE(run(deck).ok);
  code_models_ = true;
  const JobResult result = run(deck);
  EXPECT_TRUE(result.ok) << result.failure.reason << "\n" << result.failure.log_tail;
  EXPECT_EQ(report_.unconfined, "");
  // Others, and files, stay as far away as without them.
  const auto copy = path("own.cm");
  std::filesystem::copy_file("/usr/lib/x86_64-linux-gnu/ngspice/analog.cm", copy);
  const std::string load = fmt::format("codemodel {}", copy.string());
  run(control(load), {"control"});
  EXPECT_THAT(run(control(load + "\nquit")).failure.log_tail, HasSubstr("own.cm"));
  const auto target = path("made_by_shell");
  run(control("shell touch " + target.string()));
  EXPECT_FALSE(std::filesystem::exists(target));
}

TEST_F(Sandbox, StartUpFilesOfTheUserAreNotRun) {
  // Where it ran, the worker would have ended before its hello. ngspice takes the home from the
  // password file; one of our own stands there, where a test may mount.
  file(".spiceinit", "quit 1\n");
  const auto passwd = file("passwd", fmt::format("user:x:{}:{}::{}:/bin/sh\n", ::getuid(),
                                                 ::getgid(), folder_.path().string()));
  const auto runs = [&] {
    if (::unshare(CLONE_NEWNS) == 0 &&
        ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0)
      ::mount(passwd.c_str(), "/etc/passwd", nullptr, MS_BIND, nullptr);
    std::filesystem::current_path(folder_.path());
    ::setenv("HOME", folder_.path().c_str(), 1);
    // With the right to read files nothing but its own start-up file stands between.
    return run(circuit()).ok && run(circuit(), {"source"}).ok;
  };
  EXPECT_EXIT(::_exit(runs() ? 0 : 1), ::testing::ExitedWithCode(0), "");
}

TEST_F(Sandbox, WorkersHaveOneThreadWhateverTheEnvironmentSays) {
  std::size_t most = 0;
  std::size_t seen = 0;
  each_tick_ = [&] {
    for (const pid_t pid : workers_of(::getpid())) {
      most = std::max(most, static_cast<std::size_t>(
                                std::stoul(fmt::format("0{}", status_line(pid, "Threads")))));
      ++seen;
    }
  };
  const std::vector<const char*> names{"OMP_NUM_THREADS", "OMP_THREAD_LIMIT", "OMP_DYNAMIC",
                                       "GOMP_CPU_AFFINITY", "OPENBLAS_NUM_THREADS"};
  for (const char* name : names) ::setenv(name, "8", 1);
  // Transistors, whose evaluation is what ngspice spreads over threads.
  const JobResult result =
      run(".model n nmos level=14 version=4.8.2\nm1 a a 0 0 n w=1u l=1u\nm2 a a 0 0 n w=1u l=1u\n" +
          circuit("", "0.02p 1n 0 0.02p"));
  for (const char* name : names) ::unsetenv(name);
  EXPECT_TRUE(result.ok) << result.failure.reason;
  EXPECT_GT(seen, 1u) << "no worker was looked at";
  EXPECT_EQ(most, 1u);
}

TEST_F(Sandbox, MemoryLimitIsNamed) {
  memory_bytes_ = std::size_t{200} << 20;
  const JobResult result = run(circuit("", "0.00001p 1n 0 0.00001p"));
  EXPECT_EQ(result.failure.why, JobFailure::Why::kMemory) << result.failure.reason << "\n"
                                                          << result.failure.log_tail;
  EXPECT_THAT(result.failure.reason, HasSubstr("needed more than 200 MiB of memory"));
}

}  // namespace
}  // namespace gaincell::characterize
