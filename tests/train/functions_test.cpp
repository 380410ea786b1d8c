#include "train/functions.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>

namespace gaincell::train {
namespace {

using torch::Tensor;

Tensor normal(std::vector<std::int64_t> shape, std::int64_t seed, double deviation = 1) {
  auto generator = at::detail::createCPUGenerator(seed);
  return torch::randn(shape, generator, torch::kFloat) * deviation;
}

double difference(const Tensor& a, const Tensor& b) {
  return (a.to(torch::kDouble) - b.to(torch::kDouble)).abs().max().item<double>();
}

// Gradients of <f(inputs), weights> by f's own backward pass.
template <class Function>
std::vector<Tensor> gradients(const Function& f, std::vector<Tensor> inputs,
                              const Tensor& weights) {
  for (Tensor& input : inputs) input = input.detach().clone().requires_grad_(true);
  f(inputs).mul(weights.to(inputs[0].scalar_type())).sum().backward();
  std::vector<Tensor> result;
  for (const Tensor& input : inputs) result.push_back(input.grad());
  return result;
}

std::vector<Tensor> doubled(std::vector<Tensor> tensors) {
  for (Tensor& tensor : tensors) tensor = tensor.to(torch::kDouble);
  return tensors;
}

Tensor causal_window(std::int64_t tokens, std::int64_t window) {
  return torch::ones({tokens, tokens}, torch::kDouble).tril() -
         torch::ones({tokens, tokens}, torch::kDouble).tril(-window);
}

TEST(SoftmaxAttention, EqualsTheWholeMaskedMatrixWithItsGradients) {
  for (const int window : {64, 128}) {
    const int tokens = 320, dim = 16;
    const std::vector<Tensor> qkv{normal({2, 3, tokens, dim}, 1, 2),
                                  normal({2, 3, tokens, dim}, 2, 2),
                                  normal({2, 3, tokens, dim}, 3)};
    const Tensor weights = normal({2, 3, tokens, dim}, 4);
    const auto fused = [&](const std::vector<Tensor>& x) {
      return softmax_attention(x[0], x[1], x[2], window);
    };
    const auto plain = [&](const std::vector<Tensor>& x) {
      const Tensor scores = x[0].matmul(x[1].transpose(-1, -2)) / std::sqrt(double(dim));
      const Tensor seen = causal_window(tokens, window) > 0;
      return scores.masked_fill(seen.logical_not(), -1e30).softmax(-1).matmul(x[2]);
    };
    EXPECT_LT(difference(fused(qkv), plain(doubled(qkv))), 2e-5);
    const auto got = gradients(fused, qkv, weights), want = gradients(plain, doubled(qkv), weights);
    for (int i = 0; i < 3; ++i) EXPECT_LT(difference(got[i], want[i]), 2e-4) << i;
  }
}

// The equations once more, one query, key and dimension after the other.
Tensor linear_by_loops(const std::vector<Tensor>& x, const model::AttentionConfig& hw) {
  const Tensor &q = x[0], &k = x[1], &v = x[2];
  Tensor out = torch::zeros_like(q);
  const auto tokens = q.size(2), dim = q.size(3), heads = q.size(1);
  const double step = 2.0 / (hw.output_levels - 1);
  for (std::int64_t b = 0; b < q.size(0); ++b)
    for (std::int64_t h = 0; h < heads; ++h) {
      const Tensor qh = q[b][h], kh = k[b][h], vh = v[b][h];
      Tensor oh = out[b][h];  // a view
      const auto Q = qh.accessor<double, 2>(), K = kh.accessor<double, 2>(),
                 V = vh.accessor<double, 2>();
      auto O = oh.accessor<double, 2>();
      for (std::int64_t t = 0; t < tokens; ++t)
        for (int tile = 0; tile < hw.window / hw.tile; ++tile) {
          std::vector<double> charge(dim);
          for (std::int64_t s = std::max<std::int64_t>(0, t - hw.window + 1); s <= t; ++s) {
            if (s % hw.window / hw.tile != tile) continue;
            const double decay = std::exp(-hw.decay_per_token * static_cast<double>(t - s));
            double score = 0;
            for (std::int64_t d = 0; d < dim; ++d) score += Q[t][d] * K[s][d] * decay;
            const double phi = std::clamp(hw.slope_a_per_v * score / hw.s_sat_first_a, 0.0, 1.0);
            for (std::int64_t d = 0; d < dim; ++d)
              charge[d] += hw.slope_a_per_v * phi * V[s][d] * decay / hw.s_sat_second_a;
          }
          for (std::int64_t d = 0; d < dim; ++d)
            O[t][d] += step * std::nearbyint(std::clamp(charge[d], -1.0, 1.0) / step);
        }
    }
  return out;
}

// Whole matrices with straight-through rounding; the slots of a sub-tile picked by a mask.
Tensor linear_by_matrices(const std::vector<Tensor>& x, const model::AttentionConfig& hw) {
  const auto tokens = x[0].size(2);
  const Tensor age = torch::arange(tokens, torch::kDouble).view({-1, 1}) -
                     torch::arange(tokens, torch::kDouble).view({1, -1});
  const Tensor decay = (age * -hw.decay_per_token).exp() * causal_window(tokens, hw.window);
  const Tensor z =
      x[0].matmul(x[1].transpose(-1, -2)) * decay * (hw.slope_a_per_v / hw.s_sat_first_a);
  const Tensor weight = z.clamp(0, 1) * decay * (hw.slope_a_per_v / hw.s_sat_second_a);
  const Tensor slot = torch::arange(tokens, torch::kDouble).remainder(hw.window);
  Tensor out;
  const double step = 2.0 / (hw.output_levels - 1);
  for (int tile = 0; tile < hw.window / hw.tile; ++tile) {
    const Tensor mine = (slot >= tile * hw.tile) * (slot < (tile + 1) * hw.tile);
    const Tensor charge = (weight * mine.to(torch::kDouble)).matmul(x[2]).clamp(-1, 1);
    const Tensor rounded = charge + ((charge / step).round() * step - charge).detach();
    out = out.defined() ? out + rounded : rounded;
  }
  return out;
}

class LinearAttention : public ::testing::TestWithParam<int> {
 protected:
  LinearAttention() {
    hw_.kind = model::AttentionKind::kLinear;
    hw_.window = GetParam();
    hw_.decay_per_token = 3e-3;  // large, so that a mistake in it shows
    const int tokens = 320, dim = 16;
    // Sizes that reach both ends of both clamps.
    qkv_ = {normal({2, 2, tokens, dim}, 1).abs(), normal({2, 2, tokens, dim}, 2, 0.8),
            normal({2, 2, tokens, dim}, 3, 0.3)};
  }
  model::AttentionConfig hw_;
  std::vector<Tensor> qkv_;
};

TEST_P(LinearAttention, EqualsTheObviousLoop) {
  const Tensor got = linear_attention(qkv_[0], qkv_[1], qkv_[2], hw_);
  const Tensor want = linear_by_loops(doubled(qkv_), hw_);
  const Tensor error = (got.to(torch::kDouble) - want).abs();
  // Float sums land on the other side of a rounding edge now and then, never further.
  EXPECT_LT(error.max().item<double>(), 2.0 / 31 + 1e-5);
  EXPECT_LT((error > 1e-5).to(torch::kDouble).mean().item<double>(), 1e-4);
  EXPECT_GT((want.abs() > 0.99).to(torch::kDouble).mean().item<double>(), 0.01);
}

TEST_P(LinearAttention, GradientsPassStraightThroughTheRounding) {
  const Tensor weights = normal({2, 2, 320, 16}, 4);
  const auto got = gradients([&](const auto& x) { return linear_attention(x[0], x[1], x[2], hw_); },
                             qkv_, weights);
  const auto want =
      gradients([&](const auto& x) { return linear_by_matrices(x, hw_); }, doubled(qkv_), weights);
  for (int i = 0; i < 3; ++i) {
    EXPECT_LT(difference(got[i], want[i]), 1e-3 * want[i].abs().max().item<double>()) << i;
  }
}

INSTANTIATE_TEST_SUITE_P(Windows, LinearAttention, ::testing::Values(64, 128, 192));

TEST(ScaleAndQuantise, GivesTheLevelsAndPassesGradientsInsideTheClampAlone) {
  const Levels levels{0, 0.9, 8};
  const Tensor a = torch::tensor({0.2f, 0.5f}), b = torch::tensor({0.45f, 0.1f});
  const Tensor x = normal({3, 2, 5, 4}, 1, 1.5), weights = normal({3, 2, 5, 4}, 2);
  const Tensor shaped_a = a.view({1, 2, 1, 1}), shaped_b = b.view({1, 2, 1, 1});
  const Tensor y = scale_and_quantise(x, a, b, levels, 0.45);
  const Tensor scaled = x * shaped_a + shaped_b;
  const double step = 0.9 / 7;
  EXPECT_LT(difference(y, (scaled.clamp(0, 0.9) / step).round() * step - 0.45), 1e-6);

  const auto got = gradients(
      [&](const auto& in) { return scale_and_quantise(in[0], in[1], in[2], levels, 0.45); },
      {x, a, b}, weights);
  const Tensor inside = ((scaled > 0) * (scaled < 0.9)).to(torch::kFloat);
  EXPECT_GT(inside.sum().item<double>(), 20);
  EXPECT_LT(inside.mean().item<double>(), 0.95);
  EXPECT_LT(difference(got[0], weights * inside * shaped_a), 1e-6);
  EXPECT_LT(difference(got[1], (weights * inside * x).sum({0, 2, 3})), 1e-5);
  EXPECT_LT(difference(got[2], (weights * inside).sum({0, 2, 3})), 1e-5);
}

TEST(SplitHeads, RotationKeepsInnerProductsAtEqualDistanceAtAnyPosition) {
  const int tokens = 64, dims = 8, dim = 12;
  const Tensor row = normal({1, 1, 3 * dim}, 1);
  const Tensor qkv = row.expand({2, tokens, 3 * dim}).contiguous();
  const auto parts = split_heads(qkv, make_rotation({0, 987'654}, tokens, dims, 64), 1);
  const Tensor scores = parts[0].matmul(parts[1].transpose(-1, -2))[0][0];
  const Tensor later = parts[0].matmul(parts[1].transpose(-1, -2))[1][0];
  for (int shift : {1, 17, 40})
    EXPECT_NEAR(scores[5 + shift][5].item<double>(), later[20 + shift][20].item<double>(), 1e-4);
  EXPECT_GT(std::fabs(scores[25][5].item<double>() - scores[5][5].item<double>()), 1e-3);
  // What is not rotated, and all of v, is as it was.
  EXPECT_LT(
      difference(parts[0][1][0][30].narrow(0, dims, dim - dims), row[0][0].narrow(0, dims, 4)),
      1e-7);
  EXPECT_LT(difference(parts[2][1][0][30], row[0][0].narrow(0, 2 * dim, dim)), 1e-7);
}

TEST(SplitHeads, TurnsPairsHalfTheRotatedWidthApartByPositionTimesFrequency) {
  const Tensor qkv = torch::zeros({1, 3, 3 * 8});
  qkv[0][2][1] = 1;  // q, token 2, dimension 1: pair (1, 3) of 4 rotated dimensions
  const auto parts = split_heads(qkv, make_rotation({10}, 3, 4, 64), 1);
  const double angle = 12 * std::pow(64.0, -2.0 / 4);
  EXPECT_NEAR(parts[0][0][0][2][1].item<double>(), std::cos(angle), 1e-6);
  EXPECT_NEAR(parts[0][0][0][2][3].item<double>(), std::sin(angle), 1e-6);
}

TEST(SplitHeads, BackwardIsTheTransposeOfForward) {
  const Tensor qkv = normal({2, 64, 3 * 2 * 8}, 1);
  const Rotation rotation = make_rotation({5, 99}, 64, 4, 64);
  const Tensor weights = normal({3, 2, 2, 64, 8}, 2);
  const auto f = [&](const auto& in) { return torch::stack(split_heads(in[0], rotation, 2)); };
  const Tensor back = gradients(f, {qkv}, weights)[0];
  EXPECT_NEAR((back * qkv).sum().item<double>(),
              (f(std::vector<Tensor>{qkv}) * weights).sum().item<double>(), 1e-2);
}

TEST(Linear, AgreesWithTheStockOperatorInBothPrecisions) {
  const std::vector<Tensor> in{normal({96, 32}, 1), normal({32, 48}, 2), normal({48}, 3)};
  const Tensor weights = normal({96, 48}, 4);
  const auto plain = [](const auto& x) { return torch::addmm(x[2], x[0], x[1]); };
  for (const Precision precision : {Precision::kF32, Precision::kBf16}) {
    const auto ours = [&](const auto& x) { return linear(x[0], x[1], x[2], precision); };
    // bfloat16 keeps 8 bits.
    const double tolerance = precision == Precision::kF32 ? 1e-5 : 0.02;
    EXPECT_LT(difference(ours(in), plain(in)), tolerance * plain(in).abs().max().item<double>());
    const auto got = gradients(ours, in, weights), want = gradients(plain, in, weights);
    for (int i = 0; i < 3; ++i)
      EXPECT_LT(difference(got[i], want[i]), tolerance * want[i].abs().max().item<double>()) << i;
  }
}

TEST(DropoutFunction, GradientUsesTheMaskOfTheForwardPass) {
  const Tensor x = torch::ones({100, 50});
  const Tensor y = train::dropout(x, 0.5, 3);
  const Tensor dx = gradients([](const auto& in) { return train::dropout(in[0], 0.5, 3); }, {x},
                              torch::ones_like(x))[0];
  EXPECT_EQ(difference(dx, y), 0);
}

}  // namespace
}  // namespace gaincell::train
