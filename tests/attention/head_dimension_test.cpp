// Heads of any dimension: the fast level pads what its vectors need, and neither results nor books
// know of it.
#include <gtest/gtest.h>

#include <algorithm>

#include "attention/analog.h"
#include "attention/fast/level.h"
#include "circuits.h"
#include "inputs.h"
#include "tests/attention/fast/beside_column.h"
#include "tests/support/sizes.h"

namespace gaincell::attention {
namespace {

class HeadDimension : public ::testing::Test {
 protected:
  void TearDown() override { hwy::SetSupportedTargetsForTest(0); }
};

AnalogOptions options(Level level, double error_limit = 1e-3) {
  return {.level = level, .token_period_s = 2e-7, .error_limit = error_limit};
}

std::vector<double> over_ages(const energy::CellReads& reads) {
  std::vector<double> sum(reads.pulse_s.size() * reads.levels);
  for (std::size_t age = 0; age < reads.age_s.size(); ++age)
    for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += reads.at(age, 0)[i];
  return sum;
}

// Share of all reads or conversions by which a node may differ where pulses and charges differ by
// the error limit; at most 4.7e-3 was found.
constexpr double kBooksLimit = 6e-3;

void expect_near(const std::vector<double>& a, const std::vector<double>& b, double share) {
  ASSERT_EQ(a.size(), b.size());
  double all = 0;
  for (const double x : a) all += std::abs(x);
  for (std::size_t i = 0; i < a.size(); ++i) EXPECT_NEAR(a[i], b[i], share * all) << i;
}

// Converters suit a column of 64 rows, as in a device, or as many as there are.
Circuit circuit_for(int dim) { return smooth_circuit(std::max(dim, 64)); }

std::unique_ptr<Analog> engine(const Shape& shape, const AnalogOptions& o) {
  return make_analog(shape, circuit_for(shape.dim), scalers_near_training(shape.heads, 3), o);
}

// What an engine made of a text.
struct Ran {
  Pulses pulses;  // of the last tokens
  energy::Activity activity;
};
Ran ran(Analog& engine, const Inputs& in) {
  Pulses pulses = pulses_of_last(engine, in, 3);
  return {std::move(pulses), engine.activity()};
}

void expect_equal(const Ran& column, const Ran& fast, double limit) {
  EXPECT_LE(rms_difference(column.pulses.first, fast.pulses.first), 2 * limit);
  EXPECT_LE(rms_difference(column.pulses.second, fast.pulses.second), 3 * limit);
  const energy::Activity &a = column.activity, &b = fast.activity;
  EXPECT_EQ(a.writes, b.writes);
  EXPECT_EQ(a.dac_values, b.dac_values);
  expect_near(over_ages(a.first_reads), over_ages(b.first_reads), 1e-9);
  expect_near(over_ages(a.second_reads), over_ages(b.second_reads), kBooksLimit);
  EXPECT_NEAR(a.first_conversions.total(), b.first_conversions.total(), 1e-6);
  EXPECT_NEAR(a.second_conversions.total(), b.second_conversions.total(), 1e-6);
  expect_near(a.second_conversions.count, b.second_conversions.count, kBooksLimit);
}

void expect_equal_levels(const Shape& shape, AnalogOptions o) {
  SCOPED_TRACE(::testing::Message() << "dim " << shape.dim);
  const Inputs in(shape, shape.window + 13, 7);
  const Ran fast = ran(*engine(shape, o), in);
  o.level = Level::kColumn;
  expect_equal(ran(*engine(shape, o), in), fast, o.error_limit);
}

TEST_F(HeadDimension, AnyIsTheSameAtBothLevels) {
  for (const int dim : testing::some_of({1, 2, 7, 12, 15, 17, 24, 33, 63, 100}))
    expect_equal_levels({2, dim, 20}, options(Level::kFast));
  expect_equal_levels({1, 256, 18}, options(Level::kFast));
  expect_equal_levels({1, 255, 18}, options(Level::kFast));
}

TEST_F(HeadDimension, OnEveryInstructionSet) {
  const Shape shape{1, 12, 66};  // over two tiles
  const Inputs in(shape, shape.window + 5, 7);
  const Ran column = ran(*engine(shape, options(Level::kColumn)), in);
  for (const double limit : {1e-3, 3e-4}) {
    const auto model = std::make_shared<const FastModel>(shape, circuit_for(shape.dim),
                                                         options(Level::kFast, limit));
    on_every_instruction_set([&](const char*) {
      expect_equal(column, ran(*make_fast_level(shape, model, scalers_near_training(1, 3), 0), in),
                   limit);
    });
  }
}

TEST_F(HeadDimension, HasTheMismatchAndNoiseOfItsOwnCellsAlone) {
  for (const int dim : {12, 40}) {
    AnalogOptions o = options(Level::kFast);
    const double c = 1.1e-12;
    o.spread = {.cell_gain = 0.05,
                .cell_offset_v = 0.01,
                .relu = {0.03, 0.01 * c, 0.01 * c},
                .differential = {0.03, 0.01 * c, 0.01 * c}};
    expect_equal_levels({2, dim, 20}, o);
  }
}

TEST_F(HeadDimension, WithoutInputQuantiserAndHoweverTheTextIsCut) {
  AnalogOptions o = options(Level::kFast);
  o.effects = o.effects.without(Effect::kInputQuantiser);
  expect_equal_levels({2, 12, 20}, o);
  const Shape shape{2, 12, 40};
  const Inputs in(shape, 117, 11);
  const auto fast = engine(shape, options(Level::kFast));
  const auto expected = run(*fast, in);
  for (const int chunk : {1, 7, 33}) {
    fast->reset();
    EXPECT_EQ(run(*fast, in, chunk), expected) << chunk;
  }
}

}  // namespace
}  // namespace gaincell::attention
