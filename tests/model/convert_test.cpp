#include "model/convert.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/random.h"
#include "model/adapt.h"
#include "model/attention_choice.h"
#include "model/transformer.h"
#include "temporary_folder.h"
#include "tiny_model.h"

namespace gaincell::model {
namespace {

struct Conversion : ::testing::Test {
  TemporaryFolder folder;
  Config config = tiny_config();
  std::shared_ptr<const Weights> weights;
  std::vector<std::vector<int>> batch;

  void SetUp() override {
    config.positions = Positions::kRotary;
    config.rotary_dims = 8;
    config.rotary_base = 64;
    config.attention.window = 16;
    auto tensors = tiny_tensors(config);
    std::erase_if(tensors,
                  [](const auto& one) { return one.first.find(".scaler.") != one.first.npos; });
    write_safetensors(folder.path() / "m.safetensors", tensors);
    weights = std::make_shared<Weights>(
        read_weights(SafetensorsReader(folder.path() / "m.safetensors"), config));
    Random random(2);
    std::vector<int> text(4000);
    for (int& token : text) token = static_cast<int>(random.below(config.vocab_size));
    batch = draw_batch(text, 4, 64, 11);
  }

  // Of the first layer, which is given the same whatever attention is behind it.
  attention::Statistics first_layer(AttentionKind kind,
                                    const std::vector<attention::Scalers>& scalers) {
    Transformer transformer(weights, make_attention(*weights, {kind, 16, nullptr, {}}));
    for (std::size_t l = 0; l < scalers.size(); ++l)
      transformer.attention(static_cast<int>(l)).set_scalers(scalers[l]);
    transformer.attention(0).collect_statistics(true);
    std::vector<int> all(batch[0].begin(), batch[0].end() - 1);
    transformer.run(all);
    return transformer.attention(0).statistics();
  }
};

TEST_F(Conversion, PlacesQueriesKeysAndValuesInTheHardwaresRanges) {
  batch.resize(1);
  const ConvertReport report = convert(weights, 16, batch, 1);
  const auto found = first_layer(AttentionKind::kLinear, report.scalers);
  for (int h = 0; h < 2; ++h) {
    EXPECT_NEAR(found.q[h].mean(), 0.3, 1e-4);
    EXPECT_NEAR(found.q[h].standard_deviation(), 0.25, 1e-4);
    EXPECT_NEAR(found.k[h].mean(), 0.45, 1e-4);
    EXPECT_NEAR(found.v[h].standard_deviation(), 0.2, 1e-4);
  }
}

// Of a least squares line: the mean is kept, and of the variance the share that is explained.
TEST_F(Conversion, FitsTheOutputToThatOfSoftmax) {
  batch.resize(1);
  const ConvertReport report = convert(weights, 16, batch, 1);
  const auto linear = first_layer(AttentionKind::kLinear, report.scalers),
             softmax = first_layer(AttentionKind::kSoftmax, {});
  double explained = 0;
  for (int h = 0; h < 2; ++h) {
    EXPECT_NEAR(linear.output[h].mean(), softmax.output[h].mean(), 1e-4);
    explained +=
        0.5 *
        std::pow(linear.output[h].standard_deviation() / softmax.output[h].standard_deviation(), 2);
  }
  EXPECT_NEAR(explained, report.explained[0], 1e-3);
  EXPECT_GT(report.explained[0], 0.05);
  EXPECT_LT(report.explained[0], 1.0);
}

TEST_F(Conversion, ThreadsChangeNothing) {
  const ConvertReport one = convert(weights, 16, batch, 1), two = convert(weights, 16, batch, 2);
  EXPECT_EQ(one.nats_linear, two.nats_linear);
  EXPECT_EQ(one.scalers[1].a_o, two.scalers[1].a_o);
  double values = 0;
  for (const auto& head : one.clipped[0].heads) values += head.values;
  EXPECT_GT(values, 0);
}

}  // namespace
}  // namespace gaincell::model
