// What a netlist that is a program can do to the machine that simulates it. The screening of
// netlists is not asked here: these decks go straight to a real worker.
#include <fcntl.h>
#include <fmt/format.h>
#include <linux/landlock.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>

#include "tests/characterize/support.h"
#include "tests/spice/live_worker.h"
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

// A process of this user that is none of a worker's.
class Bystander {
 public:
  Bystander() : pid_(::fork()) {
    if (pid_ == 0) {
      for (;;) ::pause();
    }
  }
  ~Bystander() {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  Bystander(const Bystander&) = delete;
  Bystander& operator=(const Bystander&) = delete;
  unsigned long pid() const { return static_cast<unsigned long>(pid_); }
  bool lives() const { return ::waitpid(pid_, nullptr, WNOHANG) == 0; }
  rlim_t most_file_bytes() const {
    rlimit now{};
    ::prlimit(pid_, RLIMIT_FSIZE, nullptr, &now);
    return now.rlim_cur;
  }

 private:
  pid_t pid_;
};

class InsideAWorker : public Sandbox {
 protected:
  // The calls that no worker may do, whatever it is allowed.
  void expect_others_out_of_reach(LiveWorker& worker, bool signals_too = true) {
    const Bystander other;
    const rlim_t most = other.most_file_bytes();
    const auto self = static_cast<unsigned long>(worker.pid());
    const unsigned long limits = worker.put(std::string(16, '\0'));
    EXPECT_EQ(worker.call(SYS_getpid), worker.pid()) << "the calls do not reach the kernel";
    EXPECT_EQ(worker.call(SYS_tgkill, {self, self, 0}), 0);  // abort() needs it
    if (signals_too) {
      EXPECT_EQ(worker.call(SYS_tgkill, {other.pid(), other.pid(), SIGTERM}), -EPERM);
      EXPECT_EQ(worker.call(SYS_tkill, {other.pid(), SIGTERM}), -EPERM);
      EXPECT_EQ(worker.call(SYS_kill, {other.pid(), SIGTERM}), -EPERM);
      EXPECT_EQ(worker.call(SYS_rt_sigqueueinfo, {other.pid(), SIGTERM, limits}), -EPERM);
    }
    EXPECT_EQ(worker.call(SYS_pidfd_open, {other.pid(), 0}), -EPERM);
    EXPECT_EQ(worker.call(SYS_prlimit64, {other.pid(), RLIMIT_FSIZE, limits, 0}), -EPERM);
    EXPECT_EQ(worker.call(SYS_prlimit64,
                          {static_cast<unsigned long>(::getpid()), RLIMIT_NOFILE, 0, limits}),
              -EPERM);
    EXPECT_EQ(worker.call(SYS_ptrace, {PTRACE_ATTACH, other.pid(), 0, 0}), -EPERM);
    EXPECT_EQ(worker.call(SYS_process_vm_readv, {other.pid(), limits, 1, limits, 1, 0}), -EPERM);
    EXPECT_EQ(worker.call(SYS_unshare, {CLONE_NEWUSER}), -EPERM);
    EXPECT_EQ(worker.call(SYS_mount, {limits, limits, limits, 0, 0}), -EPERM);
    EXPECT_EQ(worker.call(SYS_bpf, {0, limits, 16}), -EPERM);
    EXPECT_EQ(worker.call(SYS_io_uring_setup, {1, limits}), -EPERM);
    EXPECT_TRUE(other.lives());
    EXPECT_EQ(other.most_file_bytes(), most);
  }
  static void expect_no_capability(pid_t pid) {
    for (const char* set : {"CapInh", "CapPrm", "CapEff", "CapAmb"})
      EXPECT_EQ(status_line(pid, set), "0000000000000000") << set;
    // Who is not root has no right to lower it, and nothing to raise from it.
    if (::geteuid() == 0) {
      EXPECT_EQ(status_line(pid, "CapBnd"), "0000000000000000");
    }
    EXPECT_EQ(status_line(pid, "NoNewPrivs"), "1");
    EXPECT_EQ(status_line(pid, "Seccomp"), "2");
  }
};

TEST_F(InsideAWorker, CallsBeyondSimulatingAreRefused) {
  LiveWorker worker(real_worker(), folder_.path(), {});
  ASSERT_EQ(worker.unconfined(), "");
  expect_others_out_of_reach(worker);
  expect_no_capability(worker.pid());
  const auto at = [&](const char* path) { return worker.put(path); };
  EXPECT_EQ(worker.call(SYS_open, {at("/etc/passwd"), O_RDONLY, 0}), -EACCES);
  EXPECT_EQ(worker.call(SYS_open, {at("/proc/self/mem"), O_RDWR, 0}), -EACCES);
  EXPECT_EQ(worker.call(SYS_open, {at("new"), O_RDWR | O_CREAT, 0600}), -EACCES);
  EXPECT_EQ(worker.call(SYS_stat, {at("/etc/shadow"), at("/etc/shadow")}), -EPERM);
  EXPECT_EQ(worker.call(SYS_access, {at("/root"), 0}), -EPERM);
  EXPECT_EQ(worker.call(SYS_readlink, {at("/proc/self/exe"), at("/proc/self/exe"), 10}), -EPERM);
  EXPECT_EQ(worker.call(SYS_unlink, {at(".spiceinit")}), -EPERM);
  EXPECT_EQ(worker.call(SYS_execve, {at("/bin/true"), 0, 0}), -EPERM);
  EXPECT_EQ(worker.call(SYS_clone, {SIGCHLD, 0, 0, 0, 0}), -EPERM);
  EXPECT_EQ(worker.call(SYS_socket, {2, 1, 0}), -EPERM);
  EXPECT_EQ(worker.call(SYS_memfd_create, {at("x"), 0}), -EPERM);
  EXPECT_EQ(worker.call(SYS_setuid, {1000}), -EPERM);
  EXPECT_EQ(worker.call(SYS_capset, {at(""), at("")}), -EPERM);
}

TEST_F(InsideAWorker, MemoryIsNeverWrittenAndRunAndNeverShared) {
  LiveWorker worker(real_worker(), folder_.path(), {});
  constexpr unsigned long kNone = ~0ul;  // no file
  constexpr unsigned long kSize = 4096;
  const auto map = [&](int protection, int flags) {
    return worker.call(SYS_mmap, {0, kSize, static_cast<unsigned long>(protection),
                                  static_cast<unsigned long>(flags), kNone, 0});
  };
  const long plain = map(PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS);
  EXPECT_GT(plain, 0);
  EXPECT_EQ(map(PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS), -EPERM);
  EXPECT_EQ(map(PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS), -EPERM);
  EXPECT_EQ(map(PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS), -EPERM);
  EXPECT_EQ(map(PROT_READ | PROT_WRITE, MAP_SHARED_VALIDATE | MAP_ANONYMOUS), -EPERM);
  const auto page = static_cast<unsigned long>(plain);
  EXPECT_EQ(worker.call(SYS_mprotect, {page, kSize, PROT_READ | PROT_EXEC}), -EPERM);
  EXPECT_EQ(worker.call(SYS_mprotect, {page, kSize, PROT_READ}), 0);
  EXPECT_EQ(worker.call(SYS_shmget, {0, kSize, 0600}), -EPERM);
}

// What the caller left open (a shell's `7<secret`) is not the worker's.
TEST_F(InsideAWorker, NoDescriptorIsOpenButItsOwn) {
  const auto secret = file("secret", "for nobody else");
  std::vector<int> left_open;
  for (const int number : {7, 31, 200})
    left_open.push_back(::fcntl(::open(secret.c_str(), O_RDWR), F_DUPFD, number));
  for (const int fd : left_open) ASSERT_GE(fd, 7);
  for (const std::vector<std::string>& allow :
       {std::vector<std::string>{}, {"source"}, {"codemodel"}, {"write"}, {"shell"}}) {
    const LiveWorker worker(real_worker(), folder_.path(), allow);
    EXPECT_EQ(worker.descriptors(), (std::set<std::string>{"0", "1", "2", "3", "4"}));
  }
  for (const int fd : left_open) ::close(fd);
}

TEST_F(InsideAWorker, RightsOfANetlistAreNoRightsOverOthers) {
  for (const std::vector<std::string>& allow :
       {std::vector<std::string>{"source"}, {"codemodel"}, {"write"}, {"shell"}}) {
    SCOPED_TRACE(allow.front());
    LiveWorker worker(real_worker(), folder_.path(), allow);
    // Programs that it may start signal each other; kernels before 6.12 know no more than that.
    const bool scoped =
        ::syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION) >= 6;
    expect_others_out_of_reach(worker, allow.front() != "shell" || scoped);
    expect_no_capability(worker.pid());
  }
}

}  // namespace
}  // namespace gaincell::characterize
