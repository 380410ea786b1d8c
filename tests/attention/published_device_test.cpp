// The published device through the engine, against the published equations in plain loops that
// share no code with it (physics: Leroux et al. 2025, equations of the model that they train).
#include <gtest/gtest.h>

#include <array>
#include <cmath>

#include "attention/analog.h"
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

}  // namespace
}  // namespace gaincell::attention
