#include "characterize/measure/measure.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <numbers>
#include <set>

namespace gaincell::characterize {
namespace {

using ::testing::HasSubstr;

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
  EXPECT_THROW(parse_signal("3 + 4"), BadSignal);
  EXPECT_THROW(parse_signal("v(a"), BadSignal);
  EXPECT_THROW(parse_signal("v(a) +"), BadSignal);
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
  EXPECT_DOUBLE_EQ(run({"average", {"v(a)"}, {{"from", 0.5}, {"to", 1}}, {}}), 0.75);
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

// A run whose only vectors are those given.
class Signals {
 public:
  Signals(std::vector<double> scale, std::map<std::string, std::vector<double>> vectors)
      : vectors_(std::move(vectors)),
        waves_(std::move(scale),
               [this](const std::string& name) -> std::optional<std::span<const double>> {
                 const auto at = vectors_.find(name);
                 if (at == vectors_.end()) return std::nullopt;
                 return std::span<const double>(at->second);
               }) {}
  double operator()(const MeasureCall& call) { return measure(waves_, call); }
  std::string reason(const MeasureCall& call) {
    try {
      (void)measure(waves_, call);
    } catch (const NoResult& none) {
      return none.what();
    }
    return "";
  }
  Waves& waves() { return waves_; }
  std::vector<std::pair<double, bool>> rises(double level) {
    std::vector<std::pair<double, bool>> all;
    const Window whole{waves_.begin(), waves_.end()};
    for (const Crossing& one : crossings(waves_, waves_.signal("v(y)"), level, whole))
      all.emplace_back(one.x, one.edge == Edge::kRise);
    return all;
  }

 private:
  std::map<std::string, std::vector<double>> vectors_;
  Waves waves_;
};

using Edges = std::vector<std::pair<double, bool>>;

TEST(Crossings, TouchOfALevelIsNone) {
  EXPECT_EQ(Signals({0, 1, 2}, {{"y", {0, 1, 0}}}).rises(1), Edges{});
  EXPECT_EQ(Signals({0, 1, 2}, {{"y", {2, 1, 2}}}).rises(1), Edges{});
  EXPECT_EQ(Signals({0, 1, 2, 3}, {{"y", {0, 1, 1, 0}}}).rises(1), Edges{});
}

TEST(Crossings, PlateauOnTheLevelIsCrossedWhereItBegins) {
  EXPECT_EQ(Signals({0, 1, 2, 3}, {{"y", {0, 1, 1, 2}}}).rises(1), (Edges{{1, true}}));
  EXPECT_EQ(Signals({0, 1, 2, 3}, {{"y", {2, 1, 1, 0}}}).rises(1), (Edges{{1, false}}));
}

TEST(Crossings, EndOnTheLevelIsOneAndStartOnItIsNot) {
  EXPECT_EQ(Signals({0, 1, 2}, {{"y", {0, 1, 1}}}).rises(1), (Edges{{1, true}}));
  EXPECT_EQ(Signals({0, 1, 2}, {{"y", {2, 1, 1}}}).rises(1), (Edges{{1, false}}));
  EXPECT_EQ(Signals({0, 1, 2}, {{"y", {1, 2, 3}}}).rises(1), Edges{});
  EXPECT_EQ(Signals({0, 1, 2}, {{"y", {1, 0, -1}}}).rises(1), Edges{});
  EXPECT_EQ(Signals({0, 1}, {{"y", {1, 1}}}).rises(1), Edges{});
  EXPECT_EQ(Signals({0}, {{"y", {1}}}).rises(1), Edges{});
}

TEST(Crossings, SampleOnTheLevelCountsOnce) {
  EXPECT_EQ(Signals({0, 1, 2, 3, 4}, {{"y", {0, 1, 2, 1, 0}}}).rises(1),
            (Edges{{1, true}, {3, false}}));
}

TEST(Measures, WindowsThatAreNoneGiveReasons) {
  Signals run({0, 1, 2}, {{"y", {0, 1, 4}}});
  EXPECT_THAT(run.reason({"integral", {"v(y)"}, {{"from", 2}, {"to", 1}}, {}}),
              HasSubstr("lies before"));
  EXPECT_THAT(run.reason({"maximum", {"v(y)"}, {{"from", 1}, {"to", 3}}, {}}),
              HasSubstr("outside the run"));
  EXPECT_THAT(run.reason({"average", {"v(y)"}, {{"from", 1}, {"to", 1}}, {}}),
              HasSubstr("stretch"));
  EXPECT_THAT(run.reason({"rms", {"v(y)"}, {{"from", 1}, {"to", 1}}, {}}), HasSubstr("stretch"));
  EXPECT_DOUBLE_EQ(run({"integral", {"v(y)"}, {{"from", 1}, {"to", 1}}, {}}), 0);
  EXPECT_DOUBLE_EQ(run({"maximum", {"v(y)"}, {{"from", 1.5}, {"to", 1.5}}, {}}), 2.5);
  EXPECT_THAT(run.reason({"loss_time", {"v(y)"}, {{"by", 0}}, {}}), HasSubstr("by nothing"));
  EXPECT_DOUBLE_EQ(run({"loss_time", {"v(y)"}, {{"by", -0.5}}, {}}), 0.5);
}

TEST(Measures, ConstantSignalHasNoEventAndNoNumberIsMadeUp) {
  Signals run({0, 1, 2}, {{"y", {1, 1, 1}}});
  for (const char* kind : {"crossing", "width"})
    EXPECT_NE(run.reason({kind, {"v(y)"}, {{"level", 1}}, {}}), "") << kind;
  EXPECT_NE(run.reason({"time_constant", {"v(y)"}, {}, {}}), "");
  EXPECT_NE(run.reason({"loss_time", {"v(y)"}, {{"by", 0.1}}, {}}), "");
  EXPECT_DOUBLE_EQ(run({"settling", {"v(y)"}, {{"within", 0.1}}, {}}), 0);
  EXPECT_DOUBLE_EQ(run({"time_above", {"v(y)"}, {{"level", 1}}, {}}), 2);
  EXPECT_DOUBLE_EQ(run({"peak_to_peak", {"v(y)"}, {}, {}}), 0);
  EXPECT_DOUBLE_EQ(run({"maximum_at", {"v(y)"}, {}, {}}), 0);
}

TEST(Measures, SinglePointHasValuesAndNoStretch) {
  Signals run({1e6}, {{"y", {3}}});
  EXPECT_DOUBLE_EQ(run({"value", {"v(y)"}, {{"at", 1e6}}, {}}), 3);
  EXPECT_DOUBLE_EQ(run({"value", {"v(y)"}, {{"at", 1e6 * (1 + 1e-12)}}, {}}), 3);
  EXPECT_THAT(run.reason({"value", {"v(y)"}, {{"at", 2e6}}, {}}), HasSubstr("outside the run"));
  EXPECT_DOUBLE_EQ(run({"maximum", {"v(y)"}, {}, {}}), 3);
  EXPECT_DOUBLE_EQ(run({"integral", {"v(y)"}, {}, {}}), 0);
  for (const char* kind : {"average", "rms", "slope"})
    EXPECT_NE(run.reason({kind, {"v(y)"}, {}, {}}), "") << kind;
  EXPECT_NE(run.reason({"crossing", {"v(y)"}, {{"level", 3}}, {}}), "");
  EXPECT_NE(run.reason({"value", {"deriv(v(y))"}, {}, {}}), "");
}

TEST(Measures, NumberThatIsNoneIsAReason) {
  Signals run({0, 1, 2}, {{"y", {0, std::nan(""), 1}}});
  EXPECT_THAT(run.reason({"maximum", {"v(y)"}, {}, {}}), HasSubstr("no finite number at 1"));
  EXPECT_THAT(run.reason({"maximum", {"1/v(y)"}, {}, {}}), HasSubstr("no finite number at 0"));
}

TEST(Measures, ExtremesKnowWhereTheyAre) {
  Signals run({0, 1, 2, 3, 4}, {{"y", {0, 2, 1, 2, -1}}});
  EXPECT_DOUBLE_EQ(run({"maximum_at", {"v(y)"}, {}, {}}), 1);
  EXPECT_DOUBLE_EQ(run({"maximum_at", {"v(y)"}, {{"from", 1.5}}, {}}), 3);
  EXPECT_DOUBLE_EQ(run({"minimum_at", {"v(y)"}, {}, {}}), 4);
}

TEST(Derivative, IsExactOnParabolasOverUnevenPoints) {
  const std::vector<double> x{0, 0.1, 0.5, 2, 2.5};
  std::vector<double> y;
  for (const double at : x) y.push_back(3 * at * at - at + 1);
  Signals run(x, {{"y", y}});
  const auto slopes = run.waves().signal("deriv(v(y))");
  for (std::size_t k = 0; k < x.size(); ++k) EXPECT_NEAR(slopes[k], 6 * x[k] - 1, 1e-12);
  EXPECT_NEAR(run({"value", {"deriv(deriv(v(y)))/2"}, {{"at", 2}}, {}}), 3, 1e-12);
  EXPECT_EQ(parse_signal("deriv(v(a)-v(b)) + v(c)").vectors,
            (std::vector<std::string>{"a", "b", "c"}));
  EXPECT_THROW(parse_signal("deriv(v(a)"), BadSignal);
  EXPECT_THROW(parse_signal("deriv(3)"), BadSignal);
}

TEST(Signals, AssignNothingAndKnowNoHiddenNames) {
  EXPECT_THROW(parse_signal("v(a)=1"), BadSignal);
  EXPECT_THROW(parse_signal("v(a)+w__0"), BadSignal);
  EXPECT_THROW(parse_signal("v(a)+w0"), BadSignal);
  EXPECT_THROW(parse_signal(std::string(200, '(') + "v(a)" + std::string(200, ')')), BadSignal);
  EXPECT_NO_THROW(parse_signal("v(a) >= 1 ? v(a) : 0"));
}

// Three equal poles: the phase falls from 0 to -3/2 pi, through -pi at sqrt(3) of the pole.
TEST(Phase, RunsOnAlongTheSweep) {
  std::vector<double> f;
  std::vector<double> phase;
  for (int k = -100; k <= 100; ++k) {
    f.push_back(std::pow(10, k * 0.02));
    phase.push_back(std::remainder(-3 * std::atan(f.back()), 2 * std::numbers::pi));
  }
  Signals run(f, {{"p|y", phase}, {"p|z", std::vector<double>(f.size(), 0.5)}});
  EXPECT_NEAR(run({"crossing", {"vp(y)"}, {{"level", -std::numbers::pi}}, {}}), std::sqrt(3.0),
              1e-3);
  EXPECT_NE(run.reason({"crossing", {"vp(y)"}, {{"level", 0}}, {}}), "");
  EXPECT_NEAR(run({"minimum", {"vp(y)"}, {}, {}}), -3 * std::atan(100.0), 1e-12);
  EXPECT_NEAR(run({"minimum", {"deg(vp(y) - vp(z))"}, {}, {}}),
              (-3 * std::atan(100.0) - 0.5) * 180 / std::numbers::pi, 1e-10);
  // Group delay: 3 / (2 pi (1 + f^2)) at poles of 1 Hz.
  EXPECT_NEAR(run({"value", {"-deriv(vp(y))/(2*pi)"}, {{"at", 1}}, {}}), 3 / (4 * std::numbers::pi),
              1e-4);
}

TEST(Phase, OfAnInvertingStageBeginsAtPlusPi) {
  const double pi = std::numbers::pi;
  for (const double first : {pi, -pi, std::nextafter(-pi, 0.0), -pi + 1e-9}) {
    std::vector<double> phase{first, pi - 0.1, pi - 0.5};
    unwrap(std::vector<double>{1, 2, 3}, phase);
    EXPECT_NEAR(phase[0], pi, 1e-8);
    EXPECT_NEAR(phase[2], pi - 0.5, 1e-12);
  }
  std::vector<double> lead{-pi + 0.1, -pi + 0.5};
  unwrap(std::vector<double>{1, 2}, lead);
  EXPECT_DOUBLE_EQ(lead[0], -pi + 0.1);
}

TEST(Phase, TurnThatCouldGoEitherWayIsRefused) {
  Signals run({1, 2, 3}, {{"p|y", {0.01, -3.13, -3.1}}, {"p|z", {0, std::nan(""), 0}}});
  EXPECT_THAT(run.reason({"value", {"vp(y)"}, {{"at", 1}}, {}}), HasSubstr("between 1 and 2"));
  EXPECT_TRUE(std::isnan(part_of("p", 0, 0)));
  EXPECT_NE(run.reason({"value", {"vp(z)"}, {{"at", 1}}, {}}), "");
}

// A slow input 0..1 over 1 to 3 (half at 2), again every 10; the output falls at 1.67, or a while
// after the input where the delay is positive.
class Delays : public ::testing::Test {
 protected:
  static double of(const std::vector<double>& falls, std::map<std::string, double> numbers = {},
                   std::map<std::string, std::string> words = {}) {
    std::vector<double> x;
    for (int k = 0; k <= 2600; ++k) x.push_back(0.01 * k);
    std::vector<double> a;
    std::vector<double> y;
    for (const double at : x) {
      const double t = std::fmod(at, 10);
      a.push_back(at >= 23 ? 0
                  : t < 1  ? 0
                  : t < 3  ? (t - 1) / 2
                  : t < 5  ? 1
                  : t < 7  ? (7 - t) / 2
                           : 0);
      double value = 1;
      // Each fall lasts 0.02; the output is back three later.
      for (const double fall : falls) {
        if (at >= fall - 0.01 && at < fall + 0.01) value = 0.5 - (at - fall) * 50;
        if (at >= fall + 0.01 && at < fall + 3) value = 0;
      }
      y.push_back(value);
    }
    Signals run(x, {{"a", a}, {"y", y}});
    numbers.emplace("level", 0.5);
    words.emplace("edge", "fall");
    words.emplace("after_edge", "rise");
    return run({"delay", {"v(y)", "v(a)"}, std::move(numbers), std::move(words), {}});
  }
};

TEST_F(Delays, AreNegativeWhereASlowEdgeIsOvertaken) {
  EXPECT_NEAR(of({1.67}), -0.33, 1e-9);
  EXPECT_NEAR(of({1.67, 11.67}), -0.33, 1e-9);
  EXPECT_NEAR(of({1.67, 11.67}, {{"after_number", 2}}), -0.33, 1e-9);
  EXPECT_NEAR(of({1.67, 11.67}, {{"number", 2}}), 9.67, 1e-9);
}

TEST_F(Delays, LongerThanHalfAPeriodStayWhatTheyAre) {
  EXPECT_NEAR(of({9, 19}), 7, 1e-9);
  EXPECT_NEAR(of({9, 19}, {{"after_number", 2}}), 7, 1e-9);
}

TEST_F(Delays, EdgesAtRestAheadOfTheInputAreNotItsOwn) {
  EXPECT_NEAR(of({0.5, 4.2}), 2.2, 1e-9);
  EXPECT_THROW(of({0.5}), NoResult);  // and not -1.5
  EXPECT_THROW(of({4.2}, {{"after_number", 2}}), NoResult);
  EXPECT_NEAR(of({0.5}, {{"otherwise", 99}}), 99, 0);
}

TEST_F(Delays, PairByNumberAsSpiceDoesOrByDistance) {
  EXPECT_NEAR(of({0.5, 4.2}, {}, {{"pairing", "number"}}), -1.5, 1e-9);
  EXPECT_NEAR(of({0.5, 4.2}, {{"number", 2}}, {{"pairing", "number"}}), 2.2, 1e-9);
  EXPECT_NEAR(of({0.5, 4.2, 11}, {{"after_number", 2}}, {{"pairing", "nearest"}}), -1, 1e-9);
}

// White noise of 2 V/sqrt(Hz), and flicker noise of 3/f V^2/Hz.
TEST(TotalNoise, IsExactOnWhiteAndFlickerNoise) {
  const std::vector<double> f{1, 3, 10, 100, 1000};
  std::vector<double> flicker;
  for (const double at : f) flicker.push_back(std::sqrt(3 / at));
  Signals run(f, {{"onoise_spectrum", std::vector<double>(f.size(), 2)}, {"onoise_r1", flicker}});
  EXPECT_NEAR(run({"total_noise", {"onoise"}, {}, {}}), 2 * std::sqrt(999.0), 1e-10);
  EXPECT_NEAR(run({"total_noise", {"onoise"}, {{"from", 2}, {"to", 50}}, {}}), 2 * std::sqrt(48.0),
              1e-10);
  EXPECT_NEAR(run({"total_noise", {"onoise(R1)"}, {}, {}}), std::sqrt(3 * std::log(1000.0)), 1e-10);
  EXPECT_NEAR(run({"total_noise", {"onoise(r1)"}, {{"from", 2}, {"to", 50}}, {}}),
              std::sqrt(3 * std::log(25.0)), 1e-10);
}

TEST(TotalNoise, IsAStraightLineOfPowerWhereADensityVanishes) {
  Signals run({1, 3}, {{"onoise_r1", {0, 2}}, {"onoise_r2", {2, 0}}, {"onoise_r3", {0, 0}}});
  EXPECT_NEAR(run({"total_noise", {"onoise(r1)"}, {}, {}}), 2, 1e-12);
  EXPECT_NEAR(run({"total_noise", {"onoise(r2)"}, {}, {}}), 2, 1e-12);
  EXPECT_EQ(run({"total_noise", {"onoise(r3)"}, {}, {}}), 0);
}

TEST(MeasureAll, ArgumentsFollowFromEarlierResults) {
  Signals run({0, 1, 2}, {{"y", {0, 1, 4}}});
  const auto all = [&](const std::vector<MeasureCall>& calls) {
    return measure_all(calls, [&](const MeasureCall&) -> Waves& { return run.waves(); });
  };
  const MeasureCall top{"maximum", {"v(y)"}, {}, {}, {}};
  const MeasureCall half{"formula", {}, {}, {}, {{"formula", {"top/k", {{"k", 2}}, {{"top", 0}}}}}};
  const MeasureCall at{"crossing", {"v(y)"}, {}, {}, {{"level", {"half", {}, {{"half", 1}}}}}};
  auto results = all({top, half, at});
  EXPECT_DOUBLE_EQ(results[1].value, 2);
  EXPECT_NEAR(results[2].value, 1 + 1.0 / 3, 1e-12);
  const MeasureCall none{"maximum", {"v(z)"}, {}, {}, {}};
  results = all({none, half, at});
  EXPECT_THAT(results[1].reason, HasSubstr("`top`"));
  EXPECT_THAT(results[2].reason, HasSubstr("`half`"));
}

TEST(Measures, EveryKindHasItsOwnNameAndText) {
  std::set<std::string> names;
  ASSERT_FALSE(measure_kinds().empty());
  for (const MeasureKind& kind : measure_kinds()) {
    EXPECT_TRUE(names.insert(kind.name).second) << kind.name;
    EXPECT_FALSE(kind.text.empty()) << kind.name;
  }
}

}  // namespace
}  // namespace gaincell::characterize
