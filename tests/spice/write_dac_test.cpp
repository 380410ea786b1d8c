// The DAC of a write as transistors, with all 64 columns of a sub-tile switching at once.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include "base/files.h"
#include "characterize/campaign/simulation.h"
#include "tests/support/program.h"

namespace gaincell {
namespace {

// A bench of netlists/write_dac with other values of one condition, from a place of its own.
std::string bench_text(const std::string& condition, const std::string& values) {
  const std::string netlists = std::string(GAINCELL_SOURCE_DIR) + "/netlists/";
  std::string text = read_file(netlists + "write_dac/settling.yaml");
  for (std::size_t at; (at = text.find("../")) != std::string::npos;) text.replace(at, 3, netlists);
  text.replace(text.find("write_dac.cir"), 0, netlists + "write_dac/");
  const std::size_t list = text.find("enumerate: [", text.find("\n  " + condition + ":"));
  text.replace(list, text.find(']', list) + 1 - list, "enumerate: " + values);
  return text;
}

// What `error_fall`, `error_close` and `error_static`, the last measurements, are at each pattern.
std::vector<std::vector<double>> errors_v(const std::string& patterns) {
  const testing::ScratchFolder scratch;
  write_file(scratch / "bench.yaml", bench_text("pattern", patterns));
  const auto bench = characterize::read_bench((scratch / "bench.yaml").string());
  characterize::PoolOptions pool;
  pool.worker = std::filesystem::path(GAINCELL_BINARY_DIR) / "bin" / "gaincell-worker";
  pool.workers = 2;
  const std::vector<characterize::Point> points = characterize::bench_points(*bench);
  std::vector<std::vector<double>> errors;
  for (const auto& result :
       characterize::simulate(*bench, characterize::make_plan(*bench, points), {.pool = pool})) {
    EXPECT_TRUE(result.ok) << result.reason;
    if (result.ok) errors.emplace_back(result.values.end() - 3, result.values.end());
  }
  return errors;
}

// All to the level that settles slowest, and eight columns to each: a thousandth of a step between
// levels is 0.13 mV.
TEST(WriteDac, SixtyFourColumnsAtOnceReachTheirLevelsBeforeTheWordLineFalls) {
  const auto errors = errors_v("[5, 8]");
  ASSERT_EQ(errors.size(), 2u);
  for (const std::vector<double>& error : errors) {
    EXPECT_LT(error[0], 0.3e-3);
    EXPECT_LT(error[1], 0.15e-3);
    EXPECT_LT(error[2], 0.15e-3);
  }
  EXPECT_GT(errors[0][0], errors[0][2]);  // it does settle, from mid-rail
}

}  // namespace
}  // namespace gaincell
