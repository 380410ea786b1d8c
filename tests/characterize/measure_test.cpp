#include "characterize/measure/measure.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <set>

namespace gaincell::characterize {
namespace {

// A triangle 0-1-0 over 0..4 s with its top at 1 s, its negative as a current, on uneven points.
class MeasureTest : public ::testing::Test {
 protected:
  std::vector<double> time_{0, 0.5, 1, 1.5, 3, 4};
  std::map<std::string, std::vector<double>> vectors_{
      {"a", {0, 0.5, 1, 5.0 / 6, 1.0 / 3, 0}},
      {"vin#branch", {0, -0.5, -1, -5.0 / 6, -1.0 / 3, 0}},
      {"step", {0, 0, 0, 1, 1, 1}}};
  Waves waves_{time_, [this](const std::string& name) -> std::optional<std::span<const double>> {
                 const auto at = vectors_.find(name);
                 if (at == vectors_.end()) return std::nullopt;
                 return std::span<const double>(at->second);
               }};
  double run(const MeasureCall& call) { return measure(waves_, call); }
};

TEST_F(MeasureTest, ValueInterpolatesInTime) {
  EXPECT_DOUBLE_EQ(run({"value", {"v(a)"}, {{"at", 0.25}}, {}}), 0.25);
  EXPECT_DOUBLE_EQ(run({"value", {"v(a)"}, {}, {}}), 0);
  EXPECT_THROW(run({"value", {"v(a)"}, {{"at", 4.1}}, {}}), NoResult);
}

TEST_F(MeasureTest, IntegralOfTriangleIsItsArea) {
  EXPECT_DOUBLE_EQ(run({"integral", {"v(a)"}, {}, {}}), 2);
  EXPECT_DOUBLE_EQ(run({"integral", {"v(a)"}, {{"from", 0.25}, {"to", 0.75}}, {}}), 0.25);
  EXPECT_DOUBLE_EQ(run({"integral", {"-i(vin)"}, {{"scale", 3}}, {}}), 6);
}

TEST_F(MeasureTest, SignalsMayBeExpressions) {
  EXPECT_DOUBLE_EQ(run({"value", {"2*v(a) - v(step,a)"}, {{"at", 1}}, {}}), 3);
  EXPECT_DOUBLE_EQ(run({"value", {"v(a,0)"}, {{"at", 1}}, {}}), 1);
  EXPECT_THROW(run({"value", {"v(b)"}, {}, {}}), NoResult);
  EXPECT_THROW(parse_signal("3 + 4"), std::invalid_argument);
  EXPECT_THROW(parse_signal("v(a"), std::invalid_argument);
  EXPECT_THROW(parse_signal("v(a) +"), std::invalid_argument);
}

TEST_F(MeasureTest, CrossingsAreCountedFromEitherEnd) {
  EXPECT_DOUBLE_EQ(run({"crossing", {"v(a)"}, {{"level", 0.25}}, {}}), 0.25);
  EXPECT_DOUBLE_EQ(run({"crossing", {"v(a)"}, {{"level", 0.25}, {"number", -1}}, {}}), 3.25);
  EXPECT_DOUBLE_EQ(run({"crossing", {"v(a)"}, {{"level", 0.25}}, {{"edge", "fall"}}}), 3.25);
  EXPECT_THROW(run({"crossing", {"v(a)"}, {{"level", 2}}, {}}), NoResult);
  EXPECT_DOUBLE_EQ(run({"crossing", {"v(a)"}, {{"level", 2}, {"otherwise", 9}}, {}}), 9);
}

TEST_F(MeasureTest, DelayCountsFromTheStartSignal) {
  EXPECT_DOUBLE_EQ(run({"delay", {"v(a)", "v(step)"}, {{"level", 0.5}}, {{"edge", "fall"}}}),
                   2.5 - 1.25);
}

TEST_F(MeasureTest, WidthIsTakenAtTheLevel) {
  EXPECT_DOUBLE_EQ(run({"width", {"v(a)"}, {{"level", 0.5}}, {}}), 2);
  EXPECT_DOUBLE_EQ(run({"width", {"v(a)"}, {{"level", 1.5}, {"otherwise", 0}}, {}}), 0);
  EXPECT_THROW(run({"width", {"v(step)"}, {{"level", 0.5}}, {}}), NoResult);
}

TEST_F(MeasureTest, TimeAboveAddsAllPulses) {
  EXPECT_DOUBLE_EQ(run({"time_above", {"v(a)"}, {{"level", 0.5}}, {}}), 2);
  EXPECT_DOUBLE_EQ(run({"time_above", {"v(a)"}, {{"level", 0.5}, {"from", 1}, {"to", 2}}, {}}), 1);
  EXPECT_DOUBLE_EQ(run({"time_above", {"v(step)"}, {{"level", 0.5}}, {}}), 2.75);
  EXPECT_DOUBLE_EQ(run({"time_above", {"v(a)"}, {{"level", 5}}, {}}), 0);
}

TEST_F(MeasureTest, ExtremesIncludeTheEndsOfTheWindow) {
  EXPECT_DOUBLE_EQ(run({"maximum", {"v(a)"}, {}, {}}), 1);
  EXPECT_DOUBLE_EQ(run({"minimum", {"v(a)"}, {{"from", 0.25}, {"to", 2}}, {}}), 0.25);
  EXPECT_DOUBLE_EQ(run({"peak_to_peak", {"v(a)"}, {{"from", 0.25}, {"to", 0.5}}, {}}), 0.25);
}

TEST_F(MeasureTest, MeansAreOverTime) {
  EXPECT_DOUBLE_EQ(run({"average", {"v(a)"}, {}, {}}), 0.5);
  EXPECT_DOUBLE_EQ(run({"rms", {"v(a)"}, {}, {}}), std::sqrt(1.0 / 3));
}

TEST_F(MeasureTest, SlopeIsLocalOrMean) {
  EXPECT_DOUBLE_EQ(run({"slope", {"v(a)"}, {{"at", 0.7}}, {}}), 1);
  EXPECT_DOUBLE_EQ(run({"slope", {"v(a)"}, {{"from", 1}, {"to", 4}}, {}}), -1.0 / 3);
}

// 1 - exp(-t) on a fine grid: everything about it is known.
TEST(MeasureDecay, TimesOfAnExponentialAreKnown) {
  std::vector<double> time;
  std::vector<double> y;
  for (int k = 0; k <= 20000; ++k) {
    time.push_back(k * 1e-3);
    y.push_back(1 - std::exp(-time.back()));
  }
  Waves waves(time, [&](const std::string&) { return std::optional<std::span<const double>>(y); });
  EXPECT_NEAR(measure(waves, {"time_constant", {"v(y)"}, {{"final", 1}}, {}}), 1, 1e-6);
  EXPECT_NEAR(measure(waves, {"settling", {"v(y)"}, {{"within", 0.01}, {"target", 1}}, {}}),
              std::log(100.0), 1e-6);
  EXPECT_NEAR(measure(waves, {"loss_time", {"v(y)"}, {{"by", 0.5}}, {}}), std::log(2.0), 1e-6);
  EXPECT_THROW(measure(waves, {"loss_time", {"v(y)"}, {{"by", 2}}, {}}), NoResult);
}

TEST(Measures, EveryKindHasItsOwnNameAndText) {
  std::set<std::string> names;
  for (const MeasureKind& kind : measure_kinds()) {
    EXPECT_TRUE(names.insert(kind.name).second) << kind.name;
    EXPECT_FALSE(kind.text.empty()) << kind.name;
  }
}

}  // namespace
}  // namespace gaincell::characterize
