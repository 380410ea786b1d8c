#include <gtest/gtest.h>

#include <filesystem>

#include "attention/attention.h"
#include "attention/published.h"
#include "base/files.h"
#include "base/random.h"
#include "model/config.h"
#include "model/evaluate.h"
#include "model/safetensors.h"
#include "model/transformer.h"
#include "model/weights.h"
#include "tests/model/temporary_folder.h"
#include "train/network.h"

namespace gaincell::train {
namespace {

// What is trained is what runs: the same weights, read back by src/model, give the same loss.
class Agreement : public ::testing::TestWithParam<std::tuple<model::AttentionKind, int>> {};

TEST_P(Agreement, TrainedNetworkAndRunningModelGiveOneLoss) {
  const auto [kind, window] = GetParam();
  model::Config c;
  c.n_layer = 2;
  c.n_head = 2;
  c.n_embd = 64;
  c.n_inner = 256;
  c.n_positions = 256;
  c.vocab_size = 11;
  c.positions = model::Positions::kRotary;
  c.rotary_dims = 16;
  c.rotary_base = 64;
  c.attention.kind = kind;
  c.attention.window = window;
  Network network(c, 3);

  Random random(8);
  std::vector<std::int64_t> tokens(900);
  for (auto& token : tokens) token = static_cast<std::int64_t>(random.below(11));

  // Larger weights and scalers of their own, so that attention, clamps and positions all matter.
  auto tensors = network.to_tensors(model::Dtype::kF32);
  for (auto& [name, tensor] : tensors) {
    for (float& value : tensor.values)
      value = tensor.shape.size() == 2 ? 3 * value
                                       : value * static_cast<float>(random.uniform(0.8, 1.2)) +
                                             static_cast<float>(random.uniform(-0.02, 0.02));
  }
  network.assign(tensors);
  TemporaryFolder folder;
  model::write_config(folder.path() / "config.json", c);
  model::write_safetensors(folder.path() / "model.safetensors", tensors);

  const auto weights = std::make_shared<const model::Weights>(
      model::read_weights(model::SafetensorsReader(folder.path() / "model.safetensors"),
                          model::read_config(folder.path() / "config.json")));
  std::vector<std::unique_ptr<attention::Attention>> layers;
  const attention::Shape shape{c.n_head, c.head_dim(), window};
  for (const model::Layer& layer : weights->layers)
    layers.push_back(kind == model::AttentionKind::kSoftmax
                         ? attention::make_softmax(shape)
                         : attention::make_published(shape, {}, layer.scalers));
  model::Transformer transformer(weights, std::move(layers));
  const std::vector<int> ids(tokens.begin(), tokens.end());
  const double running = model::evaluate(transformer, ids).nats_per_token;
  // Single precision puts a value on the other side of a quantiser's edge now and then.
  EXPECT_NEAR(sliding_loss(network, tokens, 256), running,
              kind == model::AttentionKind::kSoftmax ? 1e-5 : 2e-3);
}

INSTANTIATE_TEST_SUITE_P(KindsAndWindows, Agreement,
                         ::testing::Combine(::testing::Values(model::AttentionKind::kSoftmax,
                                                              model::AttentionKind::kLinear),
                                            ::testing::Values(64, 128)));

}  // namespace
}  // namespace gaincell::train
