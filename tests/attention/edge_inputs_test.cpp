// Inputs at the edges, at every level: NaN and infinity, rings that wrap, inputs that are all zero
// or all saturated, head dimensions and windows around the vector width and the tile.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "attention/analog_options.h"
#include "attention/column_simulator.h"
#include "attention/published.h"
#include "base/error.h"
#include "circuits.h"
#include "energy/energy_model.h"
#include "inputs.h"
#include "linear_device.h"
#include "tests/support/sizes.h"

namespace gaincell::attention {
namespace {

using ::testing::HasSubstr;

constexpr double kLsb = 2.0 / 31;

AnalogOptions options(Level level) {
  AnalogOptions o;
  o.level = level;
  o.token_period_s = 2e-7;
  return o;
}

// Answers every column alike.
class Constant final : public ColumnSimulator {
 public:
  std::vector<ColumnOutput> first(std::span<const ColumnInput> columns) override {
    return std::vector<ColumnOutput>(columns.size(), {1e-13, 5e-9});
  }
  std::vector<ColumnOutput> second(std::span<const ColumnInput> columns) override {
    return first(columns);
  }
};

std::vector<std::unique_ptr<Attention>> every_level(const Shape& shape) {
  const Circuit circuit = smooth_circuit(shape.dim);
  const Scalers scalers = scalers_near_training(shape.heads, 3);
  std::vector<std::unique_ptr<Attention>> levels;
  levels.push_back(make_analog(shape, circuit, scalers, options(Level::kFast)));
  levels.push_back(make_analog(shape, circuit, scalers, options(Level::kColumn)));
  levels.push_back(make_simulated_level(shape, circuit, scalers, options(Level::kColumn),
                                        std::make_shared<Constant>()));
  levels.push_back(make_softmax(shape));
  levels.push_back(make_published(shape, {}, scalers));
  return levels;
}

TEST(EdgeInputs, NanAndInfinityAreRefusedWithTheirPlaceAndTheRingStays) {
  const Shape shape{2, 16, 8};
  const Inputs in(shape, 6, 1);
  for (auto& level : every_level(shape)) {
    const std::vector<float> expected = run(*level, in);
    level->reset();
    std::vector<float> out(in.q.size());
    level->run(2, in.q.data(), in.k.data(), in.v.data(), out.data());
    // In the second call, so that tokens are counted from the beginning of the text.
    const std::size_t at = 2 * in.width;
    const int rest = in.tokens - 2;
    for (const float bad :
         {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity(),
          -std::numeric_limits<float>::infinity()})
      for (const char* which : {"q", "k", "v"}) {
        Inputs broken = in;
        std::vector<float>& x = which[0] == 'q' ? broken.q : which[0] == 'k' ? broken.k : broken.v;
        x[at + 1 * in.width + 16 + 7] = bad;
        try {
          level->run(rest, broken.q.data() + at, broken.k.data() + at, broken.v.data() + at,
                     out.data() + at);
          ADD_FAILURE() << which << " = " << bad << " was accepted";
        } catch (const Error& error) {
          EXPECT_THAT(error.what(), HasSubstr(std::string(which) + "[token 3][head 1][7]"));
        }
      }
    level->run(rest, in.q.data() + at, in.k.data() + at, in.v.data() + at, out.data() + at);
    for (std::size_t i = 0; i < out.size(); ++i) EXPECT_NEAR(out[i], expected[i], 1e-5) << i;
  }
}

// Sums of pulses before the counter, which would hide small differences and double others.
class BothLevels {
 public:
  explicit BothLevels(const Shape& shape) : shape_(shape) {
    Scalers scalers = scalers_near_training(shape.heads, 3);
    scalers.a_o.assign(shape.heads, 1.0f);
    for (const Level level : {Level::kColumn, Level::kFast}) {
      AnalogOptions o = options(level);
      o.effects = o.effects.without(Effect::kCounter);
      engines_.push_back(make_analog(shape, smooth_circuit(shape.dim), scalers, o));
    }
  }

  void expect_near(const Inputs& in) {
    SCOPED_TRACE(::testing::Message() << "dim " << shape_.dim << " window " << shape_.window);
    std::vector<std::vector<float>> outputs;
    for (const auto& engine : engines_) {
      engine->reset();
      outputs.push_back(run(*engine, in));
    }
    const int tiles = (shape_.window + 63) / 64;
    double largest = 0;
    for (std::size_t i = 0; i < outputs[0].size(); ++i)
      largest = std::max(largest, std::abs(double{outputs[1][i]} - outputs[0][i]));
    EXPECT_LE(largest, 0.3 * kLsb * tiles);
  }

 private:
  Shape shape_;
  std::vector<std::unique_ptr<Analog>> engines_;
};

TEST(EdgeInputs, RingsWrapAroundAtWindowsBesideTheTile) {
  for (const int window : {17, 64, 65}) {
    const Shape shape{1, 32, window};
    BothLevels(shape).expect_near(Inputs(shape, window + 3, 19));
  }
}

TEST(EdgeInputs, AllZeroAndAllSaturatedInputsAtHeadDimensionsAndPartTiles) {
  for (const int dim : testing::some_of({16, 48, 96, 112, 160})) {
    const Shape shape{1, dim, 18};
    BothLevels levels(shape);
    for (const float value : {0.0f, 1e6f, -1e6f}) {
      Inputs in(shape, 20, 1);
      for (auto* x : {&in.q, &in.k, &in.v}) std::fill(x->begin(), x->end(), value);
      if (value < 0) std::fill(in.q.begin(), in.q.end(), 1e6f);  // all cells sink as long as can be
      levels.expect_near(in);
    }
  }
}

// The same at both levels: parts add up to the total to the last bit, and a step without any input
// costs the idle energy, item by item.
TEST(EdgeInputs, EnergyOfEveryLevelIsTheSumOfItsParts) {
  const energy::EnergyModel model(linear_device());
  const Circuit circuit = circuit_of(linear_device());
  const Shape shape{2, 16, 20};
  const Inputs in(shape, 25, 11);
  for (const Level level : {Level::kColumn, Level::kFast}) {
    auto engine = make_analog(shape, circuit, scalers_near_training(2, 3), options(level));
    run(*engine, in);
    const energy::Energy energy = model.of(engine->activity(), 1e-6);
    const energy::Installed there = engine->activity().installed;  // 25 tokens in 2 heads
    EXPECT_EQ(there.first_columns, 50 * 20);
    EXPECT_EQ(there.second_columns, 50 * 16);
    EXPECT_EQ(there.sub_tiles, 50);
    EXPECT_EQ(there.cells, 50 * 2 * 20 * 16);
    double kinds[3] = {}, items = 0;
    for (const auto& part : energy.parts) {
      double sum = 0;
      for (const auto& item : part.items) {
        EXPECT_GT(item.energy_j, 0.0) << item.name;
        sum += item.energy_j;
        items += item.energy_j;
      }
      EXPECT_EQ(part.energy_j(), sum) << part.name;
      EXPECT_EQ(energy.part_j(part.name), sum);
      kinds[static_cast<int>(part.kind)] += part.energy_j();
    }
    EXPECT_EQ(energy.total_j(), kinds[0] + kinds[1] + kinds[2]);
    EXPECT_NEAR(energy.total_j(), items, 1e-14 * items);
  }
}

}  // namespace
}  // namespace gaincell::attention
