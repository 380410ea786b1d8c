#include "plot/gnuplot.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <string_view>

#include "base/error.h"
#include "base/printable.h"

namespace gaincell::plot {
namespace {

constexpr int kDeadlineMs = 120'000;  // a chart takes some 0.1 s

[[noreturn]] void fail(const std::string& rule, const std::string& remedy = {}) {
  throw Error({.place = "gnuplot", .rule = rule, .remedy = remedy});
}

// A file without a name: a program's whole input or output, which no pipe can hold up.
class Scratch {
 public:
  explicit Scratch(const char* name) : fd_(::memfd_create(name, MFD_CLOEXEC)) {
    if (fd_ < 0) fail(fmt::format("no memory for its data ({})", std::strerror(errno)));
  }
  ~Scratch() { ::close(fd_); }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  int fd() const { return fd_; }
  void fill(std::string_view text) const {
    while (!text.empty()) {
      const ssize_t written = ::write(fd_, text.data(), text.size());
      if (written < 0 && errno == EINTR) continue;
      if (written <= 0) fail(fmt::format("no memory for its data ({})", std::strerror(errno)));
      text.remove_prefix(static_cast<std::size_t>(written));
    }
    ::lseek(fd_, 0, SEEK_SET);
  }
  std::string content() const {
    std::string text;
    std::array<char, 65536> part{};
    ::lseek(fd_, 0, SEEK_SET);
    for (ssize_t size = 0; (size = ::read(fd_, part.data(), part.size())) > 0;)
      text.append(part.data(), static_cast<std::size_t>(size));
    return text;
  }

 private:
  int fd_;
};

pid_t start(const Scratch& in, const Scratch& out, const Scratch& messages) {
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, in.fd(), STDIN_FILENO);
  ::posix_spawn_file_actions_adddup2(&actions, out.fd(), STDOUT_FILENO);
  ::posix_spawn_file_actions_adddup2(&actions, messages.fd(), STDERR_FILENO);
  std::array<char, 8> program{"gnuplot"}, defaults{"-d"}, input{"-"};
  std::array<char*, 4> arguments{program.data(), defaults.data(), input.data(), nullptr};
  const char* path = std::getenv("PATH");
  std::string search = fmt::format("PATH={}", path != nullptr ? path : "/usr/bin:/bin");
  std::array<char, 16> locale{"LC_ALL=C.UTF-8"};
  std::array<char*, 3> environment{search.data(), locale.data(), nullptr};
  pid_t pid = 0;
  const int error =
      ::posix_spawnp(&pid, program.data(), &actions, nullptr, arguments.data(), environment.data());
  ::posix_spawn_file_actions_destroy(&actions);
  if (error == ENOENT)
    fail("is not installed, and draws all charts", "install it: apt install gnuplot-nox");
  if (error != 0) fail(fmt::format("could not be started ({})", std::strerror(error)));
  return pid;
}

// Its exit status; after the deadline it is ended.
int wait_for(pid_t pid) {
  const int watch = static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));
  pollfd ended{watch, POLLIN, 0};
  int ready = 1;
  if (watch >= 0) {
    do ready = ::poll(&ended, 1, kDeadlineMs);
    while (ready < 0 && errno == EINTR);
    ::close(watch);
  }
  if (ready == 0) ::kill(pid, SIGKILL);
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  if (ready == 0) fail("took more than two minutes for a chart");
  return status;
}

}  // namespace

std::string quoted(const std::string& text) {
  std::string out = "'";
  for (const char c : printable(text, std::numeric_limits<std::size_t>::max()))
    out += c == '\'' ? std::string("''") : std::string(1, c);
  return out + "'";
}

std::string run_gnuplot(const std::string& script) {
  const Scratch in("script"), out("svg"), messages("messages");
  in.fill(script);
  const int status = wait_for(start(in, out, messages));
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
    fail(fmt::format("did not draw the chart: {}", printable(messages.content(), 300)),
         "gaincell is made for gnuplot 5.4 and newer");
  std::string svg = out.content();
  if (svg.find("</svg>") == std::string::npos) fail("drew nothing", "is it gnuplot 5.4 or newer?");
  return svg;
}

}  // namespace gaincell::plot
