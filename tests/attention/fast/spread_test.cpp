// Mismatch and read noise at the fast level.
#include <gtest/gtest.h>

#include <string>

#include "attention/analog.h"
#include "attention/fast/level.h"
#include "attention/physical_spread.h"
#include "tests/attention/circuits.h"
#include "tests/attention/fast/beside_column.h"
#include "tests/attention/inputs.h"
#include "tests/support/sizes.h"

namespace gaincell::attention {
namespace {

constexpr double kErrorLimit = 1e-3;

double full_scale_c(int dim) { return 1.1e-12 * dim / 64; }  // of smooth_circuit's first stage

Spread of_all_kinds(int dim) {
  const double c = full_scale_c(dim);
  return {.cell_gain = 0.05,
          .cell_offset_v = 0.01,
          .relu = {0.03, 0.01 * c, 0.01 * c},
          .differential = {0.03, 0.01 * c, 0.01 * c}};
}

AnalogOptions options(Level level, const Spread& spread) {
  AnalogOptions o;
  o.level = level;
  o.spread = spread;
  o.token_period_s = 2e-7;
  o.error_limit = kErrorLimit;
  return o;
}

std::unique_ptr<Analog> engine(const Shape& shape, const AnalogOptions& o) {
  return make_analog(shape, smooth_circuit(shape.dim), scalers_near_training(shape.heads, 3), o);
}

// `stages` tells which of the two the spread acts on. What it does must be far more than what the
// levels may differ by.
void expect_near_column(const Shape& shape, const Spread& spread, bool first_differs,
                        const std::string& what) {
  const Inputs in(shape, shape.window + 18, 7);
  auto column = engine(shape, options(Level::kColumn, spread));
  auto fast = engine(shape, options(Level::kFast, spread));
  auto ideal = engine(shape, options(Level::kFast, {}));
  const Pulses expected = column_pulses_of_last(*column, in, 3), got = pulses_of_last(*fast, in, 3),
               alike = pulses_of_last(*ideal, in, 3);
  EXPECT_LE(rms_difference(expected.first, got.first), 2 * kErrorLimit) << what;
  EXPECT_LE(rms_difference(expected.second, got.second), 3 * kErrorLimit) << what;
  EXPECT_GE(rms_difference(alike.second, got.second), 5 * kErrorLimit) << what;
  if (first_differs)
    EXPECT_GT(rms_difference(alike.first, got.first), 3 * kErrorLimit) << what;
  else
    EXPECT_EQ(rms_difference(alike.first, got.first), 0) << what;
}

TEST(FastSpread, EqualsTheColumnLevelOneByOne) {
  const Shape shape{2, 16, 20};
  const double c = full_scale_c(shape.dim);
  struct One {
    Spread spread;
    bool first_differs;
    const char* name;
  };
  for (const One& one :
       testing::some_of<One>({{{.cell_gain = 0.1}, true, "cell_gain"},
                              {{.cell_offset_v = 0.02}, true, "cell_offset_v"},
                              {{.relu = {.gain = 0.05}}, true, "relu_gain"},
                              {{.relu = {.offset_c = 0.02 * c}}, true, "relu_offset_c"},
                              {{.relu = {.noise_c = 0.02 * c}}, true, "relu_noise_c"},
                              {{.differential = {.gain = 0.1}}, false, "signed_gain"},
                              {{.differential = {.offset_c = 0.02 * c}}, false, "signed_offset_c"},
                              {{.differential = {.noise_c = 0.02 * c}}, false, "signed_noise_c"}}))
    expect_near_column(shape, one.spread, one.first_differs, one.name);
}

TEST(FastSpread, EqualsTheColumnLevelAroundVectorAndTileAndPastTheEndOfTheRing) {
  for (const int window : testing::some_of({16, 1, 15, 17, 63, 64, 65, 129})) {
    const Shape shape{1, 16, window};
    expect_near_column(shape, of_all_kinds(16), true, "window " + std::to_string(window));
  }
  for (const int dim : testing::some_of({80, 64, 32}))
    expect_near_column({2, dim, 20}, of_all_kinds(dim), true, "dim " + std::to_string(dim));
}

class FastSpreadSets : public ::testing::Test {
 protected:
  void TearDown() override { hwy::SetSupportedTargetsForTest(0); }
};

TEST_F(FastSpreadSets, AllEqualTheColumnLevel) {
  const Shape shape{1, 16, 20};
  const Inputs in(shape, 38, 7);
  auto column = engine(shape, options(Level::kColumn, of_all_kinds(16)));
  const Pulses expected = column_pulses_of_last(*column, in, 3);
  const auto model = std::make_shared<const FastModel>(shape, smooth_circuit(16),
                                                       options(Level::kFast, of_all_kinds(16)));
  on_every_instruction_set([&](const char* name) {
    const auto fast = make_fast_level(shape, model, scalers_near_training(1, 3), 0);
    const Pulses got = pulses_of_last(*fast, in, 3);
    EXPECT_LE(rms_difference(expected.first, got.first), 2 * kErrorLimit) << name;
    EXPECT_LE(rms_difference(expected.second, got.second), 3 * kErrorLimit) << name;
  });
}

TEST(FastSpread, GivesTheSameBytesHoweverTheTextIsCut) {
  for (const int window : {5, 40, 100}) {
    const Shape shape{2, 32, window};
    const Inputs in(shape, 2 * window + 37, 11);
    // Anew for every cut, since noise goes on across a reset; with what they share made once.
    const auto model = std::make_shared<const FastModel>(shape, smooth_circuit(32),
                                                         options(Level::kFast, of_all_kinds(32)));
    const auto make = [&] {
      return make_fast_level(shape, model, scalers_near_training(shape.heads, 3), 0);
    };
    const auto expected = run(*make(), in);
    for (const int chunk : {1, 7, 16, 33}) {
      auto cut = make();
      EXPECT_EQ(run(*cut, in, chunk), expected) << "window " << window << " chunk " << chunk;
    }
  }
}

TEST(FastSpread, DoesNotDependOnThreads) {
  const Shape shape{3, 32, 70};
  const Inputs in(shape, 160, 13);
  AnalogOptions o = options(Level::kFast, of_all_kinds(32));
  const auto expected = run(*engine(shape, o), in);
  o.threads = 2;
  EXPECT_EQ(run(*engine(shape, o), in), expected);
}

TEST(FastSpread, FollowsFromSeedAndLayer) {
  const Shape shape{1, 16, 20};
  const Inputs in(shape, 50, 13);
  const double c = full_scale_c(16);
  for (const Spread& spread : testing::some_of(
           {Spread{.cell_gain = 0.1}, Spread{.cell_offset_v = 0.02}, Spread{.relu = {.gain = 0.1}},
            Spread{.differential = {.offset_c = 0.03 * c}},
            Spread{.relu = {.noise_c = 0.03 * c}}})) {
    AnalogOptions o = options(Level::kFast, spread);
    const auto expected = run(*engine(shape, o), in);
    EXPECT_EQ(run(*engine(shape, o), in), expected);
    // Noise has a seed of its own beside the chip's.
    (spread.noise() ? o.seed : o.noise_seed) = 2;
    EXPECT_EQ(run(*engine(shape, o), in), expected);
    (spread.noise() ? o.noise_seed : o.seed) = 2;
    EXPECT_NE(run(*engine(shape, o), in), expected);
    // Layers that share all else have arrays of their own; the first is the same as alone.
    o.seed = o.noise_seed = 1;
    const auto layers = make_analog_layers(
        shape, smooth_circuit(16), {scalers_near_training(1, 3), scalers_near_training(1, 3)}, o);
    EXPECT_EQ(run(*layers[0], in), expected);
    EXPECT_NE(run(*layers[1], in), expected);
  }
}

std::vector<StepTrace> traces(const Shape& shape, const Spread& spread, const Inputs& in) {
  auto fast = engine(shape, options(Level::kFast, spread));
  std::vector<StepTrace> all;
  fast->observe([](auto, auto) { return true; }, [&](const StepTrace& t) { all.push_back(t); });
  run(*fast, in);
  return all;
}

// The same tokens once more, one lap later, are in the same slots with the same ages.
Inputs laps(const Shape& shape, int n) {
  Inputs in(shape, n * shape.window, 1);
  for (auto* x : {&in.q, &in.k, &in.v}) {
    const std::size_t lap = x->size() / n;
    for (int i = 1; i < n; ++i)
      std::copy_n(x->begin(), lap, x->begin() + static_cast<std::ptrdiff_t>(i * lap));
  }
  return in;
}

TEST(FastSpread, StaysWithThePhysicalCellAndConverter) {
  const Shape shape{2, 16, 40};
  const Inputs in = laps(shape, 3);
  Spread spread = of_all_kinds(16);
  spread.relu.noise_c = spread.differential.noise_c = 0;
  const auto fixed = traces(shape, spread, in);
  const std::size_t lap = static_cast<std::size_t>(shape.heads) * shape.window;
  for (std::size_t i = 2 * lap; i < 3 * lap; ++i) {
    ASSERT_EQ(fixed[i].head, fixed[i - lap].head);
    EXPECT_EQ(fixed[i].phi_s, fixed[i - lap].phi_s) << i;
    EXPECT_EQ(fixed[i].second_pulse_s, fixed[i - lap].second_pulse_s) << i;
  }
  // Noise is another one at every conversion.
  const auto noisy = traces(shape, {.relu = {.noise_c = 3e-15}}, in);
  EXPECT_EQ(noisy.back().first_charge_c, noisy[noisy.size() - 1 - lap].first_charge_c);
  EXPECT_NE(noisy.back().phi_s, noisy[noisy.size() - 1 - lap].phi_s);
}

// A sequence that an engine runs once more meets the same cells and new noise, at both levels the
// same, and however it is cut.
TEST(FastSpread, NoiseDoesNotRepeatAfterAReset) {
  const Shape shape{2, 16, 20};
  const Inputs in(shape, 33, 2);
  const double c = full_scale_c(16);
  const Spread spread{
      .cell_gain = 0.05, .relu = {.noise_c = 0.02 * c}, .differential = {.noise_c = 0.02 * c}};
  const auto pulses = [&](Level level) {
    auto analog = engine(shape, options(level, spread));
    std::vector<Pulses> all;
    for (int sequence = 0; sequence < 3; ++sequence) {
      all.push_back(pulses_of_last(*analog, in, 3));
      analog->reset();
    }
    return all;
  };
  const auto column = pulses(Level::kColumn), fast = pulses(Level::kFast);
  for (int i = 0; i < 3; ++i) {
    EXPECT_LE(rms_difference(column[i].first, fast[i].first), 2 * kErrorLimit) << i;
    EXPECT_LE(rms_difference(column[i].second, fast[i].second), 3 * kErrorLimit) << i;
    EXPECT_GE(rms_difference(fast[i].first, fast[(i + 1) % 3].first), 5 * kErrorLimit) << i;
    EXPECT_GE(rms_difference(fast[i].second, fast[(i + 1) % 3].second), 5 * kErrorLimit) << i;
  }
  auto whole = engine(shape, options(Level::kFast, spread)),
       cut = engine(shape, options(Level::kFast, spread));
  for (int sequence = 0; sequence < 2; ++sequence) {
    EXPECT_EQ(run(*whole, in), run(*cut, in, 7)) << sequence;
    whole->reset(), cut->reset();
  }
  // Without noise nothing changes.
  auto still = engine(shape, options(Level::kFast, {.cell_gain = 0.05}));
  const auto once = run(*still, in);
  still->reset();
  EXPECT_EQ(run(*still, in), once);
}

TEST(FastSpread, ShowsWhatCellsStoreWithTheirOffsets) {
  const Shape shape{2, 32, 20};
  const Inputs in(shape, 33, 1);
  const Spread spread{.cell_offset_v = 0.01};
  const auto shifted = traces(shape, spread, in), ideal = traces(shape, {}, in);
  const PhysicalSpread physical(shape, options(Level::kFast, spread));
  const StepTrace &a = shifted.back(), &b = ideal.back();
  for (int slot = 0; slot < shape.window; ++slot)
    for (int d = 0; d < shape.dim; ++d) {
      const int at = slot * shape.dim + d;
      EXPECT_NEAR(a.key_v[at] - b.key_v[at],
                  physical.cell(PhysicalSpread::Array::kKeys, a.head, slot, d).offset_v, 1e-12);
      EXPECT_NEAR(a.value_v[at] - b.value_v[at],
                  physical.cell(PhysicalSpread::Array::kValues, a.head, slot, d).offset_v, 1e-12);
    }
}

TEST(FastSpread, BooksWhatTheColumnLevelBooks) {
  const Shape shape{1, 16, 20};
  const Inputs in(shape, 60, 5);
  auto column = engine(shape, options(Level::kColumn, of_all_kinds(16)));
  auto fast = engine(shape, options(Level::kFast, of_all_kinds(16)));
  run(*column, in);
  run(*fast, in);
  const auto expect_near = [](const std::vector<double>& a, const std::vector<double>& b) {
    ASSERT_EQ(a.size(), b.size());
    double all = 0, off = 0;
    for (std::size_t i = 0; i < a.size(); ++i) {
      all += a[i];
      off += std::abs(a[i] - b[i]);
    }
    EXPECT_LE(off, 0.02 * all);
  };
  expect_near(column->activity().first_conversions.count, fast->activity().first_conversions.count);
  expect_near(column->activity().second_conversions.count,
              fast->activity().second_conversions.count);
  // By pulse and level: the fast level puts reads of a block at their mean age.
  const auto over_ages = [](const energy::CellReads& reads) {
    std::vector<double> sum(reads.pulse_s.size() * reads.levels);
    for (std::size_t age = 0; age < reads.age_s.size(); ++age)
      for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += reads.at(age, 0)[i];
    return sum;
  };
  expect_near(over_ages(column->activity().second_reads), over_ages(fast->activity().second_reads));
}

TEST(FastSpread, IsNotThereWhereItsEffectIsOff) {
  const Shape shape{2, 32, 20};
  const Inputs in(shape, 50, 5);
  AnalogOptions o = options(Level::kFast, of_all_kinds(32));
  o.effects = o.effects.without(Effect::kMismatch).without(Effect::kReadNoise);
  auto off = engine(shape, o), none = engine(shape, options(Level::kFast, {}));
  EXPECT_EQ(run(*off, in), run(*none, in));
  EXPECT_EQ(off->ring_bytes(), none->ring_bytes());
  EXPECT_EQ(off->fast_report()->first.bytes, none->fast_report()->first.bytes);
}

TEST(FastSpread, HoldsTheErrorLimitWithFloatsForCells) {
  const Shape shape{1, 64, 64};
  auto cells = engine(shape, options(Level::kFast, {.cell_gain = 0.05, .cell_offset_v = 0.01}));
  auto converters = engine(shape, options(Level::kFast, {.relu = {.gain = 0.05}}));
  auto none = engine(shape, options(Level::kFast, {}));
  for (const auto* stage : {&cells->fast_report()->first, &cells->fast_report()->second}) {
    EXPECT_FALSE(stage->bytes);
    EXPECT_LE(stage->error, kErrorLimit);
  }
  EXPECT_TRUE(none->fast_report()->first.bytes);
  EXPECT_TRUE(converters->fast_report()->first.bytes);
  // Two bytes a cell, and 16 a converter.
  const double cell_count = 2.0 * 64 * 64, columns = 64 + 64;
  EXPECT_EQ(static_cast<double>(cells->ring_bytes() - none->ring_bytes()),
            2 * cell_count + 16 * columns);
  EXPECT_EQ(static_cast<double>(converters->ring_bytes() - none->ring_bytes()), 16 * columns);
}

}  // namespace
}  // namespace gaincell::attention
