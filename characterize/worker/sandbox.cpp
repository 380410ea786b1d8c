#include "characterize/worker/sandbox.h"

#include <fcntl.h>
#include <linux/landlock.h>
#include <seccomp.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cmath>
#include <cstdint>
#include <string_view>
#include <utility>

namespace gaincell::characterize::sandbox {
namespace {

constexpr rlim_t kFileBytes = rlim_t{64} << 20;
constexpr rlim_t kOpenFiles = 32;

void limit(__rlimit_resource what, rlim_t value) {
  rlimit now{};
  ::getrlimit(what, &now);
  const rlim_t most = std::min(value, now.rlim_max);
  const rlimit lower{most, most};
  ::setrlimit(what, &lower);
}

void limit_resources(const Rights& rights) {
  limit(RLIMIT_CORE, 0);
  limit(RLIMIT_FSIZE, kFileBytes);
  limit(RLIMIT_NOFILE, kOpenFiles);
#ifndef __SANITIZE_ADDRESS__  // whose shadow memory is no memory
  // The parent watches what is resident and names the limit; this one is for a worker that is too
  // quick for it.
  if (rights.memory_bytes > 0)
    limit(RLIMIT_DATA, rights.memory_bytes + rights.memory_bytes / 4 + (rlim_t{64} << 20));
#endif
}

#ifndef LANDLOCK_ACCESS_FS_REFER
#define LANDLOCK_ACCESS_FS_REFER (1ULL << 13)
#endif
#ifndef LANDLOCK_ACCESS_FS_TRUNCATE
#define LANDLOCK_ACCESS_FS_TRUNCATE (1ULL << 14)
#endif

constexpr std::uint64_t kRead = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR;
constexpr std::uint64_t kWrite =
    LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_REMOVE_FILE;

// All rights that this version of Landlock knows of.
std::uint64_t handled_rights(long version) {
  std::uint64_t rights = (LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1;
  if (version >= 2) rights |= LANDLOCK_ACCESS_FS_REFER;
  if (version >= 3) rights |= LANDLOCK_ACCESS_FS_TRUNCATE;
  return rights;
}

void permit(int rules, const char* path, std::uint64_t rights) {
  const int fd = ::open(path, O_PATH | O_CLOEXEC);
  if (fd < 0) return;  // what is not there needs no right
  const landlock_path_beneath_attr rule{rights, fd};
  ::syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &rule, 0);
  ::close(fd);
}

bool confine_files(const Rights& rights) {
  const long version =
      ::syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION);
  if (version < 1) return false;
  const std::uint64_t handled = handled_rights(version);
  const landlock_ruleset_attr attributes{handled};
  const int rules = static_cast<int>(
      ::syscall(SYS_landlock_create_ruleset, &attributes, sizeof attributes.handled_access_fs, 0));
  if (rules < 0) return false;
  // ngspice looks at both while it collects results.
  permit(rules, "/proc/meminfo", LANDLOCK_ACCESS_FS_READ_FILE);
  permit(rules, "/proc/self/statm", LANDLOCK_ACCESS_FS_READ_FILE);
  const std::uint64_t own =
      kRead | (rights.write ? kWrite | (handled & LANDLOCK_ACCESS_FS_TRUNCATE) : 0);
  permit(rules, ".", own);
  if (rights.read) permit(rules, "/", kRead);
  if (rights.run) permit(rules, "/", kRead | LANDLOCK_ACCESS_FS_EXECUTE);
  const bool done = ::syscall(SYS_landlock_restrict_self, rules, 0) == 0;
  ::close(rules);
  return done;
}

// What simulating and talking to the parent need.
constexpr std::array kCalls{SCMP_SYS(read),
                            SCMP_SYS(write),
                            SCMP_SYS(readv),
                            SCMP_SYS(writev),
                            SCMP_SYS(close),
                            SCMP_SYS(lseek),
                            SCMP_SYS(open),
                            SCMP_SYS(openat),
                            SCMP_SYS(stat),
                            SCMP_SYS(fstat),
                            SCMP_SYS(lstat),
                            SCMP_SYS(newfstatat),
                            SCMP_SYS(access),
                            SCMP_SYS(faccessat),
                            SCMP_SYS(faccessat2),
                            SCMP_SYS(readlink),
                            SCMP_SYS(readlinkat),
                            SCMP_SYS(getcwd),
                            SCMP_SYS(mmap),
                            SCMP_SYS(munmap),
                            SCMP_SYS(mprotect),
                            SCMP_SYS(mremap),
                            SCMP_SYS(madvise),
                            SCMP_SYS(brk),
                            SCMP_SYS(rt_sigaction),
                            SCMP_SYS(rt_sigprocmask),
                            SCMP_SYS(rt_sigreturn),
                            SCMP_SYS(sigaltstack),
                            SCMP_SYS(getpid),
                            SCMP_SYS(gettid),
                            SCMP_SYS(tgkill),
                            SCMP_SYS(getuid),
                            SCMP_SYS(geteuid),
                            SCMP_SYS(getrusage),
                            SCMP_SYS(getrlimit),
                            SCMP_SYS(setrlimit),
                            SCMP_SYS(prlimit64),
                            SCMP_SYS(clock_gettime),
                            SCMP_SYS(clock_getres),
                            SCMP_SYS(gettimeofday),
                            SCMP_SYS(time),
                            SCMP_SYS(times),
                            SCMP_SYS(nanosleep),
                            SCMP_SYS(clock_nanosleep),
                            SCMP_SYS(futex),
                            SCMP_SYS(sched_yield),
                            SCMP_SYS(poll),
                            SCMP_SYS(ppoll),
                            SCMP_SYS(getrandom),
                            SCMP_SYS(uname),
                            SCMP_SYS(sysinfo),
                            SCMP_SYS(restart_syscall),
                            SCMP_SYS(sched_getaffinity),
                            SCMP_SYS(exit),
                            SCMP_SYS(exit_group)};
constexpr std::array kWriteCalls{SCMP_SYS(unlink), SCMP_SYS(unlinkat), SCMP_SYS(ftruncate),
                                 SCMP_SYS(fcntl)};

// Every other call fails with EPERM; the simulator's own messages then say what it could not do.
bool confine_calls(const Rights& rights) {
  if (rights.run) return true;  // another program's calls are not ours to know
  scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
  if (filter == nullptr) return false;
  bool good = true;
  const auto allow = [&](int call) {
    good = good && seccomp_rule_add(filter, SCMP_ACT_ALLOW, call, 0) == 0;
  };
  for (const int call : kCalls) allow(call);
  if (rights.write) {
    for (const int call : kWriteCalls) allow(call);
  }
  good = good && seccomp_load(filter) == 0;
  seccomp_release(filter);
  return good;
}

}  // namespace

std::string confine(const Rights& rights) {
  limit_resources(rights);
  ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  std::string missing;
  if (!confine_files(rights)) missing += "Landlock";
  if (!confine_calls(rights)) missing += missing.empty() ? "seccomp" : " and seccomp";
  return missing;
}

void limit_cpu(double seconds) {
  rusage used{};
  ::getrusage(RUSAGE_SELF, &used);
  rlimit now{};
  ::getrlimit(RLIMIT_CPU, &now);
  const double so_far = static_cast<double>(used.ru_utime.tv_sec + used.ru_stime.tv_sec) + 2;
  const double most = std::min(so_far + std::ceil(seconds), 1e9);
  now.rlim_cur = std::min(static_cast<rlim_t>(most), now.rlim_max);
  ::setrlimit(RLIMIT_CPU, &now);
}

}  // namespace gaincell::characterize::sandbox
