#include "characterize/pool/child.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <initializer_list>
#include <sstream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/error.h"
#include "characterize/job/protocol.h"

namespace gaincell::characterize {
namespace {

struct Pipe {
  Descriptor read;
  Descriptor write;
};

[[noreturn]] void fail(const std::string& what, int error) {
  throw Error({.place = "worker",
               .rule = fmt::format("{} ({})", what, std::strerror(error)),
               .remedy = "raise the limit on open files or processes"});
}

// Above the descriptors that the child gives a meaning to, so that dup2 never meets its own source.
Descriptor lift(const Descriptor& low) {
  Descriptor high(::fcntl(low.get(), F_DUPFD_CLOEXEC, 10));
  if (!high) fail("no descriptor left", errno);
  return high;
}

Pipe make_pipe() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) fail("no pipe could be made", errno);
  const Descriptor read(ends[0]), write(ends[1]);
  return {lift(read), lift(write)};
}

void unblock(const Descriptor& fd) {
  ::fcntl(fd.get(), F_SETFL, ::fcntl(fd.get(), F_GETFL) | O_NONBLOCK);
}

// What is done in the child ahead of its program, and what signals mean there. Each call returns an
// error number.
class SpawnSettings {
 public:
  SpawnSettings() {
    check(::posix_spawn_file_actions_init(&actions_));
    if (const int error = ::posix_spawnattr_init(&attributes_); error != 0) {
      ::posix_spawn_file_actions_destroy(&actions_);
      check(error);
    }
  }
  ~SpawnSettings() {
    ::posix_spawn_file_actions_destroy(&actions_);
    ::posix_spawnattr_destroy(&attributes_);
  }
  SpawnSettings(const SpawnSettings&) = delete;
  SpawnSettings& operator=(const SpawnSettings&) = delete;

  void open_for_reading(int fd, const char* path) {
    check(::posix_spawn_file_actions_addopen(&actions_, fd, path, O_RDONLY, 0));
  }
  void give(const Descriptor& ours, int theirs) {
    check(::posix_spawn_file_actions_adddup2(&actions_, ours.get(), theirs));
  }
  void close_from(int fd) { check(::posix_spawn_file_actions_addclosefrom_np(&actions_, fd)); }
  void begin_in(const std::filesystem::path& folder) {
    check(::posix_spawn_file_actions_addchdir_np(&actions_, folder.c_str()));
  }
  void unblock_signals() {
    sigset_t none;
    sigemptyset(&none);
    check(::posix_spawnattr_setsigmask(&attributes_, &none));
    raise_flag(POSIX_SPAWN_SETSIGMASK);
  }
  void default_signals(std::initializer_list<int> numbers) {
    sigset_t defaults;
    sigemptyset(&defaults);
    for (const int number : numbers) sigaddset(&defaults, number);
    check(::posix_spawnattr_setsigdefault(&attributes_, &defaults));
    raise_flag(POSIX_SPAWN_SETSIGDEF);
  }

  const posix_spawn_file_actions_t* actions() const { return &actions_; }
  const posix_spawnattr_t* attributes() const { return &attributes_; }

 private:
  static void check(int error) {
    if (error != 0) fail("could not be prepared", error);
  }
  void raise_flag(short flag) {
    flags_ = static_cast<short>(flags_ | flag);
    check(::posix_spawnattr_setflags(&attributes_, flags_));
  }

  posix_spawn_file_actions_t actions_{};
  posix_spawnattr_t attributes_{};
  short flags_ = 0;
};

// No HOME of the user's: ngspice would run the .spiceinit in it. No SPICE_* either, and start-up
// scripts of an installed ngspice stay out, so that a deck means the same everywhere.
std::vector<std::string> environment_in(const std::filesystem::path& folder) {
  const char* path = std::getenv("PATH");
  const char* libraries = std::getenv("LD_LIBRARY_PATH");
  return {fmt::format("PATH={}", path ? path : "/usr/bin:/bin"),
          fmt::format("HOME={}", folder.string()),
          fmt::format("SPICE_SCRIPTS={}", folder.string()),
          fmt::format("SPICE_LIB_DIR={}", folder.string()),
          "LC_ALL=C",
          "OMP_NUM_THREADS=1",
          "OMP_THREAD_LIMIT=1",
          fmt::format("LD_LIBRARY_PATH={}", libraries ? libraries : "")};
}

// As exec() takes them; they live as long as `words`.
std::vector<char*> pointers_to(std::vector<std::string>& words) {
  std::vector<char*> pointers;
  pointers.reserve(words.size() + 1);
  for (std::string& word : words) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  return pointers;
}

End end_of(int status) {
  if (WIFSIGNALED(status)) return {.exit_code = 0, .signal = WTERMSIG(status)};
  return {.exit_code = WEXITSTATUS(status), .signal = 0};
}

double seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) + 1e-6 * static_cast<double>(time.tv_usec);
}

sigset_t pipe_signal() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGPIPE);
  return set;
}

bool pipe_signal_waits() {
  sigset_t waiting;
  return ::sigpending(&waiting) == 0 && sigismember(&waiting, SIGPIPE) == 1;
}

}  // namespace

Child::Child(const std::filesystem::path& program, const std::filesystem::path& folder,
             const std::vector<std::string>& arguments) {
  Pipe command = make_pipe();
  Pipe reply = make_pipe();
  Pipe log = make_pipe();
  SpawnSettings settings;
  settings.open_for_reading(STDIN_FILENO, "/dev/null");
  settings.give(log.write, STDOUT_FILENO);
  settings.give(log.write, STDERR_FILENO);
  settings.give(command.read, kCommandFd);
  settings.give(reply.write, kReplyFd);
  // Whatever else whoever started us has left open is none of its.
  settings.close_from(kReplyFd + 1);
  settings.begin_in(folder);
  settings.unblock_signals();
  settings.default_signals({SIGPIPE, SIGINT, SIGTERM, SIGXFSZ});
  std::vector<std::string> environment = environment_in(folder);
  std::vector<std::string> words{program.string()};
  words.insert(words.end(), arguments.begin(), arguments.end());
  const int error = ::posix_spawn(&pid_, program.c_str(), settings.actions(), settings.attributes(),
                                  pointers_to(words).data(), pointers_to(environment).data());
  if (error != 0) {
    pid_ = -1;
    throw Error({.place = program.string(),
                 .rule = fmt::format("could not be started ({})", std::strerror(error)),
                 .remedy = "the worker program lies beside `gaincell`; build or install it"});
  }
  command_ = std::move(command.write);
  reply_ = std::move(reply.read);
  log_ = std::move(log.read);
  unblock(command_);
  unblock(reply_);
  unblock(log_);
}

Child::~Child() {
  if (running()) stop(0);
}

Child::Child(Child&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)),
      command_(std::move(other.command_)),
      reply_(std::move(other.reply_)),
      log_(std::move(other.log_)),
      end_(other.end_),
      used_cpu_s_(other.used_cpu_s_) {}

Child& Child::operator=(Child&& other) noexcept {
  if (this != &other) {
    if (running()) stop(0);
    pid_ = std::exchange(other.pid_, -1);
    command_ = std::move(other.command_);
    reply_ = std::move(other.reply_);
    log_ = std::move(other.log_);
    end_ = other.end_;
    used_cpu_s_ = other.used_cpu_s_;
  }
  return *this;
}

End Child::stop(double grace_s) {
  if (!running()) return end_;
  command_.reset();
  int status = 0;
  rusage used{};
  const auto reap = [&](double wait_s) {
    const auto until = std::chrono::steady_clock::now() + std::chrono::duration<double>(wait_s);
    while (true) {
      const pid_t done = ::wait4(pid_, &status, WNOHANG, &used);
      if (done == pid_ || (done < 0 && errno == ECHILD)) return true;
      if (std::chrono::steady_clock::now() >= until) return false;
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
  };
  bool gone = reap(grace_s > 0 ? 0.01 : 0);
  if (!gone) {
    ::kill(pid_, SIGTERM);
    gone = reap(grace_s);
  }
  if (!gone) {
    ::kill(pid_, SIGKILL);
    while (::wait4(pid_, &status, 0, &used) < 0 && errno == EINTR) {
    }
  }
  pid_ = -1;
  used_cpu_s_ = seconds(used.ru_utime) + seconds(used.ru_stime);
  end_ = end_of(status);
  return end_;
}

Child::Usage Child::usage() const {
  std::ifstream file(fmt::format("/proc/{}/stat", pid_));
  std::string text;
  std::getline(file, text);
  const std::size_t name_end = text.rfind(')');
  if (name_end == std::string::npos) return {};
  // Numbered as in proc(5): the state, after the name in brackets, is field 3.
  constexpr std::size_t kState = 3, kUser = 14, kSystem = 15, kThreads = 20, kResident = 24;
  std::istringstream rest(text.substr(name_end + 1));
  std::vector<std::string> fields(kState);
  for (std::string field; fields.size() <= kResident && rest >> field;) fields.push_back(field);
  if (fields.size() <= kResident) return {};
  const double ticks = std::stod(fields[kUser]) + std::stod(fields[kSystem]);
  return {ticks / static_cast<double>(::sysconf(_SC_CLK_TCK)), fields[kState] == "R",
          std::stoul(fields[kThreads]),
          std::stoul(fields[kResident]) * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE))};
}

std::string read_available(int fd, bool& open) {
  std::string bytes;
  std::array<char, 65536> chunk{};
  // Bounded, so that a flood cannot hold the caller.
  while (bytes.size() < (std::size_t{4} << 20)) {
    const ssize_t got = ::read(fd, chunk.data(), chunk.size());
    if (got > 0) {
      bytes.append(chunk.data(), static_cast<std::size_t>(got));
      if (static_cast<std::size_t>(got) < chunk.size()) break;
      continue;
    }
    if (got < 0 && errno == EINTR) continue;
    if (got == 0 || (errno != EAGAIN && errno != EWOULDBLOCK)) open = false;
    break;
  }
  return bytes;
}

ssize_t write_available(int fd, std::string_view bytes) {
  const sigset_t set = pipe_signal();
  const bool waited = pipe_signal_waits();
  sigset_t before;
  ::pthread_sigmask(SIG_BLOCK, &set, &before);
  ssize_t written = 0;
  do {
    written = ::write(fd, bytes.data(), bytes.size());
  } while (written < 0 && errno == EINTR);
  const int error = errno;
  if (written < 0 && error == EPIPE && !waited) {
    const timespec now{};
    ::sigtimedwait(&set, nullptr, &now);
  }
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  errno = error;
  return written;
}

}  // namespace gaincell::characterize
