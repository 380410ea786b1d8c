// Mismatch and read noise at the column level.
#include <gtest/gtest.h>

#include <cmath>

#include "attention/analog.h"
#include "attention/physical_spread.h"
#include "circuits.h"
#include "inputs.h"

namespace gaincell::attention {
namespace {

const Shape kShape{2, 16, 8};
constexpr auto kFirst = ArrayStage::kFirst, kSecond = ArrayStage::kSecond;

AnalogOptions column_options(const Spread& spread) {
  return {.level = Level::kColumn, .spread = spread, .token_period_s = 2e-7};
}

std::vector<StepTrace> traces(const AnalogOptions& options, const Inputs& in) {
  auto engine = make_analog(kShape, smooth_circuit(16), scalers_near_training(2, 3), options);
  std::vector<StepTrace> all;
  engine->observe([](auto, auto) { return true; }, [&](const StepTrace& t) { all.push_back(t); });
  run(*engine, in);
  return all;
}

TEST(Spread, DrawsNormalNumbersByPlace) {
  const PhysicalSpread spread(kShape, column_options({.cell_gain = 0.1, .cell_offset_v = 5e-3}));
  double sum = 0, squares = 0, offsets = 0, product = 0;
  int n = 0;
  for (const auto array : {PhysicalSpread::Array::kKeys, PhysicalSpread::Array::kValues})
    for (int head = 0; head < 2; ++head)
      for (int slot = 0; slot < 8; ++slot)
        for (int d = 0; d < 16; ++d, ++n) {
          const auto cell = spread.cell(array, head, slot, d);
          const double gain = (cell.gain - 1) / 0.1, offset = cell.offset_v / 5e-3;
          sum += gain;
          squares += gain * gain;
          offsets += offset * offset;
          product += gain * offset;
        }
  EXPECT_NEAR(sum / n, 0, 0.2);  // 4.5 standard errors
  EXPECT_NEAR(squares / n, 1, 0.3);
  EXPECT_NEAR(offsets / n, 1, 0.3);
  EXPECT_NEAR(product / n, 0, 0.2);
}

TEST(Spread, StaysWithThePhysicalCell) {
  // The same token in the same slot one window later meets the same cells and converters.
  Inputs in(kShape, 16, 1);
  for (auto* x : {&in.q, &in.k, &in.v})
    std::copy_n(x->begin(), x->size() / 2, x->begin() + static_cast<std::ptrdiff_t>(x->size() / 2));
  const Spread spread{.cell_gain = 0.05, .cell_offset_v = 5e-3, .relu = {0.02, 1e-15, 0}};
  const auto all = traces(column_options(spread), in);
  const StepTrace &last = all.back(), &lap_before = all[all.size() - 1 - 2 * 8];
  ASSERT_EQ(last.token, lap_before.token + 8);
  ASSERT_EQ(last.head, lap_before.head);
  EXPECT_EQ(last.first_charge_c, lap_before.first_charge_c);
  EXPECT_EQ(last.phi_s, lap_before.phi_s);
  const auto ideal = traces(column_options({}), in);
  EXPECT_NE(last.first_charge_c, ideal.back().first_charge_c);
}

TEST(Spread, OfCellsShiftsWhatTheyStore) {
  const Inputs in(kShape, 12, 1);
  const auto options = column_options({.cell_offset_v = 5e-3});
  const auto shifted = traces(options, in), ideal = traces(column_options({}), in);
  const PhysicalSpread spread(kShape, options);
  const StepTrace &a = shifted.back(), &b = ideal.back();
  for (int slot = 0; slot < kShape.window; ++slot)
    for (int d = 0; d < kShape.dim; ++d) {
      const int at = slot * kShape.dim + d;
      const auto key = spread.cell(PhysicalSpread::Array::kKeys, a.head, slot, d);
      const auto value = spread.cell(PhysicalSpread::Array::kValues, a.head, slot, d);
      EXPECT_NEAR(a.key_v[at] - b.key_v[at], key.offset_v, 1e-15);
      EXPECT_NEAR(a.value_v[at] - b.value_v[at], value.offset_v, 1e-15);
    }
}

TEST(Spread, IsOffWhereItsEffectIsOff) {
  const Inputs in(kShape, 12, 1);
  auto options = column_options({.cell_gain = 0.05, .relu = {0.02, 1e-15, 2e-15}});
  options.effects = EffectSet::all().without(Effect::kMismatch).without(Effect::kReadNoise);
  const auto off = traces(options, in), ideal = traces(column_options({}), in);
  ASSERT_EQ(off.size(), ideal.size());
  EXPECT_EQ(off.back().phi_s, ideal.back().phi_s);
  EXPECT_EQ(off.back().second_pulse_s, ideal.back().second_pulse_s);
}

TEST(Spread, OfConvertersIsGainOffsetAndNoiseOfTheirCharge) {
  const Spread spread{.relu = {.gain = 0.03, .offset_c = 2e-15, .noise_c = 1e-15}};
  const PhysicalSpread physical(kShape, column_options(spread));
  double noise = 0, gain = 0;
  constexpr int kDraws = 4000;
  const double at_zero = physical.converted_c(kFirst, 0, 3, 0, 0.0);
  for (int token = 0; token < kDraws; ++token) {
    const double seen = physical.converted_c(kFirst, 0, 3, token, 0.0);
    noise += (seen - at_zero) * (seen - at_zero);
  }
  // The difference of two draws has twice the variance, less what the first one happened to be.
  EXPECT_GT(std::sqrt(noise / kDraws), 0.9e-15);
  for (int column = 0; column < 100; ++column) {
    const double slope = (physical.converted_c(kFirst, 1, column, 7, 1e-12) -
                          physical.converted_c(kFirst, 1, column, 7, 0.0)) /
                         1e-12;
    gain += (slope - 1) * (slope - 1);
  }
  EXPECT_NEAR(std::sqrt(gain / 100), 0.03, 0.008);
  // The second stage has none.
  EXPECT_EQ(physical.converted_c(kSecond, 0, 3, 5, 1e-13), 1e-13);
}

TEST(Spread, OfConversionsIsNormalAndIndependentByConverterAndToken) {
  const PhysicalSpread spread({4, 64, 250}, column_options({.relu = {.noise_c = 1e-15}}));
  // Powers of a draw, and its products with the draws of the next token and the next converter, as
  // they are and squared.
  double power[5] = {}, next_token[2] = {}, next_converter[2] = {};
  constexpr int kTokens = 200, kColumns = 250, kDraws = kTokens * kColumns;
  const auto draw = [&](int column, int token) {
    return noise_at(spread.converter(kFirst, 1, column).noise, spread.token_noise(kFirst, token));
  };
  for (int token = 0; token < kTokens; ++token)
    for (int column = 0; column < kColumns; ++column) {
      const double x = draw(column, token);
      for (int p = 1; p <= 4; ++p) power[p] += std::pow(x, p) / kDraws;
      const auto add = [&](double y, double(&products)[2]) {
        products[0] += x * y / kDraws;
        products[1] += (x * x - 1) * (y * y - 1) / kDraws;
      };
      add(draw(column, token + 1), next_token);
      add(draw((column + 1) % kColumns, token), next_converter);
    }
  const double error = 1 / std::sqrt(kDraws);  // standard error of a mean of unit variance
  EXPECT_NEAR(power[1], 0, 4.5 * error);
  EXPECT_NEAR(power[2], 1, 4.5 * std::sqrt(2.0) * error);
  EXPECT_NEAR(power[3], 0, 4.5 * std::sqrt(15.0) * error);
  EXPECT_NEAR(power[4], 3, 4.5 * std::sqrt(96.0) * error);
  for (const auto& products : {next_token, next_converter}) {
    EXPECT_NEAR(products[0], 0, 4.5 * error);
    EXPECT_NEAR(products[1], 0, 4.5 * 2 * error);
  }
}

// As an interrupted run goes on: by its second text.
TEST(Spread, NoiseGoesOnWhereAnotherEngineStopped) {
  const Spread spread{.cell_gain = 0.05, .relu = {0, 0, 1e-15}, .differential = {0, 0, 1e-15}};
  for (const Level level : {Level::kColumn, Level::kFast}) {
    AnalogOptions options = column_options(spread);
    options.level = level;
    const auto make = [&] {
      return make_analog(kShape, smooth_circuit(16), scalers_near_training(2, 3), options);
    };
    const Inputs first(kShape, 11, 1), second(kShape, 7, 2);
    const auto whole = make(), rest = make(), anew = make();
    run(*whole, first);
    whole->reset();
    rest->go_on_from(11, whole->ranges());
    const auto expected = run(*whole, second);
    EXPECT_EQ(run(*rest, second), expected);
    EXPECT_NE(run(*anew, second), expected);
    EXPECT_EQ(rest->ranges().reads, whole->ranges().reads);
    EXPECT_EQ(rest->ranges().all_heads().values, whole->ranges().all_heads().values);
  }
}

TEST(Spread, OfCellsIsDrawnInStepsThatAByteHolds) {
  const PhysicalSpread spread({1, 64, 64}, column_options({.cell_gain = 0.1}));
  double squares = 0;
  for (int slot = 0; slot < 64; ++slot)
    for (int d = 0; d < 64; ++d) {
      const auto keys = PhysicalSpread::Array::kKeys;
      const auto draw = spread.draw(keys, 0, slot, d);
      EXPECT_EQ(spread.cell(keys, 0, slot, d).gain, 1 + spread.gain_step() * draw.gain);
      EXPECT_EQ(draw.offset, 0);
      squares += std::pow(static_cast<double>(draw.gain) / PhysicalSpread::kStepsPerSigma, 2);
    }
  EXPECT_NEAR(squares / (64 * 64), 1, 0.1);  // 4.5 standard errors
}

TEST(Spread, OfLayersIsTheirOwn) {
  auto options = column_options({.cell_gain = 0.05});
  const PhysicalSpread first(kShape, options);
  options.layer = 1;
  const PhysicalSpread second(kShape, options);
  const auto keys = PhysicalSpread::Array::kKeys;
  EXPECT_NE(first.cell(keys, 0, 0, 0).gain, second.cell(keys, 0, 0, 0).gain);
  EXPECT_NE(first.cell(keys, 0, 0, 0).gain,
            first.cell(PhysicalSpread::Array::kValues, 0, 0, 0).gain);
}

}  // namespace
}  // namespace gaincell::attention
