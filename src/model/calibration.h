#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "attention/attention.h"
#include "model/transformer.h"

namespace gaincell::model {

// What a model's scalers are fitted on: sequences of at least 2 tokens, each run from an empty ring
// and scored on all of its tokens but the first.
using Batch = std::vector<std::vector<int>>;

// `count` sequences of `length` + 1 tokens from places drawn by seed. Error where the text is
// shorter.
Batch draw_batch(std::span<const int> tokens, int count, int length, std::uint64_t seed);

// One pass over the batch, forward alone.
struct BatchReport {
  double nats_per_token = 0;
  std::vector<attention::Statistics> layers;  // empty ones where none are collected
};
BatchReport run_batch(Transformer& transformer, const Batch& batch);

// The layers of a transformer collect statistics while this lives.
class Collecting {
 public:
  explicit Collecting(Transformer& transformer);
  ~Collecting();
  Collecting(const Collecting&) = delete;
  Collecting& operator=(const Collecting&) = delete;

 private:
  Transformer& transformer_;
};

}  // namespace gaincell::model
