// The analog engine: both levels on the published equations, fast level against column level.
#include "attention/analog.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "attention/published.h"
#include "base/error.h"
#include "circuits.h"
#include "inputs.h"
#include "tests/support/sizes.h"

namespace gaincell::attention {
namespace {

AnalogOptions options(Level level, double token_period_s = 2e-7) {
  AnalogOptions o;
  o.level = level;
  o.token_period_s = token_period_s;
  o.error_limit = 1e-3;
  return o;
}

std::vector<StepTrace> traced(Analog& analog, const Inputs& in, std::vector<float>* out = nullptr) {
  std::vector<StepTrace> traces;
  analog.observe([](std::int64_t, int) { return true; },
                 [&](const StepTrace& trace) { traces.push_back(trace); });
  auto result = run(analog, in);
  if (out) *out = result;
  return traces;
}

struct Difference {
  double rms = 0, max = 0;
};

// Of two lists with NaN in the same places.
Difference difference(const std::vector<StepTrace>& a, const std::vector<StepTrace>& b,
                      std::vector<double> StepTrace::*what, double unit) {
  EXPECT_EQ(a.size(), b.size());
  double squares = 0, n = 0;
  Difference d;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const auto &x = a[i].*what, &y = b[i].*what;
    EXPECT_EQ(x.size(), y.size());
    for (std::size_t j = 0; j < x.size(); ++j) {
      EXPECT_EQ(std::isnan(x[j]), std::isnan(y[j])) << "step " << i << " at " << j;
      if (std::isnan(x[j])) continue;
      const double e = (x[j] - y[j]) / unit;
      squares += e * e;
      d.max = std::max(d.max, std::abs(e));
      ++n;
    }
  }
  d.rms = n > 0 ? std::sqrt(squares / n) : 0;
  return d;
}

constexpr double kTMax = 15e-9;
constexpr double kLsb = 2.0 / 31 * kTMax;

void expect_fast_equals_column(Shape shape, const Inputs& in, double token_period_s = 2e-7,
                               EffectSet effects = EffectSet::all()) {
  const Circuit circuit = smooth_circuit(shape.dim);
  const Scalers scalers = scalers_near_training(shape.heads, 3);
  auto o = options(Level::kColumn, token_period_s);
  o.effects = effects;
  auto column = make_analog(shape, circuit, scalers, o);
  o.level = Level::kFast;
  auto fast = make_analog(shape, circuit, scalers, o);
  const auto a = traced(*column, in), b = traced(*fast, in);
  const auto what = ::testing::Message() << "dim " << shape.dim << " window " << shape.window;
  EXPECT_LE(difference(a, b, &StepTrace::q_width_s, kTMax).max, 1e-12) << what;
  EXPECT_LE(difference(a, b, &StepTrace::key_v, 1.0).max, 1e-12) << what;
  EXPECT_LE(difference(a, b, &StepTrace::value_v, 1.0).max, 1e-12) << what;
  EXPECT_LE(difference(a, b, &StepTrace::key_target_v, 1.0).max, 1e-12) << what;
  EXPECT_LE(difference(a, b, &StepTrace::value_target_v, 1.0).max, 1e-12) << what;
  const auto phi = difference(a, b, &StepTrace::phi_s, kTMax);
  EXPECT_LE(phi.rms, 2e-3) << what;
  EXPECT_LE(phi.max, 1e-2) << what;
  const auto pulse = difference(a, b, &StepTrace::second_pulse_s, kLsb);
  EXPECT_LE(pulse.rms, 0.05) << what;
  EXPECT_LE(pulse.max, 0.3) << what;
}

TEST(FastLevel, EqualsColumnLevelForWindowsAroundVectorAndTile) {
  for (const int window :
       testing::some_of({1, 2, 15, 16, 17, 31, 33, 63, 64, 65, 80, 127, 128, 129})) {
    const Shape shape{1, 16, window};
    // Past one lap of the ring where that is short; else partly filled.
    expect_fast_equals_column(shape, Inputs(shape, std::min(40, window + 21), 17));
  }
}

TEST(FastLevel, EqualsColumnLevelForEveryHeadDimension) {
  for (const int dim : testing::some_of({16, 32, 48, 64, 80, 128, 144})) {
    const Shape shape{2, dim, 20};
    expect_fast_equals_column(shape, Inputs(shape, 4, 23));
  }
}

TEST(FastLevel, EqualsColumnLevelAfterManyLaps) {
  const Shape shape{1, 16, 24};
  expect_fast_equals_column(shape, Inputs(shape, 24 * 3 + 5, 29));
}

TEST(FastLevel, EqualsColumnLevelWhereTheRingAgesFast) {
  // The window lasts 0.5 and 2.5 storage time constants.
  for (const double period : {1e-4, 5e-4}) {
    const Shape shape{1, 16, 24};
    expect_fast_equals_column(shape, Inputs(shape, 40, 31), period);
  }
}

TEST(FastLevel, EqualsColumnLevelWithAnyEffectOff) {
  for (int i = 0; i < kEffects; i += testing::every_size() ? 1 : 3) {
    const auto effect = static_cast<Effect>(i);
    // Column level only.
    if (effect == Effect::kStorageQuantiser || effect == Effect::kSaturation ||
        effect == Effect::kClipping)
      continue;
    SCOPED_TRACE(name(effect));
    const Shape shape{1, 32, 20};
    expect_fast_equals_column(shape, Inputs(shape, 6, 37), 2e-7, EffectSet::all().without(effect));
  }
  const Shape shape{1, 32, 20};
  expect_fast_equals_column(shape, Inputs(shape, 6, 37), 2e-7,
                            EffectSet::none()
                                .with(Effect::kStorageQuantiser)
                                .with(Effect::kSaturation)
                                .with(Effect::kClipping));
}

TEST(FastLevel, EqualsColumnLevelOnZeroAndSaturatedInputs) {
  const Shape shape{1, 64, 20};
  for (const float value : {0.0f, 1e6f, -1e6f}) {
    Inputs in(shape, 6, 1);
    for (auto* x : {&in.q, &in.k, &in.v}) std::fill(x->begin(), x->end(), value);
    expect_fast_equals_column(shape, in);
    // Saturated q on keys that sink and values that source.
    if (value != 0) {
      std::fill(in.q.begin(), in.q.end(), 1e6f);
      std::fill(in.v.begin(), in.v.end(), -value);
      expect_fast_equals_column(shape, in);
    }
  }
}

TEST(FastLevel, CountsWhatColumnLevelCounts) {
  const Shape shape{2, 32, 70};
  const Circuit circuit = smooth_circuit(32);
  const Inputs in(shape, 90, 41);
  const Scalers scalers = scalers_near_training(2, 3);
  auto column = make_analog(shape, circuit, scalers, options(Level::kColumn));
  auto fast = make_analog(shape, circuit, scalers, options(Level::kFast));
  run(*column, in);
  run(*fast, in);
  const energy::Activity &a = column->activity(), &b = fast->activity();
  EXPECT_EQ(a.tokens, 90);
  EXPECT_EQ(b.tokens, 90);
  EXPECT_EQ(a.token_heads, b.token_heads);
  EXPECT_EQ(a.sub_tile_steps, b.sub_tile_steps);
  EXPECT_EQ(a.dac_values, 90 * 2 * 64);
  EXPECT_EQ(b.dac_values, a.dac_values);
  EXPECT_EQ(a.writes, b.writes);
  const auto by_pulse_and_level = [](const energy::CellReads& reads) {
    std::vector<double> sum(reads.pulse_s.size() * reads.levels);
    for (std::size_t age = 0; age < reads.age_s.size(); ++age)
      for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += reads.at(age, 0)[i];
    return sum;
  };
  const auto expect_near = [](const std::vector<double>& x, const std::vector<double>& y,
                              double share) {
    ASSERT_EQ(x.size(), y.size());
    double total = 0;
    for (const double value : x) total += std::abs(value);
    for (std::size_t i = 0; i < x.size(); ++i) EXPECT_NEAR(x[i], y[i], share * total) << i;
  };
  expect_near(by_pulse_and_level(a.first_reads), by_pulse_and_level(b.first_reads), 1e-9);
  expect_near(by_pulse_and_level(a.second_reads), by_pulse_and_level(b.second_reads), 2e-3);
  expect_near(a.first_conversions.count, b.first_conversions.count, 2e-3);
  expect_near(a.second_conversions.count, b.second_conversions.count, 2e-3);
  EXPECT_NEAR(a.first_reads.total(), b.first_reads.total(), 1e-6);
  EXPECT_NEAR(a.first_conversions.total(), b.first_conversions.total(), 1e-6);
  EXPECT_NEAR(a.second_conversions.total(), b.second_conversions.total(), 1e-6);
  double reads = 0;
  for (int t = 0; t < 90; ++t) reads += 2.0 * 32 * std::min(t + 1, 70);
  EXPECT_NEAR(a.first_reads.total(), reads, 1e-6);
  EXPECT_NEAR(a.second_reads.total(), reads, 1e-6);
  EXPECT_NEAR(b.second_reads.total(), reads, 1e-3);
  const auto mean_age_of_pulsed_s = [](const energy::CellReads& cells) {
    double count = 0, sum = 0;
    for (std::size_t age = 0; age < cells.age_s.size(); ++age)
      for (std::size_t node = 1; node < cells.pulse_s.size(); ++node)
        for (int level = 0; level < cells.levels; ++level) {
          count += cells.at(age, node)[level];
          sum += cells.at(age, node)[level] * cells.age_s[age];
        }
    return sum / count;
  };
  const double token_s = options(Level::kFast).token_period_s;
  EXPECT_NEAR(mean_age_of_pulsed_s(a.second_reads) / token_s,
              mean_age_of_pulsed_s(b.second_reads) / token_s, 0.05);
}

TEST(FastLevel, ReportsWhatItMadeOfTheErrorLimit) {
  auto o = options(Level::kFast);
  for (const double limit : testing::some_of({1e-2, 1e-3, 5e-4})) {
    o.error_limit = limit;
    auto fast = make_analog({1, 64, 64}, smooth_circuit(), Scalers::identity(1), o);
    ASSERT_NE(fast->fast_report(), nullptr);
    const FastReport report = *fast->fast_report();
    EXPECT_LE(report.first.error, 1.5 * limit);  // the tightest may be out of reach
    EXPECT_LE(report.second.error, 1.5 * limit);
    std::printf(
        "limit %g: first rank %d degree %d segments %d error %.2g; second rank %d degree %d "
        "segments "
        "%d error %.2g; %s\n",
        limit, report.first.rank, report.first.degree, report.first.segments, report.first.error,
        report.second.rank, report.second.degree, report.second.segments, report.second.error,
        report.instruction_set.c_str());
  }
  o.error_limit = 1e-9;
  EXPECT_THROW(make_analog({1, 64, 64}, smooth_circuit(), Scalers::identity(1), o), Error);
}

TEST(FastLevel, RefusesWhatItCannotHold) {
  auto o = options(Level::kFast);
  o.effects = EffectSet::all().without(Effect::kStorageQuantiser);
  EXPECT_THROW(make_analog({1, 16, 8}, smooth_circuit(), Scalers::identity(1), o), Error);
}

TEST(AnalogEngine, RunsThePublishedEquations) {
  for (const bool cubic : {true, false})
    for (const int window : {64, 1024, 40}) {
      const Shape shape{2, 16, window};
      PublishedHardware hw = cubic ? PublishedHardware::cubic() : PublishedHardware{};
      hw.s_sat_first_a = 20e-6, hw.s_sat_second_a = 30e-6;
      const double period = 1e-7;
      const Circuit circuit = published_circuit(hw, period);
      const Scalers scalers = scalers_near_training(2, 8);
      const Inputs in(shape, window == 1024 ? 1060 : 100, 43);
      auto o = options(Level::kFast, period);
      o.effects = EffectSet::all().without(Effect::kCounter);
      o.error_limit = 1e-6;
      auto fast = make_analog(shape, circuit, scalers, o);
      const auto out = run(*fast, in);
      // Without the counter the sum of tiles is smooth, so every value must agree; the quantisers
      // of q, k and v stay on.
      hw.output_levels = 1 << 30;
      auto published = make_published(shape, hw, scalers);
      const auto expected = run(*published, in);
      for (std::size_t i = 0; i < out.size(); ++i)
        ASSERT_NEAR(out[i], expected[i], 1e-5 * std::max(1.0f, std::abs(expected[i])))
            << "window " << window << " cubic " << cubic << " at " << i;
      if (window == 1024) continue;
      o.level = Level::kColumn;
      auto column = make_analog(shape, circuit, scalers, o);
      const auto slow = run(*column, in);
      for (std::size_t i = 0; i < out.size(); ++i)
        ASSERT_NEAR(slow[i], expected[i], 1e-5 * std::max(1.0f, std::abs(expected[i]))) << i;
    }
}

TEST(AnalogEngine, CountsOutputsInLevels) {
  const Shape shape{1, 16, 8};
  auto fast = make_analog(shape, smooth_circuit(16), Scalers::identity(1), options(Level::kFast));
  const auto out = run(*fast, Inputs(shape, 20, 3));
  for (const float y : out) {
    const double counts = y * 31 / 2.0;
    EXPECT_NEAR(counts, std::round(counts), 1e-4);
    EXPECT_LE(std::abs(counts), 16.001);
  }
}

TEST(AnalogEngine, DoesNotDependOnHowTheTextIsCut) {
  const Shape shape{2, 16, 20};
  const Inputs in(shape, 50, 47);
  for (const Level level : {Level::kFast, Level::kColumn}) {
    auto one = make_analog(shape, smooth_circuit(16), Scalers::identity(2), options(level));
    const auto expected = run(*one, in);
    one->reset();
    EXPECT_EQ(run(*one, in, 7), expected);
    EXPECT_EQ(one->activity().tokens, 50);
  }
}

TEST(AnalogEngine, RefusesNan) {
  const Shape shape{1, 16, 8};
  Inputs in(shape, 3, 1);
  in.q[20] = std::numeric_limits<float>::quiet_NaN();
  auto fast = make_analog(shape, smooth_circuit(16), Scalers::identity(1), options(Level::kFast));
  EXPECT_THROW(run(*fast, in), Error);
}

}  // namespace
}  // namespace gaincell::attention
