// Heads of any dimension: the fast level pads what its vectors need, and neither results nor books
// know of it.
#include <gtest/gtest.h>
#include <hwy/targets.h>

#include <algorithm>

#include "attention/analog.h"
#include "circuits.h"
#include "inputs.h"
#include "tests/attention/fast/beside_column.h"

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

void expect_near(const std::vector<double>& a, const std::vector<double>& b, double share) {
  ASSERT_EQ(a.size(), b.size());
  double all = 0;
  for (const double x : a) all += std::abs(x);
  for (std::size_t i = 0; i < a.size(); ++i) EXPECT_NEAR(a[i], b[i], share * all) << i;
}

// Converters suit a column of 64 rows, as in a device, or as many as there are.
Circuit circuit_for(int dim) { return smooth_circuit(std::max(dim, 64)); }

void expect_equal_levels(const Shape& shape, AnalogOptions fast_options) {
  SCOPED_TRACE(::testing::Message() << "dim " << shape.dim);
  const Inputs in(shape, shape.window + 13, 7);
  AnalogOptions column_options = fast_options;
  column_options.level = Level::kColumn;
  const auto make = [&](const AnalogOptions& o) {
    return make_analog(shape, circuit_for(shape.dim), scalers_near_training(shape.heads, 3), o);
  };
  auto column = make(column_options), fast = make(fast_options);
  const Pulses expected = pulses_of_last(*column, in, 3), got = pulses_of_last(*fast, in, 3);
  const double limit = fast_options.error_limit;
  EXPECT_LE(rms_difference(expected.first, got.first), 2 * limit);
  EXPECT_LE(rms_difference(expected.second, got.second), 3 * limit);
  const energy::Activity &a = column->activity(), &b = fast->activity();
  EXPECT_EQ(a.writes, b.writes);
  EXPECT_EQ(a.dac_values, b.dac_values);
  expect_near(over_ages(a.first_reads), over_ages(b.first_reads), 1e-9);
  expect_near(over_ages(a.second_reads), over_ages(b.second_reads), 1e-2);
  EXPECT_NEAR(a.first_conversions.total(), b.first_conversions.total(), 1e-6);
  EXPECT_NEAR(a.second_conversions.total(), b.second_conversions.total(), 1e-6);
  expect_near(a.second_conversions.count, b.second_conversions.count, 1e-2);
}

TEST_F(HeadDimension, AnyIsTheSameAtBothLevels) {
  for (const int dim : {1, 2, 7, 12, 15, 17, 24, 33, 63, 100})
    expect_equal_levels({2, dim, 20}, options(Level::kFast));
  expect_equal_levels({1, 256, 18}, options(Level::kFast));
  expect_equal_levels({1, 255, 18}, options(Level::kFast));
}

TEST_F(HeadDimension, OnEveryInstructionSet) {
  for (const auto& [target, name] : instruction_sets()) {
    hwy::SetSupportedTargetsForTest(target);
    SCOPED_TRACE(name);
    for (const double limit : {1e-3, 3e-4})
      expect_equal_levels({1, 12, 70}, options(Level::kFast, limit));
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
  const auto make = [&] {
    return make_analog(shape, circuit_for(12), scalers_near_training(2, 3), options(Level::kFast));
  };
  const auto expected = run(*make(), in);
  for (const int chunk : {1, 7, 33}) EXPECT_EQ(run(*make(), in, chunk), expected) << chunk;
}

}  // namespace
}  // namespace gaincell::attention
