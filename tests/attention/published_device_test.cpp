// The published device through the engine, against the published equations in plain loops that
// share no code with it (physics: Leroux et al. 2025, equations of the model that they train).
#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <memory>

#include "attention/analog.h"
#include "base/random.h"
#include "fast/beside_column.h"
#include "inputs.h"
#include "lut/gain_cell_device.h"
#include "lut/ideal_device.h"

namespace gaincell::attention {
namespace {

constexpr double kTau = 5e-3;  // of the published device

struct Equations {
  int dim, window;
  double decay;
  bool quantise;

  static double f(double z, int power) {
    constexpr std::array<double, 4> p{0.5213636139, 13.612260634, -2.620445619, 46.05483778};
    return p[power] * std::pow(z, power);
  }
  double rounded(double x, double low, double high, int levels) const {
    x = std::min(std::max(x, low), high);
    const double step = (high - low) / (levels - 1);
    return quantise ? step * std::nearbyint(x / step) : x;
  }

  struct Result {
    std::vector<double> s_a, phi, output;  // [t][t'], [t][t'], [t][dim]
  };
  Result operator()(const Inputs& in) const {
    const int n = in.tokens;
    Result r{std::vector<double>(n * n), std::vector<double>(n * n), std::vector<double>(n * dim)};
    for (int t = 0; t < n; ++t) {
      for (int s = std::max(0, t - window + 1); s <= t; ++s) {
        double sum = 0;
        for (int i = 0; i < 4; ++i) {
          double dot = 0;
          for (int d = 0; d < dim; ++d)
            dot += rounded(in.q[t * dim + d], 0, 1, 16) *
                   f(rounded(in.k[s * dim + d], 0, 0.9, 8) - 0.45, i);
          sum += dot * std::exp(-decay * i * (t - s));
        }
        r.s_a[t * n + s] = sum * 1e-6;
        r.phi[t * n + s] = std::min(std::max(sum / 80, 0.0), 1.0);
      }
      for (int first = 0; first < window; first += 64)
        for (int d = 0; d < dim; ++d) {
          double sum = 0;
          for (int s = std::max(0, t - window + 1); s <= t; ++s) {
            const int slot = s % window;
            if (slot < first || slot >= first + 64) continue;
            for (int i = 0; i < 4; ++i)
              sum += r.phi[t * n + s] * std::exp(-decay * i * (t - s)) *
                     f(rounded(in.v[s * dim + d], 0, 0.9, 8) - 0.45, i);
          }
          r.output[t * dim + d] += rounded(sum / 40, -1, 1, 32);
        }
    }
    return r;
  }
};

struct Case {
  int window, tokens, dim;
  bool quantise;
  double decay;
};
void PrintTo(const Case& c, std::ostream* os) {
  *os << "window " << c.window << (c.quantise ? " quantised" : "") << " decay " << c.decay;
}

class PublishedDevice : public testing::TestWithParam<Case> {};

TEST_P(PublishedDevice, ReproducesThePublishedEquations) {
  const Case c = GetParam();
  const Shape shape{1, c.dim, c.window};
  Inputs in(shape, c.tokens, 5, 0.3);
  for (auto* x : {&in.k, &in.v})
    for (float& value : *x) value += 0.45f;
  const Equations::Result expected = Equations{c.dim, c.window, c.decay, c.quantise}(in);

  Scalers scalers = Scalers::identity(1);
  scalers.b_k = scalers.b_v = {0};
  AnalogOptions options{.level = Level::kColumn, .token_period_s = c.decay * kTau};
  if (!c.quantise)
    options.effects = options.effects.without(Effect::kInputQuantiser)
                          .without(Effect::kStorageQuantiser)
                          .without(Effect::kCounter);
  const auto circuit = circuit_of(lut::GainCellDevice(lut::published_device()));
  auto engine = make_analog(shape, circuit, scalers, options);
  double largest_s = 0, worst_s = 0, worst_phi = 0, worst_output = 0;
  for (const double s : expected.s_a) largest_s = std::max(largest_s, std::abs(s));
  engine->observe(
      [](auto, auto) { return true; },
      [&](const StepTrace& trace) {
        for (std::int64_t s = std::max<std::int64_t>(0, trace.token - c.window + 1);
             s <= trace.token; ++s) {
          const std::size_t at = trace.token * c.tokens + s, slot = s % c.window;
          worst_s =
              std::max(worst_s, std::abs(trace.first_charge_c[slot] / 15e-9 - expected.s_a[at]));
          worst_phi = std::max(worst_phi, std::abs(trace.phi_s[slot] / 15e-9 - expected.phi[at]));
        }
      });
  const std::vector<float> output = run(*engine, in);
  double largest = 0;
  for (std::size_t i = 0; i < output.size(); ++i) {
    largest = std::max(largest, std::abs(expected.output[i]));
    worst_output = std::max(worst_output, std::abs(output[i] - expected.output[i]));
  }
  EXPECT_GT(largest, 0.2);
  EXPECT_LE(worst_s, 1e-5 * largest_s);
  EXPECT_LE(worst_phi, 1e-5);
  EXPECT_LE(worst_output, 1e-5 * largest);
}

INSTANTIATE_TEST_SUITE_P(All, PublishedDevice,
                         testing::Values(Case{64, 150, 64, true, 1.6e-4},
                                         Case{64, 150, 64, false, 1.6e-4},
                                         Case{64, 150, 64, true, 0}, Case{64, 150, 32, false, 1e-3},
                                         Case{1024, 1100, 16, true, 1.6e-4},
                                         Case{1024, 1100, 16, false, 1.6e-4},
                                         Case{1024, 1100, 16, true, 0}));

// The arrays' golden files of the authors: one decay on a whole product, and one file with the
// current turned round. Plain loops over sums, from the equations alone.
struct GoldenArray {
  static constexpr int kTokens = 64, kDim = 64;
  static constexpr double kDecay = 1e-4;
  double sign;

  static double current_ua(double z) {
    return 0.5213636139 + 13.612260634 * z - 2.620445619 * z * z + 46.05483778 * z * z * z;
  }
  struct Result {
    std::array<std::array<double, kTokens>, kTokens> s_ua{}, phi{};
    std::array<std::array<double, kDim>, kTokens> output{};
  };
  std::unique_ptr<Result> operator()(const float* q, const float* k, const float* v) const {
    auto r = std::make_unique<Result>();
    for (int t = 0; t < kTokens; ++t) {
      for (int s = 0; s <= t; ++s) {
        double sum = 0;
        for (int d = 0; d < kDim; ++d)
          sum += static_cast<double>(q[t * kDim + d]) * current_ua(k[s * kDim + d] - 0.45);
        r->s_ua[t][s] = sign * std::exp(-kDecay * (t - s)) * sum;
        r->phi[t][s] = std::min(std::max(r->s_ua[t][s] / 80, 0.0), 1.0);
      }
      for (int d = 0; d < kDim; ++d) {
        double sum = 0;
        for (int s = 0; s <= t; ++s)
          sum += r->phi[t][s] * std::exp(-kDecay * (t - s)) * current_ua(v[s * kDim + d] - 0.45);
        r->output[t][d] = std::min(std::max(sign * sum / 40, -1.0), 1.0);
      }
    }
    return r;
  }
};

class GoldenVariant : public testing::TestWithParam<lut::PublishedVariant::Sign> {};

TEST_P(GoldenVariant, IsReproducedOnTheAuthorsInputs) {
  constexpr int kBatches = 10, kTokens = GoldenArray::kTokens, kDim = GoldenArray::kDim;
  const lut::PublishedVariant variant{lut::PublishedVariant::Decay::kProduct, GetParam()};
  const Shape shape{1, kDim, kTokens};
  Scalers scalers = Scalers::identity(1);
  scalers.b_k = scalers.b_v = {0};
  AnalogOptions options{.level = Level::kColumn, .token_period_s = GoldenArray::kDecay * kTau};
  options.effects = options.effects.without(Effect::kInputQuantiser)
                        .without(Effect::kStorageQuantiser)
                        .without(Effect::kCounter);
  const auto engine = make_analog(
      shape, circuit_of(lut::GainCellDevice(lut::published_device(variant))), scalers, options);
  double worst_s_ua = 0, worst_phi = 0, worst_output = 0, largest = 0;
  Random random(1);
  for (int batch = 0; batch < kBatches; ++batch) {
    Inputs in(shape, kTokens, 1);
    for (float& x : in.q) x = static_cast<float>(random.uniform(0, 1));
    for (auto* x : {&in.k, &in.v})
      for (float& value : *x) value = static_cast<float>(random.uniform(0, 0.9));
    const GoldenArray array{GetParam() == lut::PublishedVariant::Sign::kMinus ? -1.0 : 1.0};
    const auto expected = array(in.q.data(), in.k.data(), in.v.data());
    engine->reset();
    engine->observe(
        [](auto, auto) { return true; },
        [&](const StepTrace& trace) {
          for (std::int64_t s = 0; s <= trace.token; ++s) {
            worst_s_ua = std::max(worst_s_ua, std::abs(trace.first_charge_c[s] / 15e-9 * 1e6 -
                                                       expected->s_ua[trace.token][s]));
            worst_phi = std::max(worst_phi,
                                 std::abs(trace.phi_s[s] / 15e-9 - expected->phi[trace.token][s]));
          }
        });
    const std::vector<float> output = run(*engine, in);
    for (int t = 0; t < kTokens; ++t)
      for (int d = 0; d < kDim; ++d) {
        largest = std::max(largest, std::abs(expected->output[t][d]));
        worst_output =
            std::max(worst_output, std::abs(output[t * kDim + d] - expected->output[t][d]));
      }
  }
  EXPECT_GT(largest, 0.3);
  EXPECT_LE(worst_s_ua, 1e-4);
  EXPECT_LE(worst_phi, 1e-6);
  EXPECT_LE(worst_output, 2e-6);
}

INSTANTIATE_TEST_SUITE_P(BothSigns, GoldenVariant,
                         testing::Values(lut::PublishedVariant::Sign::kPlus,
                                         lut::PublishedVariant::Sign::kMinus));

// Cells of one age fade alike, mismatched ones too, and as strongly as a whole column loses.
TEST(PublishedVariant, FadesAtTheFastLevelAsAtTheColumnLevel) {
  const Shape shape{1, 64, 128};
  Inputs in(shape, 150, 5, 0.3);
  for (const double mismatch : {0.0, 0.03}) {
    const auto last = [&](Level level, lut::PublishedVariant variant) {
      AnalogOptions options{.level = level, .token_period_s = 5e-3 * kTau};
      options.spread.cell_gain = mismatch;
      const auto engine =
          make_analog(shape, circuit_of(lut::GainCellDevice(lut::published_device(variant))),
                      Scalers::identity(1), options);
      return pulses_of_last(*engine, in, 20);
    };
    const lut::PublishedVariant product{lut::PublishedVariant::Decay::kProduct, {}};
    const Pulses column = last(Level::kColumn, product), fast = last(Level::kFast, product);
    EXPECT_LE(rms_difference(column.first, fast.first), 4e-3);
    EXPECT_LE(rms_difference(column.second, fast.second), 6e-3);
    // Without it the two would differ by more.
    const Pulses power = last(Level::kColumn, {});
    EXPECT_GE(rms_difference(column.first, power.first), 1.2e-2);
  }
}

TEST(PublishedVariant, DoesNotDecayWithoutRetention) {
  const Shape shape{1, 16, 32};
  const Inputs in(shape, 40, 5, 0.3);
  const auto output = [&](lut::PublishedVariant variant) {
    AnalogOptions options{.level = Level::kColumn, .token_period_s = 1e-2 * kTau};
    options.effects = options.effects.without(Effect::kRetention);
    const auto engine =
        make_analog(shape, circuit_of(lut::GainCellDevice(lut::published_device(variant))),
                    Scalers::identity(1), options);
    return run(*engine, in);
  };
  EXPECT_EQ(output({lut::PublishedVariant::Decay::kProduct, {}}), output({}));
}

// Full scales go by the size of the slope.
TEST(PublishedVariant, TurnedRoundKeepsItsConvertersWithoutTheirGain) {
  const Shape shape{1, 32, 32};
  const Inputs in(shape, 40, 5, 0.3);
  const auto first = [&](lut::PublishedVariant::Sign sign) {
    AnalogOptions options{.level = Level::kColumn, .token_period_s = 0};
    options.effects = options.effects.without(Effect::kConverterGain);
    const auto engine =
        make_analog(shape, circuit_of(lut::GainCellDevice(lut::published_device({{}, sign}))),
                    Scalers::identity(1), options);
    return pulses_of_last(*engine, in, 10).first;
  };
  const auto plus = first(lut::PublishedVariant::Sign::kPlus),
             minus = first(lut::PublishedVariant::Sign::kMinus);
  int pulses = 0;
  for (std::size_t i = 0; i < plus.size(); ++i) {
    if (!(plus[i] > 0 || minus[i] > 0)) continue;
    ++pulses;
    EXPECT_TRUE(plus[i] == 0 || minus[i] == 0) << i;
  }
  EXPECT_GT(pulses, 50);
}

}  // namespace
}  // namespace gaincell::attention
