#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "lut/published.h"

namespace gaincell::model {

// How a token's place enters: a learned vector per position (GPT-2), or a rotation of queries and
// keys by an angle that depends on the distance alone, so that a text can slide without end.
enum class Positions { kLearned, kRotary };
enum class Activation { kGeluTanh, kGeluErf, kSilu };
// (x - mean) / deviation, or x / its root mean square (Zhang and Sennrich 2019).
enum class NormKind { kLayer, kRms };
// down(f(up x)), or down(f(gate x) * up x) (Shazeer 2020; with SiLU SwiGLU).
enum class MlpKind { kPlain, kGated };
// Whose names and layout the files have.
enum class Family { kGpt2, kLlama };
// kAnalog: scalers belong to a characterized device; needs that device's tables to run.
enum class AttentionKind { kSoftmax, kLinear, kAnalog };

std::string to_string(Positions positions);
std::string to_string(AttentionKind kind);
// Throws Error with `place` and `key` where the text names no kind.
AttentionKind parse_attention_kind(const std::string& text, const std::string& place,
                                   const std::string& key);

// Attention that the model was trained for, and the linear hardware model's constants
// (published ones where the file has none). Ignored but kept where the kind is softmax, save the
// window.
struct AttentionConfig {
  AttentionKind kind = AttentionKind::kSoftmax;
  int window = 0;  // tokens attended to, the current one included; 0 in the file = n_positions
  int tile = lut::kPublished.tile;  // ring slots whose output goes through one counter
  int q_levels = lut::kPublished.q_levels;
  int kv_levels = lut::kPublished.kv_levels;
  std::optional<int> k_levels = {}, v_levels = {};  // apart from each other; not in the file
  int output_levels = lut::kPublished.output_levels;
  double v_max = lut::kPublished.v_max;    // V, top of the stored range
  double v_zero = lut::kPublished.v_zero;  // V, stored voltage that stands for 0
  double slope_a_per_v = lut::kPublished.slope_a_per_v;
  double s_sat_first_a = lut::kPublished.s_sat_first_a;
  double s_sat_second_a = lut::kPublished.s_sat_second_a;
  double decay_per_token = lut::kPublished.decay_per_token;
};

// config.json: the keys of published GPT-2 or LLaMA checkpoints, and the optional block "gaincell".
struct Config {
  Family family = Family::kGpt2;
  int n_layer = 0;
  int n_head = 0;
  int n_kv_head = 0;  // heads of keys and values, each read by as many query heads; 0 = n_head
  int head_size = 0;  // dimensions of a head; 0 = n_embd / n_head
  int n_embd = 0;
  int n_inner = 0;  // 4 n_embd where the file has none
  int n_positions = 0;
  int vocab_size = 0;
  Activation activation = Activation::kGeluTanh;
  MlpKind mlp = MlpKind::kPlain;
  NormKind norm = NormKind::kLayer;
  double norm_epsilon = 1e-5;
  bool attention_bias = true, mlp_bias = true;
  bool tie_word_embeddings = true;
  bool scale_by_layer = false;  // layer i's scores are divided by i + 1 as well
  Positions positions = Positions::kLearned;
  int rotary_dims =
      0;  // first dims of each head that are rotated, in pairs (i, i + rotary_dims / 2)
  double rotary_base = 10000;  // angle of pair i = position * rotary_base^(-2 i / rotary_dims)
  AttentionConfig attention;
  // Of LLaMA: what a text begins with where the tokenizer's files say nothing; -1 = none.
  int beginning_token = -1;
  nlohmann::json record;  // how the model came about: recipe, seed, adaptation; free form, or null

  int head_dim() const { return head_size > 0 ? head_size : n_embd / n_head; }
  int kv_heads() const { return n_kv_head > 0 ? n_kv_head : n_head; }
  int group() const { return n_head / kv_heads(); }
  int q_width() const { return n_head * head_dim(); }
  int kv_width() const { return kv_heads() * head_dim(); }
};

// Reads and checks. Every Error names the file and the key; keys of the gaincell block that are not
// known are refused, other unknown keys (a published config has many) are ignored, but settings
// that would change the result and are not built are refused. The other names that GPT-2's sizes
// have in published configs (hidden_size, num_hidden_layers ..) are read as well.
Config read_config(const std::filesystem::path& path);

// Always writes the gaincell block. By temporary file and rename.
void write_config(const std::filesystem::path& path, const Config& config);

}  // namespace gaincell::model
