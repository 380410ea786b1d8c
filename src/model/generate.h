#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "base/random.h"
#include "model/transformer.h"

namespace gaincell::model {

struct SamplingOptions {
  bool greedy = false;       // the likeliest token, the lowest id among equals
  double temperature = 1.0;  // > 0; logits are divided by it
  int top_k = 0;             // only the k likeliest; 0 = all
};

// Continues `prompt` (at least one token) by `count` tokens and calls `sink` with each as it comes.
// Rotary models slide without end. A model with learned positions that has used them all starts
// again with the newest half of its positions as context.
std::vector<int> generate(Transformer& transformer, std::span<const int> prompt, int count,
                          const SamplingOptions& options, Random& random,
                          const std::function<void(int)>& sink = {});

// One draw from softmax(logits / temperature), or the maximum.
int sample(std::span<const float> logits, const SamplingOptions& options, Random& random);

}  // namespace gaincell::model
