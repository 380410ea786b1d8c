#include <gtest/gtest.h>

#include <algorithm>

#include "model/generate.h"
#include "model/model.h"

namespace gaincell::model {
namespace {

// A real GPT-2 checkpoint, trained to continue six digits with the same digits in order.
TEST(GptNanoSort, SortsAll729Inputs) {
  const std::filesystem::path folder = GAINCELL_SOURCE_DIR "/../shared/data/models/gpt_nano_sort";
  if (!std::filesystem::exists(folder))
    GTEST_SKIP() << "../shared/data is absent: the checkpoint is not part of the project";
  const Model model = read_model(folder);
  const Config& config = model.weights->config;
  std::vector<std::unique_ptr<attention::Attention>> layers;
  for (int i = 0; i < config.n_layer; ++i)
    layers.push_back(
        attention::make_softmax({config.n_head, config.head_dim(), config.attention.window}));
  Transformer transformer(model.weights, std::move(layers));
  Random random(1);
  int right = 0;
  for (int number = 0; number < 729; ++number) {
    std::string prompt;
    for (int i = 0, rest = number; i < 6; ++i, rest /= 3)
      prompt += static_cast<char>('0' + rest % 3);
    const auto continuation = generate(transformer, model.tokenizer->encode(prompt, "prompt"), 6,
                                       {.greedy = true}, random);
    std::sort(prompt.begin(), prompt.end());
    right += model.tokenizer->decode(continuation) == prompt;
  }
  EXPECT_EQ(right, 729);
}

}  // namespace
}  // namespace gaincell::model
