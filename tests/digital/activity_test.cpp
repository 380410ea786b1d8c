// What the digital control of a head does in an inference, beside what the engine puts out.
#include "digital/activity.h"

#include <gtest/gtest.h>

#include <cmath>

#include "attention/quantiser.h"
#include "digital/fixed_scaler.h"
#include "digital/vectors.h"
#include "lut/gain_cell_device.h"
#include "lut/ideal_device.h"
#include "tests/digital/random_head.h"

namespace gaincell::digital {
namespace {

const attention::Shape kShape{1, 64, 100};
constexpr int kTokens = 130;

const attention::Circuit& circuit() {
  static const lut::GainCellDevice device(lut::published_device());
  static const attention::Circuit circuit = attention::circuit_of(device);
  return circuit;
}

TEST(DigitalActivity, SumsAreTheEnginesOutputAtBothLevels) {
  for (const auto level : {attention::Level::kColumn, attention::Level::kFast}) {
    const RandomRun run = run_random_head(kShape, circuit(), level, kTokens);
    ASSERT_EQ(run.activity.size(), static_cast<std::size_t>(kTokens));
    for (std::size_t t = 0; t < run.activity.size(); ++t)
      for (int d = 0; d < kShape.dim; ++d) {
        const double out = run.out[t * static_cast<std::size_t>(kShape.dim) + d];
        EXPECT_EQ(run.activity[t].sums[d], std::lround(out * 31 / 2)) << t << ' ' << d;
      }
  }
}

TEST(DigitalActivity, LevelsAndCodesAreTheSameAtBothLevels) {
  const RandomRun column = run_random_head(kShape, circuit(), attention::Level::kColumn, kTokens),
                  fast = run_random_head(kShape, circuit(), attention::Level::kFast, kTokens);
  for (std::size_t t = 0; t < column.activity.size(); ++t) {
    const TokenActivity &a = column.activity[t], &b = fast.activity[t];
    EXPECT_EQ(a.slot, static_cast<int>(t % kShape.window));
    EXPECT_EQ(a.q_levels, b.q_levels);
    EXPECT_EQ(a.k_codes, b.k_codes);
    EXPECT_EQ(a.v_codes, b.v_codes);
  }
}

TEST(DigitalActivity, SleepingSubTilesCountNothing) {
  const RandomRun run = run_random_head(kShape, circuit(), attention::Level::kFast, 64);
  for (const TokenActivity& token : run.activity)
    for (int d = 0; d < kShape.dim; ++d) EXPECT_EQ(token.counts[kShape.dim + d], 0);
}

TEST(Vectors, RoundingToFemtosecondsTakesNoPulseOverAnEdge) {
  const Head head;
  const attention::Quantiser output(-1.0, 1.0, head.output_levels);
  Random random(1, "pulses");
  const auto inside = [&](std::int64_t width_fs) {
    int edges = 0;
    while (edges < 16 && (2 * edges + 1) * 15'000'000.0 / 31 < static_cast<double>(width_fs))
      ++edges;
    return edges;
  };
  for (int i = 0; i < 40'000; ++i) {
    // Half of them within a femtosecond or two of an edge.
    double pulse_s = random.uniform(-16e-9, 16e-9);
    if (i % 2 == 0)
      pulse_s = static_cast<double>(2 * random.below(16) + 1) * 15e-9 / 31 +
                random.uniform(-2e-15, 2e-15);
    const int count = output.index(pulse_s / head.output_full_scale_s);
    const std::int64_t fs = pulse_fs(head, pulse_s, count);
    EXPECT_EQ(inside(std::abs(fs)), std::abs(count)) << pulse_s;
    EXPECT_NEAR(static_cast<double>(fs), pulse_s * 1e15, 2.5);
  }
}

TEST(FixedScaler, IsTheNearestToTheEnginesScaler) {
  const FixedScaler format{.sum_bits = 10, .shift = 7};
  const double per_count = 0.3 * 2 / 31, offset = -0.21, step = 0.05;
  const FixedScaler scaler = nearest_scaler(format, per_count, offset, step);
  for (int sum = -256; sum <= 256; ++sum) {
    const double exact = std::clamp((per_count * sum + offset) / step, -128.0, 127.0);
    // Half a step, and what the whole number `a` is off.
    EXPECT_NEAR(scaler(sum), exact, 0.5 + 0.5 * std::abs(sum) / 128 + 0.01) << sum;
  }
  EXPECT_EQ((FixedScaler{.shift = 3, .a = 127})(16), 127);
  EXPECT_EQ((FixedScaler{.shift = 3, .a = 127})(-16), -128);
  EXPECT_EQ((FixedScaler{.shift = 1, .a = 1})(1), 1);  // half up
  EXPECT_EQ((FixedScaler{.shift = 1, .a = 1})(-1), 0);
}

}  // namespace
}  // namespace gaincell::digital
