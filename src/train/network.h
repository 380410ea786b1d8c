#pragma once

#include <torch/types.h>

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "model/config.h"
#include "model/safetensors.h"
#include "train/functions.h"

namespace gaincell::train {

// The transformer that src/model runs, in a form that can be differentiated: GPT-2 blocks, rotary
// positions, windowed softmax or linear-hardware attention. Parameters carry the published names.
class Network {
 public:
  // Random weights from `seed`, the same on every machine. Matrices are normal with 0.02; for
  // linear-hardware attention the joint projection of q, k and v 0.06 and the output projections
  // 0.05, so that clamps and quantisers of the first step see signals of their own size.
  Network(model::Config config, std::uint64_t seed);

  const model::Config& config() const { return config_; }
  // In the order of their names.
  const std::map<std::string, torch::Tensor>& parameters() const { return parameters_; }
  std::int64_t parameter_count() const;

  struct Pass {
    Precision precision = Precision::kF32;
    double dropout = 0;           // after the embedding and on both branches of every block
    std::uint32_t mask_seed = 0;  // of the dropout masks
  };
  // tokens [sequences, length] int64, length a multiple of 64; first[b] = position of the first
  // token of sequence b. Returns logits [sequences, length, vocabulary].
  torch::Tensor logits(const torch::Tensor& tokens, const std::vector<std::int64_t>& first,
                       const Pass& pass) const;

  std::map<std::string, model::Tensor> to_tensors(model::Dtype dtype) const;
  // Values from tensors of the same names and shapes.
  void assign(const std::map<std::string, model::Tensor>& tensors);

 private:
  const torch::Tensor& at(const std::string& name) const { return parameters_.at(name); }
  void add(const std::string& name, const std::vector<std::int64_t>& shape, double deviation,
           double mean, std::uint64_t seed);

  model::Config config_;
  std::map<std::string, torch::Tensor> parameters_;
};

// Mean negative log likelihood in nats of tokens 1 .. n-1, each given all before it: one sliding
// pass with the position counted from the start of the text. Computed in strips that overlap by the
// network's receptive field, which is the same thing, at most `strip` new tokens at a time.
double sliding_loss(const Network& network, const std::vector<std::int64_t>& tokens,
                    int strip = 1024);

}  // namespace gaincell::train
