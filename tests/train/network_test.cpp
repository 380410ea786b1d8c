#include "train/network.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "base/random.h"

namespace gaincell::train {
namespace {

using torch::Tensor;

model::Config tiny(model::AttentionKind kind, int layers = 2) {
  model::Config c;
  c.n_layer = layers;
  c.n_head = 2;
  c.n_embd = 32;
  c.n_inner = 128;
  c.n_positions = 128;
  c.vocab_size = 11;
  c.positions = model::Positions::kRotary;
  c.rotary_dims = 8;
  c.rotary_base = 64;
  c.attention.kind = kind;
  c.attention.window = 64;
  return c;
}

std::vector<std::int64_t> some_tokens(int n) {
  Random random(5);
  std::vector<std::int64_t> tokens(n);
  for (auto& token : tokens) token = static_cast<std::int64_t>(random.below(11));
  return tokens;
}

Tensor as_tensor(const std::vector<std::int64_t>& tokens) {
  return torch::tensor(tokens, torch::kLong).view({1, -1});
}

TEST(Network, CarriesThePublishedNamesAndShapes) {
  const Network network(tiny(model::AttentionKind::kLinear, 1), 1);
  std::map<std::string, std::vector<std::int64_t>> shapes;
  for (const auto& [name, tensor] : network.to_tensors(model::Dtype::kF16))
    shapes[name] = tensor.shape;
  const std::map<std::string, std::vector<std::int64_t>> expected{
      {"transformer.wte.weight", {11, 32}},
      {"transformer.h.0.ln_1.weight", {32}},
      {"transformer.h.0.ln_1.bias", {32}},
      {"transformer.h.0.attn.c_attn.weight", {32, 96}},
      {"transformer.h.0.attn.c_attn.bias", {96}},
      {"transformer.h.0.attn.c_proj.weight", {32, 32}},
      {"transformer.h.0.attn.c_proj.bias", {32}},
      {"transformer.h.0.attn.scaler.q.a", {2}},
      {"transformer.h.0.attn.scaler.q.b", {2}},
      {"transformer.h.0.attn.scaler.k.a", {2}},
      {"transformer.h.0.attn.scaler.k.b", {2}},
      {"transformer.h.0.attn.scaler.v.a", {2}},
      {"transformer.h.0.attn.scaler.v.b", {2}},
      {"transformer.h.0.attn.scaler.o.a", {2}},
      {"transformer.h.0.attn.scaler.o.b", {2}},
      {"transformer.h.0.ln_2.weight", {32}},
      {"transformer.h.0.ln_2.bias", {32}},
      {"transformer.h.0.mlp.c_fc.weight", {32, 128}},
      {"transformer.h.0.mlp.c_fc.bias", {128}},
      {"transformer.h.0.mlp.c_proj.weight", {128, 32}},
      {"transformer.h.0.mlp.c_proj.bias", {32}},
      {"transformer.ln_f.weight", {32}},
      {"transformer.ln_f.bias", {32}}};
  EXPECT_EQ(shapes, expected);
}

TEST(Network, ExactAttentionHasNoScalers) {
  const Network network(tiny(model::AttentionKind::kSoftmax), 1);
  ASSERT_FALSE(network.parameters().empty());
  for (const auto& [name, value] : network.parameters())
    EXPECT_THAT(name, ::testing::Not(::testing::HasSubstr("scaler")));
}

TEST(Network, TheSeedDecidesTheWeights) {
  const auto weights = [](std::uint64_t seed) {
    return Network(tiny(model::AttentionKind::kLinear), seed)
        .parameters()
        .at("transformer.h.1.attn.c_attn.weight")
        .detach()
        .clone();
  };
  EXPECT_TRUE(weights(3).equal(weights(3)));
  EXPECT_FALSE(weights(3).equal(weights(4)));
  EXPECT_NEAR(weights(3).std().item<double>(), 0.06, 0.003);
}

class EitherAttention : public ::testing::TestWithParam<model::AttentionKind> {};

TEST_P(EitherAttention, ATokenIsFeltByLaterTokensAloneAndOnlyThroughTheWindows) {
  torch::NoGradGuard no_gradient;
  const Network network(tiny(GetParam()), 1);
  std::vector<std::int64_t> tokens = some_tokens(256);
  const Tensor before = network.logits(as_tensor(tokens), {0}, {})[0];
  tokens[70] = (tokens[70] + 1) % 11;
  const Tensor after = network.logits(as_tensor(tokens), {0}, {})[0];
  const Tensor moved = (before - after).abs().amax(-1);
  const int reach = 70 + 2 * 63;  // two layers of window 64
  EXPECT_EQ(moved.narrow(0, 0, 70).max().item<double>(), 0);
  EXPECT_GT(moved[70].item<double>(), 0);
  EXPECT_GT(moved.narrow(0, 71, reach - 70).max().item<double>(), 0);
  EXPECT_EQ(moved.narrow(0, reach + 1, 255 - reach).max().item<double>(), 0);
}

TEST_P(EitherAttention, EveryParameterLearns) {
  Network network(tiny(GetParam()), 1);
  auto larger =
      network.to_tensors(model::Dtype::kF32);  // sums of few dimensions, else below a count
  for (auto& [name, tensor] : larger)
    if (tensor.shape.size() == 2)
      for (float& value : tensor.values) value *= 3;
  network.assign(larger);
  network.logits(as_tensor(some_tokens(128)), {0}, {}).square().sum().backward();
  for (const auto& [name, value] : network.parameters()) {
    ASSERT_TRUE(value.grad().defined()) << name;
    EXPECT_GT(value.grad().abs().max().item<double>(), 0) << name;
  }
}

TEST_P(EitherAttention, LossInStripsEqualsOnePassOverTheWholeText) {
  torch::NoGradGuard no_gradient;
  const Network network(tiny(GetParam()), 1);
  const std::vector<std::int64_t> tokens = some_tokens(577);
  const Tensor logits =
      network.logits(as_tensor({tokens.begin(), tokens.end() - 1}), {0}, {})[0].log_softmax(-1);
  double whole = 0;
  for (int t = 0; t < 576; ++t) whole -= logits[t][tokens[t + 1]].item<double>();
  EXPECT_NEAR(sliding_loss(network, tokens, 64), whole / 576, 1e-5);
  EXPECT_NEAR(sliding_loss(network, tokens, 1000), whole / 576, 1e-5);
}

INSTANTIATE_TEST_SUITE_P(Kinds, EitherAttention,
                         ::testing::Values(model::AttentionKind::kSoftmax,
                                           model::AttentionKind::kLinear),
                         [](const auto& kind) { return model::to_string(kind.param); });

}  // namespace
}  // namespace gaincell::train
