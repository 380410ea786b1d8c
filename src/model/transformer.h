#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "attention/attention.h"
#include "base/thread_pool.h"
#include "energy/activity.h"
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
// works on the chunk before: threads change nothing in the result. Digital attention multiplies by
// OpenBLAS, which is set to one thread per call for the whole process.
class Transformer {
 public:
  // One attention per layer, with heads and dim of the config.
  Transformer(std::shared_ptr<const Weights> weights,
              std::vector<std::unique_ptr<attention::Attention>> attention, int threads = 1);
  ~Transformer();

  const Weights& weights() const { return *weights_; }
  std::shared_ptr<const Weights> weights_in_common() const { return weights_; }
  attention::Attention& attention(int layer) { return *attention_[layer]; }
  // Tokens since the last reset.
  std::int64_t position() const { return position_; }

  // Empties the rings and starts again at position 0.
  void reset();

  // Runs these tokens. Error where learned positions run out.
  void run(std::span<const int> tokens);

  // Logits of some of what score() was given: targets[first] and after, [rows][vocab_size]. Called
  // in their order, by one thread at a time.
  using SeeLogits = std::function<void(std::size_t first, std::size_t rows, const float* logits)>;

  // Runs these tokens and puts -log p(targets[i] | text up to its token) in nats into nats[i], and
  // into likeliest[i] the token that is the most probable there, the lowest id among equals. The
  // targets are those of the last so many tokens; `likeliest` and `see` may be empty.
  void score(std::span<const int> tokens, std::span<const int> targets, std::span<double> nats,
             std::span<int> likeliest = {}, const SeeLogits& see = {});

  // What a layer made of consecutive tokens: q, k and v with their positions, what its attention
  // gave, and the residual stream behind it. Told by any thread, each layer's in their order.
  struct LayerView {
    int layer;
    std::int64_t position;  // of the first
    int tokens;
    const float *q, *k, *v, *attended, *stream;
  };
  using SeeLayer = std::function<void(const LayerView&)>;
  // From now on; an empty function sees none.
  void see_layers(SeeLayer see) { see_layer_ = std::move(see); }

  // A text from an empty memory, of at least two tokens, and what is wanted of it: its tokens from
  // `scored_from` (at least 1) to the end. nats[i] and likeliest[i], as of score(), are those of
  // token scored_from + i.
  struct Passage {
    std::span<const int> tokens;
    std::size_t scored_from = 1;
    std::span<double> nats;
    std::span<int> likeliest;
  };
  // One passage after the other through each layer, which works on one while the next layer works
  // on that before: threads stay busy on short texts as well. A passage's figures do not depend on
  // its neighbours, but for read noise. Adds what each layer counted to activity[layer].
  void score_each(std::span<const Passage> passages, std::span<energy::Activity> activity);

  // Runs these tokens (at least one) and returns the logits after the last, [vocab_size].
  std::vector<float> logits(std::span<const int> tokens);

 private:
  struct Scratch;
  struct HeadScratch;
  struct Chunk;
  struct Job;
  class Pipeline;

  void run_slice(Job job);
  void run_stages(const Job& job);
  void run_stage(int stage, int thread, const Chunk& chunk, const Job& job);
  void embed(const Chunk& chunk, float* x) const;
  void run_layer(int layer, const Chunk& chunk, const Job& job, float* x);
  void run_head(const Chunk& chunk, const float* x, const Job& job, HeadScratch& s);
  void require_positions(std::int64_t tokens) const;

  std::shared_ptr<const Weights> weights_;
  std::vector<std::unique_ptr<attention::Attention>> attention_;
  SeeLayer see_layer_;
  Rotation rotation_;  // of the slice at hand
  ThreadPool pool_;
  std::int64_t position_ = 0;
  std::vector<Scratch> scratch_;    // one per layer
  std::vector<HeadScratch> heads_;  // one per thread
  std::vector<float> x_;            // residual stream of the slice at hand
};

}  // namespace gaincell::model
