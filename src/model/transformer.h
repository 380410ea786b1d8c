#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "attention/attention.h"
#include "base/thread_pool.h"
#include "model/layers.h"
#include "model/weights.h"

namespace gaincell::model {

// x += attention(ln_1(x)); x += mlp(ln_2(x)) per layer, then ln_f and the output head, in single
// precision: GPT-2 (Radford et al. 2019), or with the kinds of norm, MLP, positions and heads that
// layers.h has, LLaMA (Touvron et al. 2023). Keys and values live in the attention's rings, so the
// text slides: with rotary positions without end, with learned positions up to n_positions tokens
// after a reset.
//
// Tokens go through in chunks of fixed length, each layer working on one chunk while the next layer
// works on the chunk before: threads change nothing in the result. Matrix products are OpenBLAS's,
// which is set to one thread per call for the whole process.
class Transformer {
 public:
  // One attention per layer, with heads and dim of the config.
  Transformer(std::shared_ptr<const Weights> weights,
              std::vector<std::unique_ptr<attention::Attention>> attention, int threads = 1);
  ~Transformer();

  const Weights& weights() const { return *weights_; }
  attention::Attention& attention(int layer) { return *attention_[layer]; }
  // Tokens since the last reset.
  std::int64_t position() const { return position_; }

  // Empties the rings and starts again at position 0.
  void reset();

  // Runs these tokens. Error where learned positions run out.
  void run(std::span<const int> tokens);

  // Runs these tokens and puts -log p(targets[i] | text up to tokens[i]) in nats into nats[i], and
  // into likeliest[i] the token that is the most probable there, the lowest id among equals.
  // All spans have equal length; `likeliest` may be empty.
  void score(std::span<const int> tokens, std::span<const int> targets, std::span<double> nats,
             std::span<int> likeliest = {});

  // Runs these tokens (at least one) and returns the logits after the last, [vocab_size].
  std::vector<float> logits(std::span<const int> tokens);

 private:
  struct Scratch;
  struct Job;

  void run_slice(Job job);
  void run_stage(int stage, int chunk, const Job& job);
  void run_layer(int layer, int chunk_tokens, int first, float* x);
  void run_head(int chunk_tokens, int first, const float* x, const Job& job);

  std::shared_ptr<const Weights> weights_;
  std::vector<std::unique_ptr<attention::Attention>> attention_;
  Rotation rotation_;  // of the slice at hand
  ThreadPool pool_;
  std::int64_t position_ = 0;
  std::vector<Scratch> scratch_;  // one per stage
  std::vector<float> x_;          // residual stream of the slice at hand
};

}  // namespace gaincell::model
