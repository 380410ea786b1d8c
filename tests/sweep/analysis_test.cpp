// Means, intervals, fronts, effects and sensitivities of figures that are known in closed form.
#include "sweep/analysis.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace gaincell::sweep {
namespace {

using ::testing::ElementsAre;

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

Axis axis(const std::string& name, std::vector<double> values) {
  return {.name = name, .unit = "1", .what = "", .values = std::move(values)};
}

class Analysis : public ::testing::Test {
 protected:
  StudyResults study;
  const std::size_t nats = figure("nats_per_token"), energy = figure("energy_total_j");

  void point(Point at, const std::vector<std::pair<double, double>>& nats_and_energy) {
    study.plan.points.push_back(std::move(at));
    for (const auto& [n, e] : nats_and_energy) {
      RunResult run{.ok = true, .reason = {}, .values = Figures(figures().size(), kNaN)};
      run.values[nats] = n;
      run.values[energy] = e;
      study.runs.push_back(run);
    }
  }
};

TEST_F(Analysis, AnIntervalIsStudents) {
  const std::vector<double> values{1, 2, 3};
  const Estimate found = estimate(values);
  EXPECT_DOUBLE_EQ(found.mean, 2);
  // t of 97.5 % with 2 degrees of freedom is 4.302653.
  EXPECT_NEAR(found.half_width, 4.302652730 / std::sqrt(3.0), 1e-8);
  EXPECT_TRUE(std::isnan(estimate(std::vector<double>{1, kNaN}).half_width));
  EXPECT_TRUE(std::isnan(estimate(std::vector<double>{}).mean));
}

TEST_F(Analysis, TheFrontIsWhatNoPointIsBelowInBoth) {
  study.plan.axes = {axis("window", {1, 2})};
  for (const auto& [n, e] :
       {std::pair(3.0, 1.0), {2.0, 2.0}, {2.5, 2.0}, {1.0, 5.0}, {1.5, 6.0}, {kNaN, 0.1}})
    point({1}, {{n, e}});
  EXPECT_THAT(pareto_front(study, energy, nats), ElementsAre(0, 1, 3));
}

// nats = 1 - 0.25 log2(window) + 0.1 q + its seed's share, energy = window^2.
TEST_F(Analysis, SensitivitiesAreTheSlopesOfAPlane) {
  study.plan.axes = {axis("window", {4, 8, 64}), axis("q_levels", {2, 4})};
  study.plan.seeds = {1, 2};
  for (const double window : {4.0, 8.0, 64.0})
    for (const double q : {2.0, 4.0}) {
      const double value = 1 - 0.25 * std::log2(window) + 0.1 * q;
      point({window, q}, {{value, window * window}, {value + 0.01 * q, window * window}});
    }
  const Sensitivities found = sensitivities(study, nats, Of::kValue);
  ASSERT_EQ(found.rows.size(), 2u);
  EXPECT_NEAR(found.explained, 1, 1e-12);
  EXPECT_TRUE(found.rows[0].doubling);
  EXPECT_NEAR(found.rows[0].slope->mean, -0.25, 1e-12);
  EXPECT_NEAR(found.rows[0].change.mean, -1, 1e-12);
  EXPECT_FALSE(found.rows[1].doubling);
  EXPECT_NEAR(found.rows[1].slope->mean, 0.105, 1e-12);
  EXPECT_NEAR(found.rows[1].change.mean, 0.21, 1e-12);
  EXPECT_NEAR(found.rows[1].change.half_width, 12.70620474 * 0.01, 1e-8);  // t of 1 degree
  const Sensitivities joules = sensitivities(study, energy, Of::kLogarithm);
  EXPECT_NEAR(joules.rows[0].slope->mean, 2 * std::log(2), 1e-12);
}

// Four points, of which one is 0.1 off the plane: residuals are 0.025 each way, with one degree of
// freedom, and an effect is the mean of two differences.
TEST_F(Analysis, WhatThePlaneDoesNotFitIsInTheInterval) {
  study.plan.axes = {axis("window", {4, 8}), axis("q_levels", {2, 4})};
  point({4, 2}, {{1, 1}});
  point({4, 4}, {{2, 1}});
  point({8, 2}, {{3, 1}});
  point({8, 4}, {{4.1, 1}});
  const Sensitivities found = sensitivities(study, nats, Of::kValue);
  ASSERT_EQ(found.rows.size(), 2u);
  EXPECT_NEAR(found.rows[0].change.mean, 2.05, 1e-12);
  EXPECT_NEAR(found.rows[0].change.half_width, 12.70620474 * 0.05, 1e-8);
}

TEST_F(Analysis, ADrawFromARangeHasNoLevels) {
  study.plan.axes = {axis("window", {4, 8})};
  study.plan.axes[0].range = true;
  study.plan.design = "latin_hypercube";
  point({4}, {{1, 1}});
  point({8}, {{3, 1}});
  EXPECT_TRUE(main_effect(study, 0, nats).empty());
}

TEST_F(Analysis, TooFewPointsHaveNoSensitivities) {
  study.plan.axes = {axis("window", {4, 8}), axis("q_levels", {2, 4})};
  point({4, 2}, {{1, 1}});
  point({8, 4}, {{2, 1}});
  EXPECT_TRUE(sensitivities(study, nats, Of::kValue).rows.empty());
}

TEST_F(Analysis, AnEffectIsOverAllPointsOfAGridAndOneOfOneAtATime) {
  study.plan.axes = {axis("window", {4, 8}), axis("q_levels", {2, 4})};
  study.plan.design = "grid";
  point({4, 2}, {{1, 1}});
  point({4, 4}, {{3, 1}});
  point({8, 2}, {{5, 1}});
  point({8, 4}, {{9, 1}});
  auto levels = main_effect(study, 0, nats);
  ASSERT_EQ(levels.size(), 2u);
  EXPECT_DOUBLE_EQ(levels[0].figure.mean, 2);
  EXPECT_DOUBLE_EQ(levels[1].figure.mean, 7);
  study.plan.design = "one_at_a_time";
  levels = main_effect(study, 0, nats);
  EXPECT_DOUBLE_EQ(levels[0].figure.mean, 1);
  EXPECT_DOUBLE_EQ(levels[1].figure.mean, 5);
}

}  // namespace
}  // namespace gaincell::sweep
