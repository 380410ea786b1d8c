#include "characterize/worker/sandbox.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <linux/landlock.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cmath>
#include <cstdint>
#include <initializer_list>
#include <string_view>
#include <utility>

// libseccomp's macros for arguments (SCMP_A0) are C.
#pragma GCC diagnostic ignored "-Wpedantic"
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"

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

void limit_resources([[maybe_unused]] const Rights& rights) {
  limit(RLIMIT_CORE, 0);
  limit(RLIMIT_FSIZE, kFileBytes);
  limit(RLIMIT_NOFILE, kOpenFiles);
#ifndef GAINCELL_ADDRESS_SANITIZER  // whose shadow memory is no memory
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

// As of version 6, which these headers need not know.
struct RulesetAttributes {
  std::uint64_t files;
  std::uint64_t network;  // ports that would be permitted; none is handled here
  std::uint64_t scoped;   // what stays among the processes under this ruleset
};
constexpr std::uint64_t kScopeAbstractSockets = 1, kScopeSignals = 2;

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

bool restrict_files(const Rights& rights) {
  const long version =
      ::syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION);
  if (version < 1) return false;
  const std::uint64_t handled = handled_rights(version);
  const bool scopes = version >= 6;
  const RulesetAttributes attributes{handled, 0, kScopeAbstractSockets | kScopeSignals};
  const int rules = static_cast<int>(::syscall(SYS_landlock_create_ruleset, &attributes,
                                               scopes ? sizeof attributes : sizeof handled, 0));
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
constexpr std::array kCalls{SCMP_SYS(read),         SCMP_SYS(write),
                            SCMP_SYS(readv),        SCMP_SYS(writev),
                            SCMP_SYS(close),        SCMP_SYS(lseek),
                            SCMP_SYS(open),         SCMP_SYS(openat),
                            SCMP_SYS(fstat),        SCMP_SYS(getcwd),
                            SCMP_SYS(munmap),       SCMP_SYS(mremap),
                            SCMP_SYS(madvise),      SCMP_SYS(brk),
                            SCMP_SYS(rt_sigaction), SCMP_SYS(rt_sigprocmask),
                            SCMP_SYS(rt_sigreturn), SCMP_SYS(sigaltstack),
                            SCMP_SYS(getpid),       SCMP_SYS(gettid),
                            SCMP_SYS(getuid),       SCMP_SYS(geteuid),
                            SCMP_SYS(getrusage),    SCMP_SYS(getrlimit),
                            SCMP_SYS(setrlimit),    SCMP_SYS(clock_gettime),
                            SCMP_SYS(clock_getres), SCMP_SYS(gettimeofday),
                            SCMP_SYS(time),         SCMP_SYS(times),
                            SCMP_SYS(nanosleep),    SCMP_SYS(clock_nanosleep),
                            SCMP_SYS(futex),        SCMP_SYS(sched_yield),
                            SCMP_SYS(poll),         SCMP_SYS(ppoll),
                            SCMP_SYS(getrandom),    SCMP_SYS(uname),
                            SCMP_SYS(sysinfo),      SCMP_SYS(restart_syscall),
                            SCMP_SYS(exit),         SCMP_SYS(exit_group)};
// Who may not read files has no business with their names, sizes, dates and links either. (Whether
// a file exists still shows in how opening it fails.)
constexpr std::array kReadCalls{SCMP_SYS(stat),   SCMP_SYS(lstat),     SCMP_SYS(newfstatat),
                                SCMP_SYS(access), SCMP_SYS(faccessat), SCMP_SYS(faccessat2),
                                SCMP_SYS(statx),  SCMP_SYS(readlink),  SCMP_SYS(readlinkat)};
constexpr std::array kWriteCalls{SCMP_SYS(unlink), SCMP_SYS(unlinkat), SCMP_SYS(ftruncate),
                                 SCMP_SYS(fcntl)};
// What another program, which `shell` starts, may not do either: to other processes, to the
// machine.
constexpr std::array kNobodysCalls{SCMP_SYS(ptrace),
                                   SCMP_SYS(process_vm_readv),
                                   SCMP_SYS(process_vm_writev),
                                   SCMP_SYS(pidfd_open),
                                   SCMP_SYS(pidfd_getfd),
                                   SCMP_SYS(pidfd_send_signal),
                                   SCMP_SYS(process_madvise),
                                   SCMP_SYS(kcmp),
                                   SCMP_SYS(move_pages),
                                   SCMP_SYS(migrate_pages),
                                   SCMP_SYS(unshare),
                                   SCMP_SYS(setns),
                                   SCMP_SYS(mount),
                                   SCMP_SYS(umount2),
                                   SCMP_SYS(pivot_root),
                                   SCMP_SYS(chroot),
                                   SCMP_SYS(bpf),
                                   SCMP_SYS(perf_event_open),
                                   SCMP_SYS(userfaultfd),
                                   SCMP_SYS(io_uring_setup),
                                   SCMP_SYS(io_uring_enter),
                                   SCMP_SYS(io_uring_register),
                                   SCMP_SYS(add_key),
                                   SCMP_SYS(request_key),
                                   SCMP_SYS(keyctl)};

// A filter under construction; a rule that is refused shows in load().
class Filter {
 public:
  explicit Filter(std::uint32_t otherwise) : filter_(seccomp_init(otherwise)) {}
  ~Filter() {
    if (filter_ != nullptr) seccomp_release(filter_);
  }
  Filter(const Filter&) = delete;
  Filter& operator=(const Filter&) = delete;

  void add(std::uint32_t action, int call, std::initializer_list<scmp_arg_cmp> where = {}) {
    good_ = good_ && filter_ != nullptr &&
            seccomp_rule_add_array(filter_, action, call, static_cast<unsigned>(where.size()),
                                   where.begin()) == 0;
  }
  void allow(int call, std::initializer_list<scmp_arg_cmp> where = {}) {
    add(SCMP_ACT_ALLOW, call, where);
  }
  bool load() { return good_ && seccomp_load(filter_) == 0; }

 private:
  scmp_filter_ctx filter_;
  bool good_ = true;
};

// Memory is written to or run, never both: what a flaw in the simulator writes is not run. New
// executable memory is a library's, which only who reads files may load. Shared memory would be
// outside the limit on this process' own.
void allow_memory(Filter& filter, const Rights& rights) {
  constexpr std::uint64_t kProtection = PROT_WRITE | PROT_EXEC;
  constexpr std::uint64_t kSharing = MAP_SHARED | MAP_ANONYMOUS;
  const auto map = [&](std::uint64_t protection, std::uint64_t sharing) {
    filter.allow(SCMP_SYS(mmap), {SCMP_A2(SCMP_CMP_MASKED_EQ, kProtection, protection),
                                  SCMP_A3(SCMP_CMP_MASKED_EQ, kSharing, sharing)});
  };
  for (const std::uint64_t protection : {std::uint64_t{0}, std::uint64_t{PROT_WRITE}}) {
    map(protection, 0);
    map(protection, MAP_SHARED);
    map(protection, MAP_ANONYMOUS);
  }
  if (rights.read) map(PROT_EXEC, 0);
  filter.allow(SCMP_SYS(mprotect), {SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0)});
}

// Signals and limits reach this process alone.
void allow_own(Filter& filter) {
  const auto self = static_cast<scmp_datum_t>(::getpid());
  filter.allow(SCMP_SYS(tgkill), {SCMP_A0(SCMP_CMP_EQ, self)});
  for (const scmp_datum_t pid : {scmp_datum_t{0}, self}) {
    filter.allow(SCMP_SYS(prlimit64), {SCMP_A0(SCMP_CMP_EQ, pid)});
    filter.allow(SCMP_SYS(sched_getaffinity), {SCMP_A0(SCMP_CMP_EQ, pid)});
  }
}

// Every other call fails with EPERM; the simulator's own messages then say what it could not do.
bool restrict_calls(const Rights& rights) {
  if (rights.run) {
    // Another program's calls are not ours to know, but what is none of its business is.
    Filter filter(SCMP_ACT_ALLOW);
    for (const int call : kNobodysCalls) filter.add(SCMP_ACT_ERRNO(EPERM), call);
    filter.add(SCMP_ACT_ERRNO(EPERM), SCMP_SYS(prlimit64), {SCMP_A0(SCMP_CMP_NE, 0)});
    return filter.load();
  }
  Filter filter(SCMP_ACT_ERRNO(EPERM));
  for (const int call : kCalls) filter.allow(call);
  if (rights.read) {
    for (const int call : kReadCalls) filter.allow(call);
  }
  if (rights.write) {
    for (const int call : kWriteCalls) filter.allow(call);
  }
  allow_own(filter);
  allow_memory(filter, rights);
  return filter.load();
}

// Of a worker that root runs; who is not root has none to give up. Without them its folders and
// files are still its own.
void drop_capabilities() {
  ::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
  for (int capability = 0; ::prctl(PR_CAPBSET_READ, capability, 0, 0, 0) >= 0; ++capability)
    ::prctl(PR_CAPBSET_DROP, capability, 0, 0, 0);
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  const std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> none{};
  ::syscall(SYS_capset, &header, none.data());
}

}  // namespace

std::string confine_files(const Rights& rights) {
  limit_resources(rights);
  ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  drop_capabilities();
  return restrict_files(rights) ? "" : "Landlock";
}

std::string confine_calls(const Rights& rights) { return restrict_calls(rights) ? "" : "seccomp"; }

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
