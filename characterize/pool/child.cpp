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
  int read = -1;
  int write = -1;
};

[[noreturn]] void fail(const std::string& what, int error) {
  throw Error({.place = "worker",
               .rule = fmt::format("{} ({})", what, std::strerror(error)),
               .remedy = "raise the limit on open files or processes"});
}

// Above the descriptors that the child gives a meaning to, so that dup2 never meets its own source.
int lift(int fd) {
  const int high = ::fcntl(fd, F_DUPFD_CLOEXEC, 10);
  const int error = errno;
  ::close(fd);
  if (high < 0) fail("no descriptor left", error);
  return high;
}

Pipe make_pipe() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) fail("no pipe could be made", errno);
  Pipe pipe;
  pipe.read = lift(ends[0]);
  pipe.write = lift(ends[1]);
  return pipe;
}

void unblock(int fd) { ::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) | O_NONBLOCK); }

void close_fd(int& fd) {
  if (fd >= 0) ::close(std::exchange(fd, -1));
}

std::string ending(int status) {
  if (WIFSIGNALED(status)) return fmt::format("signal {}", WTERMSIG(status));
  return fmt::format("exit {}", WEXITSTATUS(status));
}

}  // namespace

Child::Child(const std::filesystem::path& program, const std::filesystem::path& folder,
             const std::vector<std::string>& arguments) {
  const Pipe command = make_pipe();
  const Pipe reply = make_pipe();
  const Pipe log = make_pipe();
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, log.write, 1);
  posix_spawn_file_actions_adddup2(&actions, log.write, 2);
  posix_spawn_file_actions_adddup2(&actions, command.read, kCommandFd);
  posix_spawn_file_actions_adddup2(&actions, reply.write, kReplyFd);
  // Whatever else whoever started us has left open is none of its.
  posix_spawn_file_actions_addclosefrom_np(&actions, kReplyFd + 1);
  posix_spawn_file_actions_addchdir_np(&actions, folder.c_str());
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t none;
  sigemptyset(&none);
  sigset_t defaults;
  sigemptyset(&defaults);
  sigaddset(&defaults, SIGPIPE);
  sigaddset(&defaults, SIGINT);
  sigaddset(&defaults, SIGTERM);
  sigaddset(&defaults, SIGXFSZ);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &defaults);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  // No HOME of the user's: ngspice would run the .spiceinit in it. No SPICE_* either, and start-up
  // scripts of an installed ngspice stay out, so that a deck means the same everywhere.
  const char* path = std::getenv("PATH");
  const char* libraries = std::getenv("LD_LIBRARY_PATH");
  std::array<std::string, 8> environment{
      fmt::format("PATH={}", path ? path : "/usr/bin:/bin"),
      fmt::format("HOME={}", folder.string()),
      fmt::format("SPICE_SCRIPTS={}", folder.string()),
      fmt::format("SPICE_LIB_DIR={}", folder.string()),
      "LC_ALL=C",
      "OMP_NUM_THREADS=1",
      "OMP_THREAD_LIMIT=1",
      fmt::format("LD_LIBRARY_PATH={}", libraries ? libraries : "")};
  std::array<char*, 9> envp{};
  for (std::size_t k = 0; k < environment.size(); ++k) envp[k] = environment[k].data();
  const std::string name = program.string();
  std::vector<std::string> words{name};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  const int error =
      ::posix_spawn(&pid_, name.c_str(), &actions, &attributes, argv.data(), envp.data());
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  ::close(command.read);
  ::close(reply.write);
  ::close(log.write);
  command_ = command.write;
  reply_ = reply.read;
  log_ = log.read;
  if (error != 0) {
    pid_ = -1;
    close_all();
    throw Error({.place = name,
                 .rule = fmt::format("could not be started ({})", std::strerror(error)),
                 .remedy = "the worker program lies beside `gaincell`; build or install it"});
  }
  unblock(command_);
  unblock(reply_);
  unblock(log_);
}

Child::~Child() {
  if (running()) stop(0);
  close_all();
}

Child::Child(Child&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)),
      command_(std::exchange(other.command_, -1)),
      reply_(std::exchange(other.reply_, -1)),
      log_(std::exchange(other.log_, -1)),
      used_cpu_s_(other.used_cpu_s_) {}

Child& Child::operator=(Child&& other) noexcept {
  if (this != &other) {
    if (running()) stop(0);
    close_all();
    pid_ = std::exchange(other.pid_, -1);
    command_ = std::exchange(other.command_, -1);
    reply_ = std::exchange(other.reply_, -1);
    log_ = std::exchange(other.log_, -1);
    used_cpu_s_ = other.used_cpu_s_;
  }
  return *this;
}

void Child::close_all() {
  close_fd(command_);
  close_fd(reply_);
  close_fd(log_);
}

std::string Child::stop(double grace_s) {
  if (!running()) return "";
  close_fd(command_);
  int status = 0;
  rusage used{};
  const auto reap = [&](double seconds) {
    const auto until = std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds);
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
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + 1e-6 * static_cast<double>(time.tv_usec);
  };
  used_cpu_s_ = seconds(used.ru_utime) + seconds(used.ru_stime);
  return ending(status);
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

}  // namespace gaincell::characterize
