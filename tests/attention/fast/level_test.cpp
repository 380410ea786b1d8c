// What holds for the fast level whatever the instruction set, the arithmetic, the threads and the
// cut of the text.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdio>
#include <utility>

#include "attention/analog.h"
#include "attention/published.h"
#include "tests/attention/circuits.h"
#include "tests/attention/fast/beside_column.h"
#include "tests/attention/inputs.h"

namespace gaincell::attention {
namespace {

AnalogOptions options(Level level, double error_limit = 1e-3) {
  AnalogOptions o;
  o.level = level;
  o.token_period_s = 2e-7;
  o.error_limit = error_limit;
  return o;
}

// The last tokens see an error of both stages within a few times the limit of one.
void expect_near(const Pulses& expected, const Pulses& got, double error_limit, const char* what) {
  EXPECT_LE(rms_difference(expected.first, got.first), 2 * error_limit) << what;
  EXPECT_LE(rms_difference(expected.second, got.second), 3 * error_limit) << what;
}

FastReport expect_near_column(const Shape& shape, const Inputs& in, double error_limit,
                              const char* what, double token_period_s = 2e-7) {
  const Circuit circuit = smooth_circuit(shape.dim);
  const Scalers scalers = scalers_near_training(shape.heads, 3);
  const auto make = [&](Level level) {
    AnalogOptions o = options(level, error_limit);
    o.token_period_s = token_period_s;
    return make_analog(shape, circuit, scalers, o);
  };
  auto column = make(Level::kColumn), fast = make(Level::kFast);
  expect_near(column_pulses_of_last(*column, in, 3), pulses_of_last(*fast, in, 3), error_limit,
              what);
  return *fast->fast_report();
}

class InstructionSets : public ::testing::Test {
 protected:
  void TearDown() override { hwy::SetSupportedTargetsForTest(0); }
};

TEST_F(InstructionSets, AllEqualTheColumnLevelAndEachOther) {
  const Shape shape{1, 48, 70};
  const Inputs in(shape, 150, 5);
  for (const double limit : {1e-3, 3e-4}) {
    std::vector<float> of_first_set;
    auto fast = make_analog(shape, smooth_circuit(48), scalers_near_training(1, 3),
                            options(Level::kFast, limit));
    EXPECT_EQ(fast->fast_report()->instruction_set, kernels::instruction_set());
    on_every_instruction_set([&](const char* name) {
      fast->reset();
      const auto out = run(*fast, in);
      if (of_first_set.empty()) of_first_set = out;
      // Floats round differently where products are not fused, which may move a count.
      int differ = 0;
      for (std::size_t i = 0; i < out.size(); ++i)
        differ += std::abs(out[i] - of_first_set[i]) > 1e-4f;
      EXPECT_LE(differ, static_cast<int>(out.size() / 500)) << name;
    });
  }
  const Shape small{1, 16, 20};
  const Inputs few(small, 50, 6);
  const auto make = [&](Level level) {
    return make_analog(small, smooth_circuit(16), scalers_near_training(1, 3), options(level));
  };
  auto column = make(Level::kColumn), fast = make(Level::kFast);
  const Pulses expected = column_pulses_of_last(*column, few, 3);
  on_every_instruction_set([&](const char* name) {
    fast->reset();
    expect_near(expected, pulses_of_last(*fast, few, 3), 1e-3, name);
  });
}

// Of one rank in both arrays and, where bitlines move more, of two in the first.
TEST_F(InstructionSets, EndColumnsByClosedForms) {
  const Shape shape{1, 48, 70};
  const Inputs in(shape, 100, 8);
  int ranks = 0;
  for (const auto& [moves, limit] : {std::pair{1.0, 4e-3}, {1.35, 2.5e-3}}) {
    const auto make = [&, times = moves, error = limit](Level level) {
      Circuit circuit = smooth_circuit(shape.dim);
      for (Circuit::Converter* converter : {&circuit.relu, &circuit.differential})
        converter->bitline_v = [times, bitline_v = converter->bitline_v](double charge) {
          return bitline_v(times * charge);
        };
      return make_analog(shape, circuit, scalers_near_training(1, 3), options(level, error));
    };
    auto column = make(Level::kColumn), fast = make(Level::kFast);
    const FastReport& report = *fast->fast_report();
    if (report.first.substeps == 0) ranks |= report.first.rank;
    if (report.second.substeps == 0) ranks |= 4 * report.second.rank;
    const Pulses expected = column_pulses_of_last(*column, in, 3);
    on_every_instruction_set([&, most = limit](const char* name) {
      fast->reset();
      expect_near(expected, pulses_of_last(*fast, in, 3), most, name);
    });
  }
  EXPECT_EQ(ranks & 7, 7) << "both of the first array, one rank of the second";
}

// Columns as full as they get, of any level, where sums of bytes come nearest to the ends of words;
// and every way to take such sums.
TEST_F(InstructionSets, SumFullColumnsInBytes) {
  bool coarse = false, fine = false, whole = false, any_weights = false;
  for (const int dim : {64, 144})
    for (const double limit : {1.5e-4, 4e-5})
      for (const auto& [q_levels, full_keys_every] : {std::pair{16, 1}, {32, 3}}) {
        const Shape shape{1, dim, 150};
        PublishedHardware hw = PublishedHardware::cubic();
        hw.tile = dim;
        hw.s_sat_first_a = hw.s_sat_second_a = 11e-6 * dim;  // a cell gives up to 10.4 uA
        Circuit circuit = published_circuit(hw, 2e-7);
        circuit.q_levels = q_levels;
        Inputs in(shape, 170, 5);
        for (int t = 0; t < in.tokens; ++t)
          for (int d = 0; d < dim; ++d) {
            const std::size_t at = static_cast<std::size_t>(t) * dim + d;
            in.q[at] = t % 5 == 0 ? 0.4f : 1.0f;
            in.k[at] =
                t % full_keys_every == 0 ? 0.45f : -0.45f + 0.9f * static_cast<float>(t % 8) / 7;
            in.v[at] = -0.45f + 0.9f * static_cast<float>(d % 8) / 7;
          }
        const auto make = [&](Level level) {
          return make_analog(shape, circuit, Scalers::identity(1), options(level, limit));
        };
        auto column = make(Level::kColumn), fast = make(Level::kFast);
        const Pulses expected = column_pulses_of_last(*column, in, 6);
        on_every_instruction_set([&](const char* name) {
          fast->reset();
          const Pulses got = pulses_of_last(*fast, in, 6);
          // Cells of one level err in one direction. A word of low digits that overflows is off
          // by 4e-3, one of high digits by tenths.
          EXPECT_LE(rms_difference(expected.first, got.first), 1e-3) << name << dim;
          EXPECT_LE(rms_difference(expected.second, got.second), 1e-3) << name << dim;
        });
        for (const auto& stage : {fast->fast_report()->first, fast->fast_report()->second}) {
          coarse |= stage.bytes && stage.low_per_high == 7;
          fine |= stage.bytes && stage.low_per_high == 126;
          (stage.whole_weights > 0 ? whole : any_weights) |= stage.bytes;
        }
      }
  EXPECT_TRUE(coarse && fine && whole && any_weights) << coarse << fine << whole << any_weights;
}

TEST(FastLevelRing, WrapsAroundLikeTheColumnLevel) {
  for (const int window : {15, 16, 17, 63, 64, 65, 80, 129}) {
    const Shape shape{1, 16, window};
    expect_near_column(shape, Inputs(shape, window + 18, 7), 1e-3, std::to_string(window).c_str());
  }
}

// From tables that all queries of a unit share to one for every age in the ring.
TEST(FastLevelRing, FollowsCellsThatFadeWithinAFewTokens) {
  int blocks_seen = 0;
  for (const double token_period_s : {2e-7, 4e-7, 7e-7, 1e-6, 2e-6, 8e-6, 3e-5, 8e-4}) {
    const Shape shape{1, 16, 40};
    const FastReport report = expect_near_column(
        shape, Inputs(shape, 60, 7), 1e-3, std::to_string(token_period_s).c_str(), token_period_s);
    EXPECT_LE(report.age_error, 1e-3);
    blocks_seen |= report.age_block;
    if (token_period_s > 5e-4) {
      EXPECT_EQ(report.age_error, 0);
    }
  }
  EXPECT_EQ(blocks_seen & 17, 17) << "both ends";
  EXPECT_GT(blocks_seen, 17) << "and something between";
}

TEST(FastLevelRing, GivesTheSameBytesHoweverTheTextIsCut) {
  for (const int window : {1, 5, 16, 40, 64, 100, 130})
    for (const double limit : {1e-3, 1e-5}) {
      if (limit < 1e-4 && window != 40) continue;
      const Shape shape{2, 32, window};
      const Inputs in(shape, 2 * window + 37, 11);
      // The exact circuit, so that any limit can be held.
      PublishedHardware hw = PublishedHardware::cubic();
      hw.s_sat_first_a = 40e-6, hw.s_sat_second_a = 30e-6;
      const Circuit circuit =
          limit < 1e-4 ? published_circuit(hw, 2e-7) : smooth_circuit(shape.dim);
      const auto whole =
          make_analog(shape, circuit, scalers_near_training(2, 3), options(Level::kFast, limit));
      EXPECT_EQ(whole->fast_report()->first.bytes, limit > 1e-4);
      const auto expected = run(*whole, in);
      for (const int chunk : {1, 7, 16, 33}) {
        whole->reset();
        EXPECT_EQ(run(*whole, in, chunk), expected) << "window " << window << " chunk " << chunk;
      }
    }
}

TEST(FastLevelThreads, ChangeNothing) {
  const Shape shape{5, 16, 70};
  const Inputs in(shape, 160, 13);
  std::vector<float> expected;
  energy::Activity activity;
  for (const int threads : {1, 2, 3, 8}) {
    AnalogOptions o = options(Level::kFast);
    o.threads = threads;
    auto fast = make_analog(shape, smooth_circuit(16), scalers_near_training(5, 3), o);
    const auto out = run(*fast, in, 11);
    if (threads == 1) {
      expected = out;
      activity = fast->activity();
    }
    EXPECT_EQ(out, expected) << threads;
    EXPECT_EQ(fast->activity().first_reads.count, activity.first_reads.count) << threads;
    EXPECT_EQ(fast->activity().second_reads.count, activity.second_reads.count) << threads;
    EXPECT_EQ(fast->activity().second_conversions.count, activity.second_conversions.count);
  }
}

TEST(FastLevelMemory, IsAtMostFiveQuartersOfAByteACellAndATableAToken) {
  constexpr double kTokenTable = 16;  // bytes: eight counts
  // Memory does not depend on the circuit; this one is fitted quickly.
  const Circuit circuit = published_circuit(PublishedHardware{}, 2e-7);
  for (const int window : {64, 256, 1024, 65536})
    for (const int dim : {16, 64, 128}) {
      const Shape shape{window > 1024 ? 1 : 3, dim, window};
      auto fast =
          make_analog(shape, circuit, Scalers::identity(shape.heads), options(Level::kFast, 1e-2));
      const double tokens = static_cast<double>(shape.heads) * window, cells = 2.0 * dim * tokens;
      EXPECT_LE(static_cast<double>(fast->ring_bytes()),
                1.25 * cells + kTokenTable * tokens + 32.0 * shape.heads)  // totals of a head
          << window << " " << dim;
    }
}

}  // namespace
}  // namespace gaincell::attention
