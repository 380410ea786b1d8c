#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

#include "lut/published.h"

namespace gaincell::model {

// How a token's place enters: a learned vector per position (GPT-2), or a rotation of queries and
// keys by an angle that depends on the distance alone, so that a text can slide without end.
enum class Positions { kLearned, kRotary };
enum class Activation { kGeluTanh, kGeluErf };
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
  int output_levels = lut::kPublished.output_levels;
  double v_max = lut::kPublished.v_max;    // V, top of the stored range
  double v_zero = lut::kPublished.v_zero;  // V, stored voltage that stands for 0
  double slope_a_per_v = lut::kPublished.slope_a_per_v;
  double s_sat_first_a = lut::kPublished.s_sat_first_a;
  double s_sat_second_a = lut::kPublished.s_sat_second_a;
  double decay_per_token = lut::kPublished.decay_per_token;
};

// config.json: the keys of published GPT-2 checkpoints, and the optional block "gaincell".
struct Config {
  int n_layer = 0;
  int n_head = 0;
  int n_embd = 0;
  int n_inner = 0;  // 4 n_embd where the file has none
  int n_positions = 0;
  int vocab_size = 0;
  Activation activation = Activation::kGeluTanh;
  double layer_norm_epsilon = 1e-5;
  bool tie_word_embeddings = true;
  bool scale_by_layer = false;  // layer i's scores are divided by i + 1 as well
  Positions positions = Positions::kLearned;
  int rotary_dims =
      0;  // first dims of each head that are rotated, in pairs (i, i + rotary_dims / 2)
  double rotary_base = 10000;  // angle of pair i = position * rotary_base^(-2 i / rotary_dims)
  AttentionConfig attention;
  nlohmann::json record;  // how the model came about: recipe, seed, adaptation; free form, or null

  int head_dim() const { return n_embd / n_head; }
};

// Reads and checks. Every Error names the file and the key; keys of the gaincell block that are not
// known are refused, other unknown keys (a published config has many) are ignored, but settings
// that would change the result and are not built are refused. The other names that GPT-2's sizes
// have in published configs (hidden_size, num_hidden_layers ..) are read as well.
Config read_config(const std::filesystem::path& path);

// Always writes the gaincell block. By temporary file and rename.
void write_config(const std::filesystem::path& path, const Config& config);

}  // namespace gaincell::model
