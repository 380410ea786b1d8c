#include "characterize/campaign/progress.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <nlohmann/json.hpp>
#include <sstream>
#include <thread>
#include <vector>

namespace gaincell::characterize {
namespace {

using ::testing::AllOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;

// Two of ten were known, two were run in 2 s.
constexpr ProgressCount kSome{.total = 10, .known = 2, .done = 4, .failed = 1, .seconds = 2};

std::string printed(std::FILE* file) {
  std::rewind(file);
  std::string text(4096, '\0');
  text.resize(std::fread(text.data(), 1, text.size(), file));
  return text;
}

void wait(int milliseconds) {
  std::this_thread::sleep_for(std::chrono::milliseconds(milliseconds));
}

TEST(ProgressCount, RateLeavesOutWhatWasKnown) {
  EXPECT_EQ(kSome.rate_per_s(), 1);
  EXPECT_EQ(kSome.left_s(), 6);
}

TEST(TextProgress, IsPlainLinesWhereThereIsNoTerminal) {
  std::FILE* file = std::tmpfile();
  const auto progress = text_progress(file, 0.05);
  progress->tick(kSome);  // too early
  wait(60);
  progress->tick(kSome);
  progress->tick(kSome);  // too early
  wait(60);
  progress->tick({.total = 10, .known = 2, .done = 10, .failed = 0, .seconds = 4000});
  progress->end();
  EXPECT_EQ(printed(file),
            "4/10 simulations, 1/s, 0:06 left, 1 failed\n10/10 simulations, 0.002/s\n");
  std::fclose(file);
}

TEST(TextProgress, IsABarOnATerminal) {
  const int master = ::posix_openpt(O_RDWR | O_NOCTTY);
  ASSERT_GE(master, 0);
  ASSERT_EQ(::grantpt(master), 0);
  ASSERT_EQ(::unlockpt(master), 0);
  std::FILE* terminal = ::fdopen(::open(::ptsname(master), O_RDWR | O_NOCTTY), "w");
  ASSERT_NE(terminal, nullptr);
  {
    const auto progress = text_progress(terminal);
    wait(210);
    progress->tick(kSome);
    progress->end();
  }
  // A terminal hands on what it has so far.
  std::string seen;
  pollfd ready{master, POLLIN, 0};
  while (!seen.ends_with("\r\x1b[K") && ::poll(&ready, 1, 2000) == 1) {
    std::array<char, 4096> bytes{};
    const ssize_t got = ::read(master, bytes.data(), bytes.size());
    ASSERT_GT(got, 0);
    seen.append(bytes.data(), static_cast<std::size_t>(got));
  }
  EXPECT_THAT(seen,
              HasSubstr("\r[############..................] 4/10 simulations, 1/s, 0:06 left"));
  EXPECT_THAT(seen, AllOf(Not(HasSubstr("\n")), EndsWith("\r\x1b[K")));
  std::fclose(terminal);
  ::close(master);
}

TEST(JsonProgress, IsOneObjectALine) {
  std::FILE* file = std::tmpfile();
  const auto progress = json_progress(file);
  progress->begin(kSome, 1, 1);
  JobResult result;
  result.id = 7;
  result.failure = {JobFailure::Why::kTimeout, "took longer than 1 s", "half a \xff line"};
  progress->failed("read", "point 3 (v=1)", result);
  progress->worker_lost("the worker died (signal 11)");
  wait(1050);
  progress->tick(kSome);
  std::istringstream lines(printed(file));
  std::vector<nlohmann::json> events;
  for (std::string line; std::getline(lines, line);) events.push_back(nlohmann::json::parse(line));
  ASSERT_EQ(events.size(), 4u);
  EXPECT_EQ(events[0],
            (nlohmann::json{
                {"event", "begin"}, {"simulations", 10}, {"from_journal", 1}, {"from_cache", 1}}));
  EXPECT_EQ(events[1]["event"], "failure");
  EXPECT_EQ(events[1]["bench"], "read");
  EXPECT_EQ(events[1]["job"], 7);
  EXPECT_EQ(events[1]["reason"], "took longer than 1 s");
  EXPECT_EQ(events[2],
            (nlohmann::json{{"event", "worker_lost"}, {"reason", "the worker died (signal 11)"}}));
  EXPECT_EQ(events[3]["event"], "progress");
  EXPECT_EQ(events[3]["done"], 4);
  EXPECT_EQ(events[3]["failed"], 1);
  EXPECT_EQ(events[3]["rate_per_s"], 1);
  EXPECT_EQ(events[3]["left_s"], 6);
  std::fclose(file);
}

}  // namespace
}  // namespace gaincell::characterize
