// What the recorder keeps of a run is what the engine shows of it.
#include "audit/recorder.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "audit/random_inputs.h"
#include "tests/attention/circuits.h"

namespace gaincell::audit {
namespace {

constexpr int kTile = 64, kTokens = 150, kLayers = 3;
constexpr double kZero = 0.45;
const attention::Shape kShape{2, 16, 100};

std::unique_ptr<attention::Analog> engine() {
  attention::AnalogOptions options;
  options.token_period_s = 2e-7;
  return attention::make_analog(kShape, attention::smooth_circuit(16),
                                attention::Scalers::identity(kShape.heads), options);
}

Cases record(const DrawOptions& options) {
  Recorder recorder(kShape, kLayers, kTile, kTokens, options);
  for (int layer = 0; layer < kLayers; ++layer) {
    const auto one = engine();
    recorder.attach(layer, *one, kZero);
    run_random_inputs(*one, kTile, kTokens, static_cast<std::uint64_t>(layer));
  }
  return recorder.cases();
}

// Every step of one layer, by token and head.
std::map<std::pair<std::int64_t, int>, attention::StepTrace> all_steps(int layer) {
  std::map<std::pair<std::int64_t, int>, attention::StepTrace> steps;
  const auto one = engine();
  one->observe([](auto, auto) { return true; },
               [&](const attention::StepTrace& t) {
                 steps[{t.token, t.head}] = t;
               });
  run_random_inputs(*one, kTile, kTokens, static_cast<std::uint64_t>(layer));
  return steps;
}

TEST(Recorder, KeepsTheColumnsThatTheEngineShows) {
  const Cases cases = record({.columns = 30, .tiles = 0, .seed = 7});
  ASSERT_EQ(cases.first.size(), 30u);
  ASSERT_EQ(cases.second.size(), 30u);
  for (int layer = 0; layer < kLayers; ++layer) {
    const auto steps = all_steps(layer);
    for (const ColumnCase& c : cases.first) {
      if (c.place.layer != layer) continue;
      const auto& step = steps.at({c.place.token, c.place.head});
      const int slot = c.place.sub_tile * kTile + c.place.column;
      ASSERT_EQ(c.v_store.size(), static_cast<std::size_t>(kTile));
      for (int d = 0; d < kTile; ++d) {
        EXPECT_EQ(c.v_store[d], d < 16 ? step.key_v[slot * 16 + d] : kZero);
        EXPECT_EQ(c.width_s[d], d < 16 ? step.q_width_s[d] : 0.0);
        EXPECT_EQ(c.target_v[d], d < 16 ? step.key_target_v[slot * 16 + d] : kZero);
        if (d >= 16) continue;
        // What was written, and how long ago, gives what is held.
        EXPECT_EQ(c.v_store[d], attention::smooth_circuit(16).stored_v(c.target_v[d], c.age_s));
      }
      EXPECT_EQ(c.fast_pulse_s, step.phi_s[slot]);
    }
    for (const ColumnCase& c : cases.second) {
      if (c.place.layer != layer) continue;
      const auto& step = steps.at({c.place.token, c.place.head});
      for (int i = 0; i < kTile; ++i) {
        const int slot = c.place.sub_tile * kTile + i;
        const bool filled = slot <= c.place.token && slot < kShape.window;
        EXPECT_EQ(c.v_store[i], filled ? step.value_v[slot * 16 + c.place.column] : kZero);
        EXPECT_EQ(c.width_s[i], filled ? step.phi_s[slot] : 0.0);
      }
      EXPECT_EQ(c.fast_pulse_s, step.second_pulse_s[c.place.sub_tile * 16 + c.place.column]);
    }
  }
}

TEST(Recorder, DrawsEverywhereAndTheSameForTheSameSeed) {
  const Cases a = record({.columns = 60, .tiles = 0, .seed = 1});
  const Cases b = record({.columns = 20, .tiles = 2, .seed = 1});
  std::map<int, int> layers, heads, tiles;
  for (const ColumnCase& c : a.first) {
    ++layers[c.place.layer];
    ++heads[c.place.head];
    ++tiles[c.place.sub_tile];
    EXPECT_LT(c.place.token, kTokens);
    EXPECT_LE(c.place.sub_tile * kTile + c.place.column, c.place.token);
  }
  EXPECT_EQ(layers.size(), 3u);
  EXPECT_EQ(heads.size(), 2u);
  EXPECT_EQ(tiles.size(), 2u);
  for (std::size_t i = 0; i < 20; ++i) {
    EXPECT_EQ(a.first[i].place.token, b.first[i].place.token);
    EXPECT_EQ(a.second[i].v_store, b.second[i].v_store);
  }
  const Cases other = record({.columns = 20, .tiles = 0, .seed = 2});
  EXPECT_NE(a.first[0].v_store, other.first[0].v_store);
}

TEST(Recorder, KeepsWholeSubTiles) {
  const Cases cases = record({.columns = 1, .tiles = 4, .seed = 3});
  ASSERT_EQ(cases.tiles.size(), 4u);
  for (const TileCase& tile : cases.tiles) {
    const auto& place = tile.place;
    const std::int64_t filled = std::min<std::int64_t>(place.token + 1, kShape.window);
    EXPECT_EQ(static_cast<std::int64_t>(tile.first.size()),
              std::min<std::int64_t>(kTile, filled - place.sub_tile * kTile));
    ASSERT_EQ(tile.second.size(), 16u);
    for (std::size_t i = 0; i < tile.first.size(); ++i)
      EXPECT_EQ(tile.second[5].width_s[i], tile.first[i].fast_pulse_s);
  }
}

}  // namespace
}  // namespace gaincell::audit
