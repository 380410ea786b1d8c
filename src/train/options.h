#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>

#include "model/config.h"
#include "train/functions.h"

namespace gaincell::train {

struct TrainOptions {
  std::filesystem::path text;      // its characters are the vocabulary
  std::filesystem::path held_out;  // empty = the last 10 % of `text`
  std::string encoding;            // of both; empty = by their byte order marks, else UTF-8
  std::filesystem::path out;       // model directory; made if absent
  model::AttentionKind attention = model::AttentionKind::kSoftmax;
  int layers = 4;
  int heads = 4;
  int head_dim = 64;
  int context = 256;  // training length, multiple of 64
  int window = 64;    // tokens attended to, multiple of 64
  int rotary_dims = 32;
  double rotary_base = 64;
  int steps = 5000;
  int batch = 8;       // sequences a step
  double lr = 1.5e-3;  // at its peak
  int warmup = 100;    // steps of linear rise
  // 0: cosine from the peak to 5 %. Else the rate is held and falls linearly to 5 % over this many
  // last steps; then `steps` may still be changed on resuming, before the fall has begun, and the
  // result is as if it had been so from the start.
  int cooldown = 0;
  double weight_decay = 0.1;  // on matrices
  double dropout = 0;
  double clip = 1.0;  // of the gradient's norm
  std::uint64_t seed = 1;
  int threads = 1;
  Precision precision = Precision::kF32;
  int eval_every = 500;        // steps between looks at the held-out text
  int checkpoint_every = 250;  // steps between states to resume from
  bool resume = false;
  std::function<void(const std::string&)> progress = {};  // called with one line at a time
};

// Throws Error (place = "gaincell train") naming the option that is out of range.
void check(const TrainOptions& options);

// Learning rate of step 0 .. steps-1.
double learning_rate(const TrainOptions& options, int step);

}  // namespace gaincell::train
