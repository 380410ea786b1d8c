// What lies outside the ranges of circuits and tables is counted, at every level alike.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "attention/analog.h"
#include "attention/published.h"
#include "base/error.h"
#include "circuits.h"
#include "inputs.h"
#include "linear_device.h"
#include "tests/attention/fast/beside_column.h"

namespace gaincell::attention {
namespace {

AnalogOptions options(Level level) {
  AnalogOptions o;
  o.level = level;
  o.token_period_s = 1e-6;
  return o;
}

TEST(RangeReport, CountsWhatIsClippedByHead) {
  const Shape shape{3, 12, 8};
  Inputs in(shape, 30, 3, 0.2);
  for (float& q : in.q) q = std::clamp(q + 0.5f, 0.01f, 0.99f);
  for (auto* x : {&in.k, &in.v})
    for (float& y : *x) y = std::clamp(y, -0.44f, 0.44f);
  // Head 1: 5 of q, 2 of k, 1 of v outside; exactly on the end is not outside.
  const auto at = [&](int token, int d) { return token * in.width + 12 + d; };
  for (const int token : {0, 3, 9, 17, 29}) in.q[at(token, 11)] = token % 2 ? 1.01f : -0.01f;
  in.k[at(4, 0)] = 0.46f, in.k[at(28, 5)] = -3.0f, in.v[at(7, 7)] = 1e6f;
  in.q[at(5, 5)] = 1.0f, in.q[at(6, 5)] = 0.0f, in.k[at(6, 6)] = 0.45f, in.v[at(8, 8)] = -0.45f;
  const auto expect = [&](Attention& attention) {
    run(attention, in, 7);
    const RangeReport& ranges = attention.ranges();
    ASSERT_EQ(ranges.heads.size(), 3);
    for (int h = 0; h < 3; ++h) {
      EXPECT_EQ(ranges.heads[h].values, 30 * 12);
      EXPECT_EQ(ranges.heads[h].q, h == 1 ? 5 : 0) << h;
      EXPECT_EQ(ranges.heads[h].k, h == 1 ? 2 : 0) << h;
      EXPECT_EQ(ranges.heads[h].v, h == 1 ? 1 : 0) << h;
    }
    attention.reset();
    EXPECT_EQ(attention.ranges().all_heads().q, 5);
    attention.reset_ranges();
    EXPECT_EQ(attention.ranges().all_heads().values, 0);
  };
  for (const Level level : {Level::kColumn, Level::kFast})
    expect(*make_analog(shape, smooth_circuit(12), Scalers::identity(3), options(level)));
  expect(*make_published(shape, {}, Scalers::identity(3)));
  PublishedHardware unquantised;
  unquantised.quantise = false;
  expect(*make_published(shape, unquantised, Scalers::identity(3)));
  AnalogOptions o = options(Level::kColumn);
  o.effects = o.effects.without(Effect::kInputQuantiser).without(Effect::kStorageQuantiser);
  expect(*make_analog(shape, smooth_circuit(12), Scalers::identity(3), o));
}

TEST(RangeReport, CountsReadsOfCellsOlderThanRetentionIsKnownFor) {
  const Shape shape{2, 16, 10};
  Circuit circuit = smooth_circuit(16);
  circuit.known_age_s = 6.5e-6;  // ages 0 .. 6 tokens
  const Inputs in(shape, 13, 1);
  // Tokens 7, 8, 9 read 1, 2, 3 that are too old, and every later one 3.
  const double aged = 2 * (1 + 2 + 3 + 3 * 3), reads = 2 * (55 + 3 * 10);
  for (const Level level : {Level::kColumn, Level::kFast}) {
    AnalogOptions o = options(level);
    auto engine = make_analog(shape, circuit, Scalers::identity(2), o);
    run(*engine, in, 4);
    EXPECT_EQ(engine->ranges().reads, reads);
    EXPECT_EQ(engine->ranges().aged, aged);
    EXPECT_NEAR(share_too_old(circuit, o, 13, 10), aged / reads, 1e-15);
    o.effects = o.effects.without(Effect::kRetention);
    EXPECT_EQ(share_too_old(circuit, o, 13, 10), 0);
    auto still = make_analog(shape, circuit, Scalers::identity(2), o);
    run(*still, in);
    EXPECT_EQ(still->ranges().aged, 0);
  }
  EXPECT_EQ(share_too_old(circuit, options(Level::kFast), 7, 1 << 16), 0);
  // An age on the last node is known.
  circuit.known_age_s = 9e-6;
  EXPECT_EQ(share_too_old(circuit, options(Level::kFast), 1000, 10), 0);
}

TEST(RangeReport, TakesWhatATableHasComeToRestOnForKnown) {
  EXPECT_EQ(circuit_of(linear_device()).known_age_s, Circuit::kUnlimited);
}

// Columns of a moving bitline whose tables end early.
TEST(RangeReport, CountsColumnsBeyondTheTablesOnEveryInstructionSet) {
  const Shape shape{2, 20, 40};
  const Inputs in(shape, 50, 4);
  Circuit circuit = smooth_circuit(20);
  const double full = 1.1e-12 * 20 / 64;
  circuit.relu.known_low_c = -0.2 * full, circuit.relu.known_high_c = 0.4 * full;
  circuit.differential.known_low_c = -0.1 * full, circuit.differential.known_high_c = 0.12 * full;
  auto column = make_analog(shape, circuit, scalers_near_training(2, 3), options(Level::kColumn));
  run(*column, in);
  const RangeReport& expected = column->ranges();
  EXPECT_GT(expected.heads[0].first_beyond, 0.02 * expected.heads[0].first);
  EXPECT_GT(expected.heads[1].second_beyond, 0.02 * expected.heads[1].second);
  auto fast = make_analog(shape, circuit, scalers_near_training(2, 3), options(Level::kFast));
  on_every_instruction_set([&](const char* name) {
    fast->reset();
    fast->reset_ranges();
    run(*fast, in);
    for (int h = 0; h < 2; ++h) {
      const RangeReport::Head &a = expected.heads[h], &b = fast->ranges().heads[h];
      EXPECT_EQ(a.first, b.first);
      EXPECT_EQ(a.second, b.second);
      EXPECT_NEAR(a.first_beyond, b.first_beyond, 8e-3 * a.first) << name;
      EXPECT_NEAR(a.second_beyond, b.second_beyond, 8e-3 * a.second) << name;
    }
  });
}

TEST(RangeReport, CountsCellsAtLevelsBeyondTheVoltageTables) {
  const Shape shape{1, 16, 10};
  const Inputs in(shape, 20, 4, 0.3);
  Circuit circuit = smooth_circuit(16);
  circuit.store_high_v = 0.85;  // the highest level is written at 0.894 V
  EXPECT_EQ(levels_beyond(circuit, 0), (std::vector<bool>{0, 0, 0, 0, 0, 0, 0, 1}));
  for (const Level level : {Level::kColumn, Level::kFast}) {
    auto engine = make_analog(shape, circuit, Scalers::identity(1), options(level));
    run(*engine, in);
    const RangeReport::Head head = engine->ranges().all_heads();
    EXPECT_EQ(head.cells, 20 * 16 * 2);
    EXPECT_EQ(head.stored_beyond, engine->activity().writes[7]);
    EXPECT_GT(head.stored_beyond, 0);
  }
}

TEST(RangeReport, RefusesShapesAndCircuitsThatNothingHolds) {
  const auto refused = [](const Shape& shape, const Circuit& circuit, Level level) {
    try {
      make_analog(shape, circuit, Scalers::identity(1), options(level));
    } catch (const Error& error) {
      return std::string(error.what());
    }
    return std::string("accepted");
  };
  using ::testing::HasSubstr;
  for (const Level level : {Level::kColumn, Level::kFast}) {
    const Circuit circuit = smooth_circuit(16);
    for (const int window : {-1, 0, 65537, 2147483647})
      EXPECT_THAT(refused({1, 16, window}, circuit, level), HasSubstr("1 to 65536 tokens"));
    for (const int dim : {-1, 0, 4097, 2147483647})
      EXPECT_THAT(refused({1, dim, 4}, circuit, level), HasSubstr("head dimension"));
    Circuit many = circuit;
    many.kv_levels = 300;
    EXPECT_THAT(refused({1, 16, 4}, many, level), HasSubstr("kv_levels = 300"));
    many = circuit;
    many.tile = 0;
    EXPECT_THAT(refused({1, 16, 4}, many, level), HasSubstr("tile = 0"));
  }
  Circuit fine = smooth_circuit(16);
  fine.q_levels = 1000;
  EXPECT_THAT(refused({1, 16, 4}, fine, Level::kFast), HasSubstr("q_levels = 1000"));
}

// 64 cells of 20 uA/V at four levels under uniform pulses, by hand.
TEST(RangeReport, KnowsHowFullAColumnOfUniformInputsIs) {
  const Circuit circuit = circuit_of(linear_device());
  // z = +-0.45, +-0.15 V: mean square 0.1125 V2; widths: a third of the square of the longest.
  const double rms = std::sqrt(64 * 0.1125 / 3) * 20e-6 * 15e-9;
  EXPECT_NEAR(uniform_column_rms(circuit, circuit.relu, relu_line(circuit)), rms / 0.3e-12, 1e-6);
}

}  // namespace
}  // namespace gaincell::attention
