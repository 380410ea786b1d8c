#include "base/process.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <new>
#include <stdexcept>
#include <string>
#include <vector>

#include "base/error.h"

namespace gaincell {
namespace {

using ::testing::ExitedWithCode;

// In a process of its own, since it changes what belongs to the process.
[[noreturn]] void leave(const std::function<int()>& body) { std::_Exit(run_guarded(body)); }

TEST(Process, ExitCodeIsTheBodysOrSaysWhatWentWrong) {
  EXPECT_EXIT(leave([] { return 0; }), ExitedWithCode(0), "");
  EXPECT_EXIT(leave([] { return 1; }), ExitedWithCode(1), "");
  EXPECT_EXIT(leave([]() -> int { throw Error({.place = "a.yaml", .rule = "is empty"}); }),
              ExitedWithCode(2), "^gaincell: error: a.yaml: is empty\n$");
  EXPECT_EXIT(leave([]() -> int { throw std::logic_error("a\nb"); }), ExitedWithCode(3),
              "^gaincell: internal error: a\\\\nb\n$");
}

TEST(Process, MachineThatGivesOutIsAMessageAndNoInternalError) {
  EXPECT_EXIT(leave([]() -> int { throw std::bad_alloc(); }), ExitedWithCode(2),
              "^gaincell: error: this needs more memory than there is\n$");
  EXPECT_EXIT(leave([]() -> int {
                const std::vector<int> none;
                return std::vector<int>(none.max_size() + 1).front();
              }),
              ExitedWithCode(2), "more memory than there is");
  EXPECT_EXIT(leave([]() -> int {
                std::filesystem::create_directory("/proc/none/of/these");
                return 0;
              }),
              ExitedWithCode(2), "^gaincell: error: /proc/none/of/these: ");
  EXPECT_EXIT(leave([]() -> int {
                std::freopen("/dev/full", "w", stdout);
                fmt::print("{}", std::string(1 << 16, 'x'));
                return 0;
              }),
              ExitedWithCode(2), "^gaincell: error: standard output: ");
  EXPECT_EXIT(leave([]() -> int {
                std::freopen("/dev/full", "w", stdout);
                fmt::print("short");
                return 0;
              }),
              ExitedWithCode(2), "^gaincell: error: standard output: could not be written");
}

}  // namespace
}  // namespace gaincell
