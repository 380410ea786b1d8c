#include "model/config.h"

#include <fmt/format.h>

#include <cmath>
#include <initializer_list>
#include <utility>

#include "base/error.h"
#include "base/files.h"
#include "base/json.h"

namespace gaincell::model {
namespace {

using nlohmann::json;

// One JSON object with the path to it, for messages such as
//   DIR/config.json: gaincell.attention.window = -3: must be at least 1
class Block {
 public:
  Block(const json& object, std::string place, std::string path)
      : object_(object), place_(std::move(place)), path_(std::move(path)) {}

  bool has(const char* key) const { return object_.contains(key) && !object_[key].is_null(); }

  Error refuse(const char* key, const std::string& rule, const std::string& remedy = {}) const {
    return Error({.place = place_,
                  .key = path_ + key,
                  .value = object_.contains(key) ? brief_json(object_[key]) : std::string(),
                  .rule = rule,
                  .remedy = remedy});
  }

  // Largest: sizes of which no model has more, so that their products stay in reach.
  static constexpr int kLargest = 1 << 24;
  int integer(const char* key, int low, int high = kLargest) const {
    if (!has(key)) throw refuse(key, "is missing", "add it");
    const json& value = object_[key];
    if (!value.is_number_integer() || value.get<double>() < low)
      throw refuse(key, fmt::format("must be an integer of at least {}", low));
    if (value.get<double>() > high) throw refuse(key, fmt::format("must be at most {}", high));
    return value.get<int>();
  }
  int integer_or(const char* key, int low, int absent, int high = kLargest) const {
    return has(key) ? integer(key, low, high) : absent;
  }
  // By either of two names; both must say the same.
  int integer_of(const char* key, const char* other, int low, int high) const {
    if (!has(other)) return integer(key, low, high);
    const int value = integer(other, low, high);
    if (has(key) && integer(key, low, high) != value)
      throw refuse(key, fmt::format("{} says {}", other, value), "correct one of them");
    return value;
  }

  // Single precision computes with them.
  static constexpr double kMostNumber = 1e30;
  double positive(const char* key, double absent) const {
    const double value = number(key, absent);
    if (!(value >= 1 / kMostNumber)) throw refuse(key, "must be greater than 0");
    return value;
  }
  double number(const char* key, double absent) const {
    if (!has(key)) return absent;
    if (!object_[key].is_number()) throw refuse(key, "must be a number");
    const double value = object_[key].get<double>();
    if (std::abs(value) > kMostNumber)
      throw refuse(key, fmt::format("must lie within {:g}", kMostNumber));
    return value;
  }
  bool boolean(const char* key, bool absent) const {
    if (!has(key)) return absent;
    if (!object_[key].is_boolean()) throw refuse(key, "must be true or false");
    return object_[key].get<bool>();
  }
  std::string text(const char* key, const char* absent) const {
    if (!has(key)) return absent;
    if (!object_[key].is_string()) throw refuse(key, "must be a string");
    return object_[key].get<std::string>();
  }
  Block block(const char* key) const {
    static const json kEmpty = json::object();
    if (!has(key)) return {kEmpty, place_, path_ + key + "."};
    if (!object_[key].is_object()) throw refuse(key, "must be an object");
    return {object_[key], place_, path_ + key + "."};
  }
  void allow_only(std::initializer_list<const char*> known) const {
    for (const auto& [key, value] : object_.items()) {
      bool found = false;
      for (const char* name : known) found = found || key == name;
      if (!found) {
        throw refuse(key.c_str(), "unknown key",
                     fmt::format("known keys here: {}", fmt::join(known, ", ")));
      }
    }
  }
  const json& at(const char* key) const { return object_[key]; }
  const std::string& place() const { return place_; }
  std::string key_path(const char* key) const { return path_ + key; }

 private:
  const json& object_;
  std::string place_, path_;
};

// Keys of other architectures, and of GPT-2 with parts that are not built. A model that has them
// would run, and be another one.
void refuse_what_gpt2_has_not(const Block& top) {
  for (const char* key : {"add_cross_attention", "is_encoder_decoder", "alibi", "use_alibi",
                          "parallel_attn", "use_parallel_residual", "multi_query", "use_qk_norm"})
    if (top.boolean(key, false))
      throw top.refuse(key, "is not built", "use a model of GPT-2's plain architecture");
  for (const char* key :
       {"quantization_config", "rope_theta", "rope_scaling", "rotary_dim", "rotary_pct",
        "rotary_emb_base", "sliding_window", "num_key_value_heads", "num_experts"})
    if (top.has(key))
      throw top.refuse(key, "is not built: GPT-2 has no such setting",
                       "use a model of GPT-2's plain architecture");
  if (top.text("position_embedding_type", "absolute") != "absolute")
    throw top.refuse("position_embedding_type", "must be absolute",
                     "use a model of GPT-2's plain architecture");
  if (top.has("pruned_heads") && !top.at("pruned_heads").empty())
    throw top.refuse("pruned_heads", "models without some of their heads are not read",
                     "export the whole model");
}

AttentionConfig read_attention(const Block& block, int n_positions) {
  block.allow_only({"kind", "window", "tile", "q_levels", "kv_levels", "output_levels", "v_max",
                    "v_zero", "slope_a_per_v", "s_sat_first_a", "s_sat_second_a",
                    "decay_per_token"});
  AttentionConfig a;
  a.kind =
      parse_attention_kind(block.text("kind", "softmax"), block.place(), block.key_path("kind"));
  constexpr int kMost = 65536;
  a.window = block.integer_or("window", 1, n_positions);
  a.tile = block.integer_or("tile", 1, a.tile, kMost);
  a.q_levels = block.integer_or("q_levels", 2, a.q_levels, kMost);
  a.kv_levels = block.integer_or("kv_levels", 2, a.kv_levels, kMost);
  a.output_levels = block.integer_or("output_levels", 2, a.output_levels, kMost);
  a.v_max = block.positive("v_max", a.v_max);
  a.v_zero = block.number("v_zero", a.v_zero);
  if (a.v_zero < 0 || a.v_zero > a.v_max) throw block.refuse("v_zero", "must lie in 0 .. v_max");
  a.slope_a_per_v = block.positive("slope_a_per_v", a.slope_a_per_v);
  a.s_sat_first_a = block.positive("s_sat_first_a", a.s_sat_first_a);
  a.s_sat_second_a = block.positive("s_sat_second_a", a.s_sat_second_a);
  a.decay_per_token = block.number("decay_per_token", a.decay_per_token);
  if (a.decay_per_token < 0) throw block.refuse("decay_per_token", "must be at least 0");
  return a;
}

}  // namespace

std::string to_string(Positions positions) {
  return positions == Positions::kLearned ? "learned" : "rotary";
}

std::string to_string(AttentionKind kind) {
  switch (kind) {
    case AttentionKind::kSoftmax:
      return "softmax";
    case AttentionKind::kLinear:
      return "linear";
    case AttentionKind::kAnalog:
      return "analog";
  }
  return {};
}

AttentionKind parse_attention_kind(const std::string& text, const std::string& place,
                                   const std::string& key) {
  for (const AttentionKind kind :
       {AttentionKind::kSoftmax, AttentionKind::kLinear, AttentionKind::kAnalog}) {
    if (text == to_string(kind)) return kind;
  }
  throw Error(
      {.place = place, .key = key, .value = text, .rule = "must be softmax, linear or analog"});
}

namespace {

constexpr int kMostLayers = 1000, kWidest = 1 << 20;

void read_gpt2(const Block& top, Config& c) {
  refuse_what_gpt2_has_not(top);
  c.n_layer = top.integer_of("n_layer", "num_hidden_layers", 1, kMostLayers);
  c.n_head = top.integer_of("n_head", "num_attention_heads", 1, kWidest);
  c.n_embd = top.integer_of("n_embd", "hidden_size", 1, kWidest);
  if (c.n_embd % c.n_head != 0) {
    throw top.refuse("n_embd", fmt::format("must be a multiple of n_head = {}", c.n_head));
  }
  c.n_inner = top.integer_or("n_inner", 1, 4 * c.n_embd, 4 * kWidest);
  c.n_positions = top.has("n_positions") || !top.has("n_ctx")
                      ? top.integer_of("n_positions", "max_position_embeddings", 1, Block::kLargest)
                      : top.integer("n_ctx", 1);
  const std::string activation = top.text("activation_function", "gelu_new");
  if (activation == "gelu_new" || activation == "gelu_pytorch_tanh") {
    c.activation = Activation::kGeluTanh;
  } else if (activation == "gelu") {
    c.activation = Activation::kGeluErf;
  } else {
    throw top.refuse("activation_function", "must be gelu_new, gelu_pytorch_tanh or gelu");
  }
  c.norm_epsilon = top.positive("layer_norm_epsilon", 1e-5);
  c.tie_word_embeddings = top.boolean("tie_word_embeddings", true);
  if (!top.boolean("scale_attn_weights", true)) {
    throw top.refuse("scale_attn_weights", "unscaled attention is not built");
  }
  c.scale_by_layer = top.boolean("scale_attn_by_inverse_layer_idx", false);
}

void refuse_what_llama_has_not(const Block& top) {
  constexpr const char* kRemedy = "use a model of LLaMA's plain architecture";
  for (const char* key : {"quantization_config", "sliding_window", "num_experts",
                          "num_local_experts", "rotary_dim", "rotary_pct", "layer_types"})
    if (top.has(key)) throw top.refuse(key, "is not built", kRemedy);
  for (const char* key : {"use_qk_norm", "use_sliding_window", "parallel_attn", "alibi"})
    if (top.boolean(key, false)) throw top.refuse(key, "is not built", kRemedy);
  if (top.number("partial_rotary_factor", 1) != 1)
    throw top.refuse("partial_rotary_factor", "all of a head is turned", kRemedy);
  if (top.text("hidden_act", "silu") != "silu") throw top.refuse("hidden_act", "must be silu");
  // Positions beyond those of training, by other angles. Both names have been in use.
  for (const char* key : {"rope_scaling", "rope_parameters"}) {
    const Block scaling = top.block(key);
    for (const char* kind : {"rope_type", "type"})
      if (scaling.text(kind, "default") != "default")
        throw scaling.refuse(kind, "scaled rotary positions are not built",
                             "use a model without (rope_scaling null)");
  }
}

void read_llama(const Block& top, Config& c) {
  refuse_what_llama_has_not(top);
  c.family = Family::kLlama;
  c.n_layer = top.integer("num_hidden_layers", 1, kMostLayers);
  c.n_head = top.integer("num_attention_heads", 1, kWidest);
  c.n_kv_head = top.integer_or("num_key_value_heads", 1, c.n_head, kWidest);
  if (c.n_head % c.n_kv_head != 0)
    throw top.refuse("num_key_value_heads",
                     fmt::format("must divide num_attention_heads = {}", c.n_head));
  c.n_embd = top.integer("hidden_size", 1, kWidest);
  if (!top.has("head_dim") && c.n_embd % c.n_head != 0)
    throw top.refuse("hidden_size", fmt::format("must be a multiple of num_attention_heads = {}, "
                                                "where there is no head_dim",
                                                c.n_head));
  c.head_size = top.integer_or("head_dim", 1, c.n_embd / c.n_head, kWidest);
  if (c.head_size % 2 != 0)
    throw top.refuse(
        top.has("head_dim") ? "head_dim" : "hidden_size",
        fmt::format("heads of {} dimensions: rotary positions turn pairs of them", c.head_size));
  c.n_inner = top.integer("intermediate_size", 1, 4 * kWidest);
  c.n_positions = top.integer("max_position_embeddings", 1);
  c.activation = Activation::kSilu;
  c.mlp = MlpKind::kGated;
  c.norm = NormKind::kRms;
  c.norm_epsilon = top.positive("rms_norm_eps", 1e-6);
  c.tie_word_embeddings = top.boolean("tie_word_embeddings", false);
  c.attention_bias = top.boolean("attention_bias", false);
  c.mlp_bias = top.boolean("mlp_bias", false);
  c.positions = Positions::kRotary;
  c.rotary_dims = c.head_size;
  const Block rope = top.has("rope_theta") ? top : top.block("rope_parameters");
  c.rotary_base = rope.number("rope_theta", 10000);
  if (!(c.rotary_base > 1)) throw rope.refuse("rope_theta", "must be greater than 1");
}

// Models of our own may be GPT-2 with rotary positions.
void read_positions(const Block& ours, Config& c) {
  const std::string positions = ours.text("positions", to_string(c.positions).c_str());
  if (c.family == Family::kLlama) {
    if (positions != "rotary") throw ours.refuse("positions", "must be rotary, as LLaMA's are");
    return;
  }
  if (positions == "learned") return;
  if (positions != "rotary") throw ours.refuse("positions", "must be learned or rotary");
  c.positions = Positions::kRotary;
  c.rotary_dims = ours.integer("rotary_dims", 2);
  if (c.rotary_dims % 2 != 0 || c.rotary_dims > c.head_dim()) {
    throw ours.refuse("rotary_dims",
                      fmt::format("must be even and at most the head dimension, {}", c.head_dim()));
  }
  c.rotary_base = ours.number("rotary_base", c.rotary_base);
  if (!(c.rotary_base > 1)) throw ours.refuse("rotary_base", "must be greater than 1");
}

nlohmann::ordered_json gpt2_keys(const Config& c) {
  nlohmann::ordered_json keys = {
      {"architectures", {"GPT2LMHeadModel"}},
      {"model_type", "gpt2"},
      {"n_layer", c.n_layer},
      {"n_head", c.n_head},
      {"n_embd", c.n_embd},
      {"n_inner", c.n_inner},
      {"n_positions", c.n_positions},
      {"n_ctx", c.n_positions},
      {"vocab_size", c.vocab_size},
      {"activation_function", c.activation == Activation::kGeluTanh ? "gelu_new" : "gelu"},
      {"layer_norm_epsilon", c.norm_epsilon},
      {"tie_word_embeddings", c.tie_word_embeddings},
  };
  if (c.scale_by_layer) keys["scale_attn_by_inverse_layer_idx"] = true;
  return keys;
}

nlohmann::ordered_json llama_keys(const Config& c) {
  nlohmann::ordered_json keys = {
      {"architectures", {"LlamaForCausalLM"}},
      {"model_type", "llama"},
      {"num_hidden_layers", c.n_layer},
      {"num_attention_heads", c.n_head},
      {"num_key_value_heads", c.kv_heads()},
      {"head_dim", c.head_dim()},
      {"hidden_size", c.n_embd},
      {"intermediate_size", c.n_inner},
      {"max_position_embeddings", c.n_positions},
      {"vocab_size", c.vocab_size},
      {"hidden_act", "silu"},
      {"rms_norm_eps", c.norm_epsilon},
      {"rope_theta", c.rotary_base},
      {"attention_bias", c.attention_bias},
      {"mlp_bias", c.mlp_bias},
      {"tie_word_embeddings", c.tie_word_embeddings},
  };
  if (c.beginning_token >= 0) keys["bos_token_id"] = c.beginning_token;
  return keys;
}

}  // namespace

Config read_config(const std::filesystem::path& path) {
  const json object =
      parse_json(read_file(path), path.string(), "mend it or export the model again");
  if (!object.is_object()) {
    throw Error({.place = path.string(), .rule = "must hold one JSON object"});
  }
  const Block top(object, path.string(), "");

  Config c;
  const std::string type = top.text("model_type", "gpt2");
  if (type == "gpt2") {
    read_gpt2(top, c);
  } else if (type == "llama") {
    read_llama(top, c);
  } else {
    throw top.refuse("model_type", "only the architectures of GPT-2 and LLaMA are read",
                     "use a model of type gpt2 or llama");
  }
  c.vocab_size = top.integer("vocab_size", 1);
  if (c.family == Family::kLlama)
    c.beginning_token = top.integer_or("bos_token_id", 0, -1, c.vocab_size - 1);

  const Block ours = top.block("gaincell");
  ours.allow_only({"format", "positions", "rotary_dims", "rotary_base", "attention", "record"});
  if (top.has("gaincell") && ours.integer_or("format", 0, 0) != 1) {
    throw ours.refuse("format", "this program reads format 1",
                      "use the program version that wrote it");
  }
  read_positions(ours, c);
  c.attention = read_attention(ours.block("attention"), c.n_positions);
  if (ours.has("record")) c.record = ours.at("record");
  return c;
}

void write_config(const std::filesystem::path& path, const Config& c) {
  const AttentionConfig& a = c.attention;
  nlohmann::ordered_json object = c.family == Family::kLlama ? llama_keys(c) : gpt2_keys(c);
  nlohmann::ordered_json ours = {{"format", 1}, {"positions", to_string(c.positions)}};
  if (c.family == Family::kGpt2 && c.positions == Positions::kRotary) {
    ours["rotary_dims"] = c.rotary_dims;
    ours["rotary_base"] = c.rotary_base;
  }
  ours["attention"] = {{"kind", to_string(a.kind)},
                       {"window", a.window > 0 ? a.window : c.n_positions},
                       {"tile", a.tile},
                       {"q_levels", a.q_levels},
                       {"kv_levels", a.kv_levels},
                       {"output_levels", a.output_levels},
                       {"v_max", a.v_max},
                       {"v_zero", a.v_zero},
                       {"slope_a_per_v", a.slope_a_per_v},
                       {"s_sat_first_a", a.s_sat_first_a},
                       {"s_sat_second_a", a.s_sat_second_a},
                       {"decay_per_token", a.decay_per_token}};
  if (!c.record.is_null()) ours["record"] = c.record;
  object["gaincell"] = std::move(ours);
  write_file(path, json_text(object, 1) + "\n");
}

}  // namespace gaincell::model
