#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "attention/attention.h"
#include "model/checkpoint_files.h"
#include "model/config.h"
#include "model/layers.h"

namespace gaincell::model {

// ln_1 and ln_2 stand ahead of attention and MLP. attention_in: q of all heads, then k, then v.
struct Layer {
  Norm ln_1, ln_2;
  Dense attention_in, attention_out;
  Mlp mlp;
  attention::Scalers scalers;
};

// A checkpoint in memory, checked against its config.
struct Weights {
  Config config;
  Arithmetic arithmetic = Arithmetic::kF32;
  std::vector<float> wte;  // [vocab_size][n_embd]
  std::vector<float> wpe;  // [n_positions][n_embd]; empty with rotary positions
  Matrix head;             // n_embd to vocab_size; wte turned where they are tied
  std::vector<Layer> layers;
  Norm ln_f;
  bool has_scalers = false;  // false: the layers hold a = 1, b = 0 (0.45 for keys and values)
  std::vector<std::string> remarks;  // what was not as usual in the files, for people
};

// Every tensor that the config asks for must be there in its shape, and no other (stored causal
// masks and rotary frequencies excepted). The first fault is an Error that names file, tensor,
// shape found and shape due. Names may carry a prefix such as "transformer.". A tied matrix may be
// stored under either of its names, and all matrices may be [outputs, inputs] as in
// torch.nn.Linear: the shape of attn.c_attn tells.
Weights read_weights(const CheckpointFiles& files, const Config& config,
                     Arithmetic arithmetic = Arithmetic::kF32);

// Name of a layer's scaler tensor in a checkpoint, without prefix: "h.2.attn.scaler.q.a", or
// "layers.2.self_attn.scaler.q.a".
// part: q, k, v or o; coefficient: a or b.
std::string scaler_name(Family family, int layer, char part, char coefficient);

// The scalers of one layer as (part, coefficient) -> values.
std::map<std::pair<char, char>, std::vector<float>*> scaler_parts(attention::Scalers& scalers);

}  // namespace gaincell::model
