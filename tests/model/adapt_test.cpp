#include "model/adapt.h"

#include <gmock/gmock.h>

#include "attention/published.h"
#include "base/error.h"
#include "base/random.h"
#include "model/attention_choice.h"
#include "temporary_folder.h"
#include "tiny_model.h"

namespace gaincell::model {
namespace {

struct Adaptation : ::testing::Test {
  TemporaryFolder folder;
  Config config = tiny_config();
  std::shared_ptr<const Weights> weights;
  std::vector<std::vector<int>> batch;

  void SetUp() override {
    config.positions = Positions::kRotary;
    config.rotary_dims = 8;
    config.rotary_base = 64;
    config.attention.kind = AttentionKind::kLinear;
    config.attention.window = 16;
    write_safetensors(folder.path() / "m.safetensors", tiny_tensors(config));
    weights = std::make_shared<Weights>(
        read_weights(SafetensorsReader(folder.path() / "m.safetensors"), config));
    Random random(2);
    std::vector<int> text(4000);
    for (int& token : text) token = static_cast<int>(random.below(config.vocab_size));
    batch = draw_batch(text, 8, 64, 11);
  }
  Transformer linear() {
    return Transformer(weights,
                       make_attention(*weights, {AttentionKind::kLinear, 16, nullptr, {}}));
  }
  // The linear hardware with cells of another slope and a curve, without scalers of its own.
  Transformer other(double slope) {
    std::vector<std::unique_ptr<attention::Attention>> layers;
    for (const Layer& layer : weights->layers) {
      attention::PublishedHardware hardware;
      hardware.current_a = {0.2e-6, slope, 0, 10e-6};
      layers.push_back(attention::make_published({2, 16, 16}, hardware, layer.scalers));
    }
    return Transformer(weights, std::move(layers));
  }
};

TEST_F(Adaptation, IsDoneAtOnceWhereTheDeviceIsTheTarget) {
  Transformer target = linear(), device = linear();
  const AdaptReport report = adapt(target, device, batch, {});
  EXPECT_TRUE(report.converged);
  EXPECT_EQ(report.steps.size(), 1u);
  EXPECT_EQ(report.nats_after, report.nats_target);
  EXPECT_EQ(report.scalers[1].a_q, weights->layers[1].scalers.a_q);
}

TEST_F(Adaptation, FindsTheModelsOwnScalersFromNothing) {
  Transformer target = linear(), device = linear();
  const AdaptReport report = adapt(target, device, batch, {.start_from_identity = true});
  EXPECT_EQ(report.nats_before, report.nats_target);
  for (int l = 0; l < 2; ++l) {
    for (int h = 0; h < 2; ++h) {
      EXPECT_NEAR(report.scalers[l].a_q[h], weights->layers[l].scalers.a_q[h], 2e-3);
      EXPECT_NEAR(report.scalers[l].b_k[h], weights->layers[l].scalers.b_k[h], 2e-3);
    }
  }
  EXPECT_NEAR(report.nats_after, report.nats_target, 2e-3);
}

TEST_F(Adaptation, BringsTheStatisticsOfOtherCellsToTheTarget) {
  Transformer target = linear(), device = other(12e-6);
  const AdaptReport report = adapt(target, device, batch, {});
  EXPECT_TRUE(report.converged);
  EXPECT_GT(report.steps.front().rms_error, 1e-3);
  // The weaker cells are made up for at the output.
  EXPECT_GT(report.scalers[0].a_o[0], 1.2 * weights->layers[0].scalers.a_o[0]);
}

// Cells on a lower supply: every voltage 0.9 times what it was, and currents the same again.
TEST_F(Adaptation, KeepsItsSharesOfTheRangeOnAnotherSupply) {
  constexpr double kVolts = 0.9;
  std::vector<std::unique_ptr<attention::Attention>> layers;
  for (const Layer& layer : weights->layers) {
    attention::PublishedHardware hardware;
    hardware.v_max *= kVolts;
    hardware.v_zero *= kVolts;
    hardware.current_a = {0, hardware.current_a[1] / kVolts, 0, 0};
    layers.push_back(
        attention::make_published({2, 16, 16}, hardware, with_volts(layer.scalers, kVolts)));
  }
  Transformer target = linear(), device(weights, std::move(layers));
  const AdaptReport report = adapt(target, device, batch, {.volts = kVolts});
  EXPECT_TRUE(report.converged);
  EXPECT_NEAR(report.nats_before, report.nats_target, 1e-4);
  for (int h = 0; h < 2; ++h) {
    EXPECT_NEAR(report.scalers[0].b_k[h], weights->layers[0].scalers.b_k[h], 1e-4);
    EXPECT_NEAR(report.scalers[0].a_v[h], weights->layers[0].scalers.a_v[h], 1e-4);
  }
}

TEST_F(Adaptation, TakesSmallerStepsAsItGoes) {
  Transformer target = linear(), device = other(12e-6);
  const AdaptReport report = adapt(target, device, batch, {.steps = 60, .tolerance = 0});
  ASSERT_EQ(report.steps.size(), 61u);
  EXPECT_FALSE(report.converged);
  EXPECT_EQ(report.steps[0].alpha, 1.0);
  EXPECT_DOUBLE_EQ(report.steps[25].alpha, 0.55);
  EXPECT_DOUBLE_EQ(report.steps[60].alpha, 0.1);
}

TEST_F(Adaptation, DrawsTheSameBatchFromTheSameSeed) {
  std::vector<int> text(100);
  for (int i = 0; i < 100; ++i) text[i] = i;
  EXPECT_EQ(draw_batch(text, 3, 10, 1), draw_batch(text, 3, 10, 1));
  EXPECT_NE(draw_batch(text, 3, 10, 1), draw_batch(text, 3, 10, 2));
  EXPECT_EQ(draw_batch(text, 1, 99, 1)[0], text);
  EXPECT_THROW(draw_batch(text, 1, 100, 1), Error);
}

}  // namespace
}  // namespace gaincell::model
