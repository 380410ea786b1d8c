// Ends and ties of every quantiser, converter and counter: the fast level has the column level's,
// on every instruction set.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "attention/analog.h"
#include "attention/fast/kernels.h"
#include "attention/published.h"
#include "attention/quantise.h"
#include "attention/quantiser.h"
#include "circuits.h"
#include "inputs.h"
#include "tests/attention/fast/beside_column.h"

namespace gaincell::attention {
namespace {

class Ends : public ::testing::Test {
 protected:
  void TearDown() override { hwy::SetSupportedTargetsForTest(0); }
};

// A number and its neighbours as single precision has them.
void add_with_neighbours(float x, std::vector<float>& to) {
  constexpr float kFar = std::numeric_limits<float>::max();
  for (const float y : {x, std::nextafter(x, kFar), std::nextafter(x, -kFar)}) to.push_back(y);
}

TEST_F(Ends, OfQuantisersAndTheirTiesAreTheSame) {
  struct Range {
    double high;
    int levels;
  };
  for (const Range& range : {Range{1.0, 16}, Range{0.9, 8}, Range{0.9, 4}, Range{1.0, 255}}) {
    const Quantiser quantiser(0.0, range.high, range.levels);
    // Both ways to a value: as it is, and by a scaler that shifts it.
    struct Scaler {
      float a, b;
    };
    for (const Scaler& s : {Scaler{1.0f, 0.0f}, Scaler{0.37f, 0.45f}, Scaler{-1.0f, 0.9f}}) {
      std::vector<float> x{0.0f, -0.0f, -1e30f, 1e30f};
      for (int i = -2; i <= 2 * range.levels + 2; ++i)  // every level and every tie
        add_with_neighbours(
            static_cast<float>((0.5 * i * range.high / (range.levels - 1) - s.b) / s.a), x);
      on_every_instruction_set([&](const char*) {
        std::vector<std::uint8_t> index(x.size());
        const std::size_t outside = kernels::quantise(x.size(), x.data(), s.a, s.b, range.high,
                                                      quantiser.steps_per_unit(), index.data());
        std::size_t expected_outside = 0;
        for (std::size_t i = 0; i < x.size(); ++i) {
          const double scaled = static_cast<double>(s.a) * x[i] + s.b;
          EXPECT_EQ(index[i], quantiser.index(scaled)) << scaled;
          expected_outside += quantiser.outside(scaled);
        }
        EXPECT_EQ(outside, expected_outside);
      });
    }
  }
}

// The ends of 32 levels are ties: 15.5 counts are 16. Other numbers have theirs on a count.
TEST_F(Ends, OfTheCounterAreTheSame) {
  for (const int levels : {2, 3, 5, 30, 31, 32, 33, 64}) {
    const Quantiser counter(-1.0, 1.0, levels);
    std::vector<float> pulse{0.0f, -0.0f, 2.0f, -2.0f, 1e30f, -1e30f};
    for (int i = 1 - levels; i < levels; ++i)
      add_with_neighbours(static_cast<float>(i) / static_cast<float>(levels - 1), pulse);
    on_every_instruction_set([&](const char*) {
      std::vector<float> total(pulse.size(), 0.0f);
      kernels::count_output(pulse.size(), pulse.data(),
                            static_cast<float>(counter.steps_per_unit()), total.data());
      for (std::size_t i = 0; i < pulse.size(); ++i) {
        // Ties between the ends are no single precision numbers; the products beside them may be.
        const double counts = pulse[i] * counter.steps_per_unit();
        const double to_tie = std::abs(counts - std::floor(counts) - 0.5);
        if (std::abs(pulse[i]) < 0.9999f && to_tie < 2e-6 * levels) continue;
        EXPECT_EQ(total[i], counter.index(pulse[i])) << pulse[i] << " of " << levels;
      }
    });
  }
  EXPECT_EQ(Quantiser(-1.0, 1.0, 32).index(1.0), 16);
  EXPECT_EQ(Quantiser(-1.0, 1.0, 32).index(-1.0), -16);
  EXPECT_EQ(Quantiser(-1.0, 1.0, 32).index(std::nextafter(1.0f, 0.0f)), 15);
}

// Outputs in counts, with what the column level's converters saw.
struct Counted {
  std::vector<float> out;
  std::vector<double> pulse;  // [token][head][dim] of a lone sub-tile, in full scales
};
Counted counts(const Circuit& circuit, Analog& engine, const Inputs& in) {
  Counted counted;
  engine.observe(
      [](auto, auto) { return true; },
      [&](const StepTrace& trace) {
        for (int d = 0; d < engine.shape().dim; ++d)
          counted.pulse.push_back(trace.second_pulse_s[d] / circuit.differential.full_scale_s);
      });
  engine.reset();
  counted.out = run(engine, in);
  for (float& y : counted.out) y *= static_cast<float>(circuit.output_levels - 1) / 2;
  return counted;
}

struct BothLevels {
  BothLevels(const Circuit& of, const Shape& shape)
      : circuit(of), column(make(shape, Level::kColumn)), fast(make(shape, Level::kFast)) {}
  std::unique_ptr<Analog> make(const Shape& shape, Level level) const {
    return make_analog(shape, circuit, Scalers::identity(shape.heads),
                       {.level = level, .token_period_s = 2e-7, .error_limit = 1e-3});
  }
  const Circuit circuit;
  const std::unique_ptr<Analog> column, fast;
};

// Counts are equal but where the column level's pulse lies within a few errors of a tie; and always
// where all rows are full or none is.
void expect_equal_counts(const BothLevels& both, const Inputs& in, const std::string& what) {
  const Circuit& circuit = both.circuit;
  const Counted column = counts(circuit, *both.column, in), fast = counts(circuit, *both.fast, in);
  const double error = both.fast->fast_report()->second.error;
  ASSERT_EQ(column.pulse.size(), column.out.size());
  for (std::size_t i = 0; i < column.out.size(); ++i) {
    const double counted = column.pulse[i] * (circuit.output_levels - 1) / 2;
    const bool at_end = std::abs(column.pulse[i]) >= 1;
    const double to_tie = std::abs(counted - std::floor(counted) - 0.5);
    // Where the fast level has not reached the end, it lies within its error of it.
    const bool near_end =
        at_end && std::abs(fast.pulse[i]) >= 1 - 10 * error && std::abs(fast.pulse[i]) < 1;
    if (!near_end && (at_end || to_tie > 10 * error * (circuit.output_levels - 1) / 2)) {
      EXPECT_NEAR(fast.out[i], column.out[i], 1e-3) << what << " " << i << " " << column.pulse[i];
    }
    if (column.pulse[i] == 0) {
      EXPECT_EQ(fast.out[i], column.out[i]) << what << i;
    }
  }
}

Inputs filled(const Shape& shape, int tokens, float q, float k, float v) {
  Inputs in(shape, tokens, 1);
  std::fill(in.q.begin(), in.q.end(), q);
  std::fill(in.k.begin(), in.k.end(), k);
  std::fill(in.v.begin(), in.v.end(), v);
  return in;
}

TEST_F(Ends, OfConvertersGiveEqualCountsOnOneSidedInputs) {
  const Shape shape{1, 64, 20};
  for (const Circuit& circuit :
       {published_circuit(PublishedHardware::cubic(), 2e-7), smooth_circuit(64)}) {
    const BothLevels both(circuit, shape);
    for (const float k : {-0.45f, 0.45f})
      for (const float v : {-0.45f, 0.0f, 0.45f})
        expect_equal_counts(both, filled(shape, 22, 1.0f, k, v), "filled");
    expect_equal_counts(both, filled(shape, 22, 0.0f, 0.45f, 0.45f), "no pulse");
    for (const double scale : {0.1, 1.0, 3.0})
      expect_equal_counts(both, Inputs(shape, 24, 5, scale), "normal " + std::to_string(scale));
  }
}

// Most sums far beyond full scale, where arithmetic alone could tell the levels apart.
TEST_F(Ends, OfSaturatedSumsAreTheLastCountOfAllSubTiles) {
  const Shape shape{2, 64, 150};
  Inputs in(shape, 170, 3);
  for (float& q : in.q) q = std::abs(q);
  // Keys lean up, values up in one half of the dimensions and down in the other.
  for (float& k : in.k) k = 0.3f + 0.1f * k;
  for (std::size_t i = 0; i < in.v.size(); ++i)
    in.v[i] = (i % 64 < 32 ? 0.3f : -0.3f) + 0.1f * in.v[i];
  const Circuit circuit = published_circuit(PublishedHardware::cubic(), 2e-7);
  AnalogOptions o{.level = Level::kColumn, .token_period_s = 2e-7};
  const auto expected = run(*make_analog(shape, circuit, Scalers::identity(2), o), in);
  o.level = Level::kFast;
  on_every_instruction_set([&](const char*) {
    const auto got = run(*make_analog(shape, circuit, Scalers::identity(2), o), in);
    // All three sub-tiles at their end; sums that have barely passed it are within the error.
    int full = 0, differ = 0;
    for (std::size_t i = 0; i < got.size(); ++i) {
      if (std::abs(expected[i]) < 3 * 32.0f / 31 - 1e-5f) continue;
      ++full;
      differ += got[i] != expected[i];
    }
    EXPECT_LE(differ, full / 1000);
    EXPECT_GT(full, 1000);
  });
}

// The end of a transfer's slope need not lie on anything round.
TEST_F(Ends, OfTransfersAreFoundWhereTheyAre) {
  Circuit circuit = published_circuit(PublishedHardware::cubic(), 2e-7);
  const double t_max = circuit.t_max_s, full = 40e-6 * t_max;
  circuit.differential.pulse_s = [=](double charge) {
    return std::clamp(1.0007 * charge / full + 0.00031, -1.0, 1.0) * t_max;
  };
  const double dead = 3.3e-4 * 80e-6 * t_max;
  circuit.relu.pulse_s = [=](double charge) {
    return std::clamp((charge - dead) / (80e-6 * t_max), 0.0, 1.0) * t_max;
  };
  const Shape shape{1, 64, 64};
  Inputs in(shape, 80, 9, 0.6);
  expect_equal_counts(BothLevels(circuit, shape), in, "crooked");
  // No charge is no pulse: keys in the middle draw the constant part of the current alone.
  PublishedHardware odd = PublishedHardware::cubic();
  odd.current_a[0] = 0;
  Circuit quiet = published_circuit(odd, 2e-7);
  quiet.relu.pulse_s = circuit.relu.pulse_s;
  quiet.kv_levels = 7;  // with a level at zero
  auto fast = make_analog(shape, quiet, Scalers::identity(1), {.error_limit = 1e-3});
  fast->observe([](auto, auto) { return true; },
                [](const StepTrace& trace) {
                  for (const double phi : trace.phi_s) EXPECT_TRUE(std::isnan(phi) || phi == 0.0);
                });
  run(*fast, filled(shape, 70, 1.0f, 0.0f, 0.0f));
}

}  // namespace
}  // namespace gaincell::attention
