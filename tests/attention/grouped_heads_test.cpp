// Query heads that share an array of keys and values compute what they would each with their own
// copy of it, and the array is written and stands there once.
#include <gtest/gtest.h>

#include <algorithm>

#include "attention/analog.h"
#include "attention/published.h"
#include "circuits.h"
#include "inputs.h"

namespace gaincell::attention {
namespace {

constexpr Shape kGrouped{.heads = 6, .dim = 16, .window = 70, .group = 3};
constexpr Shape kAlone{.heads = 6, .dim = 16, .window = 70};

// [token][array][dim] -> [token][head][dim].
std::vector<float> repeated(const std::vector<float>& arrays, int tokens) {
  std::vector<float> heads;
  for (int t = 0; t < tokens; ++t)
    for (int h = 0; h < kGrouped.heads; ++h) {
      const auto from =
          arrays.begin() + (t * kGrouped.arrays() + h / kGrouped.group) * kGrouped.dim;
      heads.insert(heads.end(), from, from + kGrouped.dim);
    }
  return heads;
}

struct Texts {
  static constexpr int kTokens = 100;  // the ring turns over
  Inputs alone{kAlone, kTokens, 5};
  std::vector<float> k, v;

  Texts() {
    const Inputs stored({.heads = kGrouped.arrays(), .dim = kGrouped.dim}, kTokens, 6);
    k = stored.k, v = stored.v;
    alone.k = repeated(k, kTokens), alone.v = repeated(v, kTokens);
  }

  std::vector<float> run_grouped(Attention& attention) const {
    std::vector<float> out(alone.q.size());
    for (int t = 0; t < kTokens; t += 50)
      attention.run(50, alone.q.data() + t * kAlone.heads * kAlone.dim,
                    k.data() + t * kGrouped.arrays() * kGrouped.dim,
                    v.data() + t * kGrouped.arrays() * kGrouped.dim,
                    out.data() + t * kAlone.heads * kAlone.dim);
    return out;
  }
};

// The same scalers in both.
std::pair<Scalers, Scalers> scalers() {
  Scalers grouped = scalers_near_training(kGrouped.heads, 3);
  for (auto* part : {&grouped.a_k, &grouped.b_k, &grouped.a_v, &grouped.b_v})
    part->resize(kGrouped.arrays());
  Scalers alone = grouped;
  for (const auto part : {&Scalers::a_k, &Scalers::b_k, &Scalers::a_v, &Scalers::b_v}) {
    (alone.*part).clear();
    for (int h = 0; h < kAlone.heads; ++h)
      (alone.*part).push_back((grouped.*part)[h / kGrouped.group]);
  }
  return {grouped, alone};
}

TEST(GroupedHeads, ComputeDigitallyWhatHeadsWithTheirOwnCopiesDo) {
  const Texts texts;
  EXPECT_EQ(texts.run_grouped(*make_softmax(kGrouped)),
            run(*make_softmax(kAlone), texts.alone, 50));
  const auto [grouped, alone] = scalers();
  const auto shared = make_published(kGrouped, PublishedHardware::cubic(), grouped);
  const auto own = make_published(kAlone, PublishedHardware::cubic(), alone);
  EXPECT_EQ(texts.run_grouped(*shared), run(*own, texts.alone, 50));
  EXPECT_EQ(shared->ranges().all_heads().k, own->ranges().all_heads().k);
}

class GroupedHeadsOnArrays : public ::testing::TestWithParam<Level> {};

TEST_P(GroupedHeadsOnArrays, AreWrittenAndStandOnceAndAreReadByEachHead) {
  const Texts texts;
  const auto [grouped, alone] = scalers();
  for (const EffectSet effects :
       {EffectSet::all(), EffectSet::all().without(Effect::kInputQuantiser)}) {
    const AnalogOptions options{
        .level = GetParam(), .token_period_s = 2e-7, .effects = effects, .threads = 2};
    const auto shared = make_analog(kGrouped, smooth_circuit(16), grouped, options);
    const auto own = make_analog(kAlone, smooth_circuit(16), alone, options);
    EXPECT_EQ(texts.run_grouped(*shared), run(*own, texts.alone, 50));
    const energy::Activity a = shared->activity(), b = own->activity();
    const auto expect_share = [](const std::vector<double>& part, const std::vector<double>& whole,
                                 double share) {
      ASSERT_EQ(part.size(), whole.size());
      double all = 0;
      for (const double x : whole) all += x;
      ASSERT_GT(all, 0);
      for (std::size_t i = 0; i < part.size(); ++i)
        EXPECT_NEAR(part[i], share * whole[i], 1e-6 * all) << i;
    };
    constexpr double kOnce = 1.0 / kGrouped.group;
    expect_share(a.writes, b.writes, kOnce);
    EXPECT_DOUBLE_EQ(a.dac_values, kOnce * b.dac_values);
    EXPECT_DOUBLE_EQ(a.installed.cells, kOnce * b.installed.cells);
    EXPECT_DOUBLE_EQ(a.installed.first_columns, kOnce * b.installed.first_columns);
    EXPECT_DOUBLE_EQ(a.installed.sub_tiles, kOnce * b.installed.sub_tiles);
    expect_share(a.first_reads.count, b.first_reads.count, 1);
    expect_share(a.first_conversions.count, b.first_conversions.count, 1);
    expect_share(a.second_conversions.count, b.second_conversions.count, 1);
    EXPECT_NEAR(a.second_reads.total(), b.second_reads.total(), 1e-6 * b.second_reads.total());
    EXPECT_DOUBLE_EQ(a.token_heads, b.token_heads);
    EXPECT_DOUBLE_EQ(a.sub_tile_steps, b.sub_tile_steps);
    const auto ranges = shared->ranges().all_heads(), of_own = own->ranges().all_heads();
    EXPECT_EQ(ranges.k, of_own.k);
    EXPECT_EQ(ranges.cells, of_own.cells);
    EXPECT_LT(shared->ring_bytes(), 0.4 * static_cast<double>(own->ring_bytes()));
  }
}

// Heads that ask the same of one array meet the same cells, and each its own noise.
TEST_P(GroupedHeadsOnArrays, MeetOneMismatchAndTheirOwnNoise) {
  constexpr Shape shape{.heads = 2, .dim = 32, .window = 64, .group = 2};
  constexpr int kTokens = 70;
  Inputs in(shape, kTokens, 9);
  const Inputs stored({.heads = 1, .dim = 32}, kTokens, 10);
  for (int t = 0; t < kTokens; ++t)
    std::copy_n(in.q.begin() + t * 64, 32, in.q.begin() + t * 64 + 32);
  const auto outputs = [&](const Spread& spread) {
    const auto engine = make_analog(shape, smooth_circuit(16), Scalers::identity(2, 2),
                                    {.level = GetParam(), .spread = spread});
    std::vector<float> out(in.q.size()), first, second;
    engine->run(kTokens, in.q.data(), stored.k.data(), stored.v.data(), out.data());
    for (int t = 0; t < kTokens; ++t) {
      first.insert(first.end(), out.begin() + t * 64, out.begin() + t * 64 + 32);
      second.insert(second.end(), out.begin() + t * 64 + 32, out.begin() + t * 64 + 64);
    }
    return std::pair{first, second};
  };
  Spread mismatch;
  mismatch.cell_gain = 0.05;
  const auto cells = outputs(mismatch);
  EXPECT_EQ(cells.first, cells.second);
  EXPECT_NE(cells.first, outputs({}).first);
  Spread noise;
  noise.relu.noise_c = noise.differential.noise_c = 2e-14;
  const auto noisy = outputs(noise);
  EXPECT_NE(noisy.first, noisy.second);
}

INSTANTIATE_TEST_SUITE_P(BothLevels, GroupedHeadsOnArrays,
                         ::testing::Values(Level::kColumn, Level::kFast));

TEST(GroupedHeads, AreAMultipleOfTheArrays) {
  EXPECT_ANY_THROW(make_softmax({.heads = 6, .dim = 32, .window = 8, .group = 4}));
}

}  // namespace
}  // namespace gaincell::attention
