#include "characterize/pool/child.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <filesystem>

#include "tests/characterize/support.h"

namespace gaincell::characterize {
namespace {

class ChildTest : public BenchTest {
 protected:
  Child shell(const std::string& script) { return Child("/bin/sh", path(""), {"-c", script}); }
  static std::size_t open_descriptors() {
    std::size_t count = 0;
    for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd"))
      count += entry.is_symlink() ? 1 : 0;
    return count;
  }
  static std::string all_of(int fd) {
    std::string text;
    for (bool open = true; open;) {
      pollfd waited{fd, POLLIN, 0};
      ::poll(&waited, 1, 1000);
      text += read_available(fd, open);
    }
    return text;
  }
};

TEST_F(ChildTest, ItsEndIsTheNumberThatItExitsWith) {
  Child child = shell("exit 7");
  const End end = child.stop(30);
  EXPECT_EQ(end.exit_code, 7);
  EXPECT_EQ(end.signal, 0);
}

TEST_F(ChildTest, ItsEndIsTheSignalThatEndedIt) {
  Child child = shell("kill -XCPU $$");
  const End end = child.stop(30);
  EXPECT_EQ(end.exit_code, 0);
  EXPECT_EQ(end.signal, SIGXCPU);
}

TEST_F(ChildTest, OneThatGoesOnIsAskedToEnd) {
  Child child = shell("exec sleep 1000");
  EXPECT_EQ(child.stop(30).signal, SIGTERM);
  EXPECT_FALSE(child.running());
}

TEST_F(ChildTest, OneThatDoesNotListenIsKilled) {
  Child child = shell("trap '' TERM; echo deaf; while true; do sleep 0.01; done");
  pollfd waited{child.log_fd(), POLLIN, 0};
  ASSERT_EQ(::poll(&waited, 1, 30'000), 1);
  EXPECT_EQ(child.stop(0.05).signal, SIGKILL);
}

TEST_F(ChildTest, OneThatHasEndedHasThatEndForGood) {
  Child child = shell("exit 7");
  child.stop(30);
  EXPECT_EQ(child.stop(30).exit_code, 7);
}

TEST_F(ChildTest, ItsOutputIsALogThatOutlivesIt) {
  Child child = shell("echo out; echo err >&2");
  child.stop(30);
  EXPECT_EQ(all_of(child.log_fd()), "out\nerr\n");
}

TEST_F(ChildTest, WhatElseWeHaveOpenIsNoneOfIts) {
  const Descriptor inherited(::fcntl(STDERR_FILENO, F_DUPFD, 20));
  Child child =
      shell(fmt::format("test -e /proc/$$/fd/{} && echo there; echo done", inherited.get()));
  EXPECT_EQ(all_of(child.log_fd()), "done\n");
}

// Whatever is missing in the middle of it (a limit on open files), nothing stays open.
TEST_F(ChildTest, OneThatCannotBeStartedLeavesNoDescriptorOpen) {
  const auto runs = [&] {
    const std::size_t before = open_descriptors();
    std::size_t refused = 0;
    for (rlim_t limit = 10; limit < 40; ++limit) {
      const rlimit files{limit, 64};
      ::setrlimit(RLIMIT_NOFILE, &files);
      try {
        shell("exit 0").stop(30);
      } catch (const Error&) {
        ++refused;
      }
    }
    const rlimit files{64, 64};
    ::setrlimit(RLIMIT_NOFILE, &files);
    try {
      const Child none("/nowhere/at/all", path(""));
    } catch (const Error&) {
      ++refused;
    }
    return refused > 3 && refused < 30 && open_descriptors() == before;
  };
  EXPECT_EXIT(::_exit(runs() ? 0 : 1), ::testing::ExitedWithCode(0), "");
}

TEST_F(ChildTest, APipeThatNobodyReadsIsAnErrorAndNoSignal) {
  const auto error_of_it = [&] {
    ::signal(SIGPIPE, SIG_DFL);
    std::array<int, 2> ends{};
    if (::pipe(ends.data()) != 0) return 1;
    ::close(ends[0]);
    if (write_available(ends[1], "x") >= 0 || errno != EPIPE) return 2;
    sigset_t waiting;
    ::sigpending(&waiting);
    return sigismember(&waiting, SIGPIPE) == 0 ? 0 : 3;
  };
  EXPECT_EXIT(::_exit(error_of_it()), ::testing::ExitedWithCode(0), "");
}

TEST_F(ChildTest, ASignalOfAnothersBrokenPipeKeepsWaiting) {
  const auto still_there = [&] {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGPIPE);
    ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
    ::raise(SIGPIPE);
    std::array<int, 2> ends{};
    if (::pipe(ends.data()) != 0) return 1;
    ::close(ends[0]);
    if (write_available(ends[1], "x") >= 0) return 2;
    sigset_t waiting;
    ::sigpending(&waiting);
    return sigismember(&waiting, SIGPIPE) == 1 ? 0 : 3;
  };
  EXPECT_EXIT(::_exit(still_there()), ::testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace gaincell::characterize
