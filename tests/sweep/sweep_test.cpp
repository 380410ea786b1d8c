// A study's runs: journal, shards, failures. The figures are made up, so that nothing takes time.
#include "sweep/sweep.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cmath>
#include <limits>
#include <string>

#include "base/error.h"
#include "base/files.h"
#include "characterize/campaign/stop_signals.h"
#include "sweep/results.h"
#include "tests/support/program.h"

namespace gaincell::sweep {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class Sweep : public ::testing::Test {
 protected:
  testing::ScratchFolder folder;
  StudyPlan plan = make_plan(2);
  std::atomic<int> calls{0};

  static StudyPlan make_plan(double last) {
    StudyPlan plan;
    plan.name = "made_up";
    plan.yaml = "gaincell_study: 1\n";
    plan.design = "grid";
    plan.axes = {
        {.name = "window", .unit = "1", .what = "tokens", .values = {1, last}, .whole = true},
        {.name = "without",
         .unit = "",
         .what = "",
         .words = {"nothing", "write"},
         .values = {0, 1}}};
    plan.points = {{1, 0}, {1, 1}, {last, 0}, {last, 1}};
    plan.seeds = {3, 5};
    for (std::size_t run = 0; run < plan.runs(); ++run)
      plan.commands.push_back("gaincell infer --run " + std::to_string(run));
    plan.identity = {{"vary", {{"window", {"1", std::to_string(static_cast<int>(last))}}}}};
    return plan;
  }
  Figures figures_of(std::size_t run) {
    ++calls;
    if (run == 3) throw Error({.place = "run", .rule = "can't be"});
    Figures values(figures().size(), std::numeric_limits<double>::quiet_NaN());
    values[figure("nats_per_token")] = 1 + 0.1 * static_cast<double>(run);
    return values;
  }
  SweepReport run(const std::string& file, characterize::Shard shard = {}, unsigned jobs = 1) {
    return run_study(plan, {.output = folder / file,
                            .shard = shard,
                            .jobs = jobs,
                            .evaluate = [this](std::size_t at, const std::function<void()>& tick) {
                              tick();
                              return figures_of(at);
                            }});
  }
  // As with Ctrl-C in the run of this number.
  SweepReport interrupted(const std::string& file, std::size_t at) {
    return run_study(plan, {.output = folder / file,
                            .evaluate = [this, at](std::size_t now, const std::function<void()>&) {
                              if (now == at) {
                                characterize::ask_stop();
                                throw Stopped();
                              }
                              return figures_of(now);
                            }});
  }
};

TEST_F(Sweep, TheFileHasAllFiguresAndEachFailureWithItsReason) {
  const SweepReport report = run("a.h5");
  EXPECT_EQ(report.failed, 1u);
  EXPECT_FALSE(report.ok());
  EXPECT_THAT(report.brief(),
              AllOf(HasSubstr("1 FAILED"),
                    HasSubstr("run: can't be (point 2 (window=1, without=write), seed 5)")));
  const StudyResults read = read_results(folder / "a.h5");
  ASSERT_EQ(read.runs.size(), 8u);
  EXPECT_EQ(read.plan.points, plan.points);
  EXPECT_EQ(read.plan.seeds, plan.seeds);
  EXPECT_EQ(read.plan.commands, plan.commands);
  EXPECT_EQ(read.plan.axes[1].words, plan.axes[1].words);
  EXPECT_EQ(read.runs[3].reason, "run: can't be");
  EXPECT_DOUBLE_EQ(read.value(2, 1, figure("nats_per_token")), 1.5);
  EXPECT_TRUE(std::isnan(read.value(2, 1, figure("energy_total_j"))));
  EXPECT_EQ(folder.names(), std::vector<std::string>{"a.h5"});
}

TEST_F(Sweep, AnInterruptedOneGoesOnToTheSameBytes) {
  run("whole.h5");
  const SweepReport first = interrupted("cut.h5", 5);
  EXPECT_TRUE(first.interrupted);
  EXPECT_FALSE(std::filesystem::exists(folder / "cut.h5"));
  calls = 0;
  const SweepReport second = run("cut.h5");
  EXPECT_EQ(second.from_journal, 5u);
  EXPECT_EQ(calls, 3);
  EXPECT_EQ(read_file(folder / "cut.h5"), read_file(folder / "whole.h5"));
}

TEST_F(Sweep, JobsChangeNoByte) {
  run("one.h5");
  run("four.h5", {}, 4);
  EXPECT_EQ(read_file(folder / "four.h5"), read_file(folder / "one.h5"));
}

TEST_F(Sweep, ShardsTogetherAreTheWhole) {
  run("whole.h5");
  for (std::size_t k = 1; k <= 3; ++k) run("part" + std::to_string(k), {k, 3});
  const auto part = [&](int k) { return (folder / ("part" + std::to_string(k))).string(); };
  EXPECT_TRUE(is_study_shard(part(1)));
  EXPECT_FALSE(is_study_shard(folder / "whole.h5"));
  const SweepReport merged = merge_studies({part(2), part(3), part(1)}, folder / "merged.h5");
  EXPECT_EQ(merged.failed, 1u);
  EXPECT_EQ(read_file(folder / "merged.h5"), read_file(folder / "whole.h5"));
  EXPECT_THROW(merge_studies({part(1), part(2)}, folder / "no.h5"), Error);
  EXPECT_THROW(merge_studies({part(1), part(2), part(2)}, folder / "no.h5"), Error);
  EXPECT_FALSE(std::filesystem::exists(folder / "no.h5"));
}

TEST_F(Sweep, AnotherStudysJournalIsRefusedWithWhatDiffers) {
  interrupted("cut.h5", 4);
  const std::string before = read_file(folder / "cut.h5.journal");
  plan = make_plan(4);
  try {
    run("cut.h5");
    ADD_FAILURE() << "taken";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(),
                AllOf(HasSubstr("another study"),
                      HasSubstr("vary.window.1: \"2\" there, \"4\" here"), HasSubstr("--fresh")));
  }
  EXPECT_EQ(read_file(folder / "cut.h5.journal"), before);
}

TEST_F(Sweep, ShardsOfOtherStudiesAreNotJoined) {
  run("part1", {1, 2});
  plan = make_plan(4);
  run("part2", {2, 2});
  EXPECT_THROW(
      merge_studies({(folder / "part1").string(), (folder / "part2").string()}, folder / "no.h5"),
      Error);
}

}  // namespace
}  // namespace gaincell::sweep
