// Softmax and the published equations against plain double loops.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "attention/attention.h"
#include "attention/effects.h"
#include "attention/published.h"
#include "base/error.h"
#include "inputs.h"

namespace gaincell::attention {
namespace {

std::vector<double> softmax_loop(const Shape& shape, const Inputs& in) {
  std::vector<double> out(in.q.size(), 0.0);
  for (int t = 0; t < in.tokens; ++t)
    for (int h = 0; h < shape.heads; ++h) {
      const int first = std::max(0, t - shape.window + 1), at = h * shape.dim;
      std::vector<double> weight;
      double sum = 0;
      for (int s = first; s <= t; ++s) {
        double dot = 0;
        for (int d = 0; d < shape.dim; ++d)
          dot += static_cast<double>(in.q[t * in.width + at + d]) * in.k[s * in.width + at + d];
        weight.push_back(std::exp(dot / std::sqrt(shape.dim)));
        sum += weight.back();
      }
      for (int s = first; s <= t; ++s)
        for (int d = 0; d < shape.dim; ++d)
          out[t * in.width + at + d] += weight[s - first] / sum * in.v[s * in.width + at + d];
    }
  return out;
}

double round_half_even(double x) {
  const double down = std::floor(x), rest = x - down;
  if (rest < 0.5) return down;
  if (rest > 0.5) return down + 1;
  return std::fmod(down, 2.0) == 0.0 ? down : down + 1;
}

double quantised(double x, double low, double high, int levels) {
  const double step = (high - low) / (levels - 1);  // x is inside [low, high] already
  return step * round_half_even(x / step);
}

// The published equations, one token, head and dimension at a time. `distance_to_tie` gets how
// close each output came to the border between two counts, in counts.
std::vector<double> published_loop(const Shape& shape, const PublishedHardware& hw,
                                   const Scalers& s, const Inputs& in,
                                   std::vector<double>* distance_to_tie = nullptr,
                                   int first_token = 0) {
  const auto input = [&](const std::vector<float>& x, float a, float b, double high, int levels,
                         int t, int at) {
    const double y = std::clamp(static_cast<double>(a) * x[t * in.width + at] + b, 0.0, high);
    return hw.quantise ? quantised(y, 0.0, high, levels) : y;
  };
  std::vector<double> out(in.q.size(), 0.0);
  if (distance_to_tie) distance_to_tie->assign(out.size(), 0.5);
  for (int t = first_token; t < in.tokens; ++t)
    for (int h = 0; h < shape.heads; ++h) {
      const int first = std::max(0, t - shape.window + 1), at = h * shape.dim;
      const auto decay = [&](int u) { return std::exp(-hw.decay_per_token * (t - u)); };
      const auto current = [&](double x, double z) {
        return x * hw.current_a[0] +
               x * z * (hw.current_a[1] + z * (hw.current_a[2] + z * hw.current_a[3]));
      };
      std::vector<double> phi;
      for (int u = first; u <= t; ++u) {
        double sum = 0;
        for (int d = 0; d < shape.dim; ++d)
          sum += current(
              input(in.q, s.a_q[h], s.b_q[h], 1.0, hw.q_levels, t, at + d),
              (input(in.k, s.a_k[h], s.b_k[h], hw.v_max, hw.k_levels, u, at + d) - hw.v_zero) *
                  decay(u));
        phi.push_back(std::clamp(sum / hw.s_sat_first_a, 0.0, 1.0));
      }
      for (int d = 0; d < shape.dim; ++d) {
        std::vector<double> tile((shape.window + hw.tile - 1) / hw.tile, 0.0);
        for (int u = first; u <= t; ++u) {
          const std::size_t slot_tile = u % shape.window / hw.tile;
          tile[slot_tile] +=
              current(
                  phi[u - first],
                  (input(in.v, s.a_v[h], s.b_v[h], hw.v_max, hw.v_levels, u, at + d) - hw.v_zero) *
                      decay(u)) /
              hw.s_sat_second_a;
        }
        double sum = 0;
        for (std::size_t i = 0; i < tile.size(); ++i) {
          const double clamped = std::clamp(tile[i], -1.0, 1.0);
          sum += hw.quantise ? quantised(clamped, -1.0, 1.0, hw.output_levels) : clamped;
          const double count = clamped * (hw.output_levels - 1) / 2;
          if (hw.quantise && distance_to_tie) {
            double& least = (*distance_to_tie)[t * in.width + at + d];
            least = std::min(least, std::abs(count - std::floor(count) - 0.5));
          }
        }
        out[t * in.width + at + d] = s.a_o[h] * sum + s.b_o[h];
      }
    }
  return out;
}

TEST(Softmax, EqualsPlainLoopsHoweverTheTextIsCut) {
  for (const int window : {1, 2, 7, 64, 65, 200})
    for (const int chunk : {0, 1, 3, 64, 100}) {
      const Shape shape{2, 16, window};
      const Inputs in(shape, 150, 7);
      auto softmax = make_softmax(shape);
      const auto out = run(*softmax, in, chunk);
      const auto expected = softmax_loop(shape, in);
      for (std::size_t i = 0; i < out.size(); ++i)
        ASSERT_NEAR(out[i], expected[i], 2e-6) << "window " << window << " chunk " << chunk;
    }
}

TEST(Softmax, WithWindowOneReturnsTheValue) {
  const Shape shape{3, 5, 1};
  const Inputs in(shape, 20, 1);
  auto softmax = make_softmax(shape);
  EXPECT_EQ(run(*softmax, in), in.v);
}

TEST(Softmax, StartsAnewAfterReset) {
  const Shape shape{2, 8, 16};
  const Inputs in(shape, 40, 3);
  auto softmax = make_softmax(shape);
  const auto first = run(*softmax, in);
  softmax->reset();
  EXPECT_EQ(run(*softmax, in), first);
}

struct Variant {
  const char* name;
  bool quantise;
  double decay;
};

TEST(PublishedEquations, EqualPlainDoubleLoops) {
  for (const int window : {64, 1024, 100, 1})
    for (const Variant variant : {Variant{"plain", false, 0.0}, Variant{"decay", false, 1.6e-4},
                                  Variant{"quantised", true, 0.0}, Variant{"both", true, 1e-3}})
      for (const bool cubic : {true, false}) {
        const Shape shape{2, 16, window};
        PublishedHardware hw = cubic ? PublishedHardware::cubic() : PublishedHardware{};
        hw.s_sat_first_a = 20e-6, hw.s_sat_second_a = 30e-6;  // dim 16: as full as 64 with 80
        if (!cubic) hw.k_levels = 5, hw.v_levels = 11;
        hw.quantise = variant.quantise;
        hw.decay_per_token = variant.decay;
        const Scalers scalers = scalers_near_training(shape.heads, 5);
        const Inputs in(shape, window == 1024 ? 1100 : 220, 11);
        auto attention = make_published(shape, hw, scalers);
        const auto out = run(*attention, in, 37);
        std::vector<double> tie;
        const int first_token = window == 1024 ? 1060 : 0;  // the loop is slow
        const auto expected = published_loop(shape, hw, scalers, in, &tie, first_token);
        for (std::size_t i = static_cast<std::size_t>(first_token) * in.width; i < out.size();
             ++i) {
          if (hw.quantise && tie[i] < 1e-4) continue;  // float rounding may fall on either side
          ASSERT_NEAR(out[i], expected[i], 1e-5 * std::max(1.0, std::abs(expected[i])))
              << "window " << window << ' ' << variant.name << " cubic " << cubic << " at " << i;
        }
      }
}

TEST(PublishedEquations, QuantiseHalfToEven) {
  // One token, one dimension, unit scalers: q = 1 on k so high that phi = 1; v between two levels.
  const Shape shape{1, 1, 1};
  PublishedHardware hw;
  hw.s_sat_first_a = 1e-9;
  hw.k_levels = hw.v_levels = 10;
  hw.v_max = 4.5, hw.v_zero = 0.0;  // levels 0, 0.5, .. 4.5: their middles are exact in binary
  hw.current_a = {0, 1e-6, 0, 0};
  hw.s_sat_second_a = 10e-6;
  hw.output_levels = 21;  // steps of 0.1
  auto attention = make_published(shape, hw, Scalers::identity(1));
  Scalers s = Scalers::identity(1);
  s.b_k = s.b_v = {0.0f};
  attention->set_scalers(s);
  const auto stored = [&](float v) {
    const float one = 1, k = 4.5;
    float out;
    attention->run(1, &one, &k, &v, &out);
    return out;
  };
  // 0.25 V -> 0 (even), 0.75 V -> 1.0 V = level 2 (even), 1.25 V -> level 2; 1.0 V gives 0.1.
  EXPECT_NEAR(stored(0.25f), 0.0, 1e-7);
  EXPECT_NEAR(stored(0.75f), 0.1, 1e-7);
  EXPECT_NEAR(stored(1.25f), 0.1, 1e-7);
}

TEST(Attention, RefusesNanWithItsPlace) {
  const Shape shape{2, 4, 8};
  for (auto make : {+[](Shape s) { return make_softmax(s); },
                    +[](Shape s) { return make_published(s, {}, Scalers::identity(s.heads)); }}) {
    Inputs in(shape, 6, 2);
    auto attention = make(shape);
    attention->set_place("layer 3");
    run(*attention, in);
    in.k[2 * 8 + 4 + 1] = std::numeric_limits<float>::quiet_NaN();
    try {
      run(*attention, in);
      FAIL();
    } catch (const Error& error) {
      EXPECT_EQ(error.complaint().place, "layer 3");
      EXPECT_EQ(error.complaint().key, "k[token 8][head 1][1]");
    }
    in.k[2 * 8 + 4 + 1] = 0;
    in.v[0] = std::numeric_limits<float>::infinity();
    EXPECT_THROW(run(*attention, in), Error);
  }
}

TEST(Attention, RefusesAWindowOfZero) {
  EXPECT_THROW(make_softmax({1, 4, 0}), Error);
  EXPECT_THROW(make_published({1, 4, 0}, {}, Scalers::identity(1)), Error);
  EXPECT_THROW(make_published({2, 4, 8}, {}, Scalers::identity(1)), Error);
}

TEST(Statistics, AreMeanAndStandardDeviationAfterEachScaler) {
  const Shape shape{2, 3, 4};
  const Inputs in(shape, 50, 9);
  const Scalers s = scalers_near_training(2, 4);
  PublishedHardware hw;
  hw.s_sat_first_a = hw.s_sat_second_a = 2e-6;  // so few dimensions would all round to zero
  auto attention = make_published(shape, hw, s);
  run(*attention, in);  // not collected
  attention->collect_statistics(true);
  const auto out = run(*attention, in);
  const auto check = [&](const std::vector<float>& x, int head, double a, double b, Moments m) {
    double sum = 0, squares = 0;
    for (int t = 0; t < in.tokens; ++t)
      for (int d = 0; d < 3; ++d) sum += a * x[t * 6 + head * 3 + d] + b;
    const double mean = sum / 150;
    for (int t = 0; t < in.tokens; ++t)
      for (int d = 0; d < 3; ++d) squares += std::pow(a * x[t * 6 + head * 3 + d] + b - mean, 2);
    EXPECT_NEAR(m.mean(), mean, 1e-9);
    EXPECT_NEAR(m.standard_deviation(), std::sqrt(squares / 150), 1e-9);
  };
  for (int h = 0; h < 2; ++h) {
    check(in.q, h, s.a_q[h], s.b_q[h], attention->statistics().q[h]);
    check(in.k, h, s.a_k[h], s.b_k[h], attention->statistics().k[h]);
    check(in.v, h, s.a_v[h], s.b_v[h], attention->statistics().v[h]);
    check(out, h, 1, 0, attention->statistics().output[h]);
  }
}

TEST(Effects, HaveNamesThatReadBack) {
  for (int i = 0; i < kEffects; ++i) {
    const auto effect = static_cast<Effect>(i);
    EXPECT_EQ(effect_named(name(effect)), effect);
    EXPECT_TRUE(EffectSet::all().has(effect));
    EXPECT_FALSE(EffectSet::all().without(effect).has(effect));
    EXPECT_EQ(EffectSet::all().without(effect).with(effect), EffectSet::all());
  }
  EXPECT_EQ(effect_named("gravity"), std::nullopt);
}

}  // namespace
}  // namespace gaincell::attention
