#include "model/weights.h"

#include <fmt/format.h>

#include <set>
#include <utility>

#include "base/error.h"

namespace gaincell::model {
namespace {

using Shape = std::vector<std::int64_t>;

// Takes tensors out of a file by name and shape, and knows which are left.
class Taker {
 public:
  explicit Taker(const SafetensorsReader& file)
      : file_(file), prefix_(file.has("transformer.wte.weight") ? "transformer." : "") {
    for (const auto& [name, entry] : file.entries()) left_.insert(name);
  }

  bool has(const std::string& name) const { return file_.has(prefix_ + name); }

  std::vector<float> take(const std::string& name, const Shape& shape) {
    return take_exactly(prefix_ + name, shape);
  }

  std::vector<float> take_exactly(const std::string& name, const Shape& shape) {
    const auto found = file_.entries().find(name);
    if (found == file_.entries().end()) {
      throw Error(
          {.place = file_.path().string(),
           .key = name,
           .rule = fmt::format("the tensor is missing; config.json asks for it with shape {}",
                               format_shape(shape)),
           .remedy = "use the checkpoint that belongs to config.json"});
    }
    if (found->second.shape != shape) {
      throw Error({.place = file_.path().string(),
                   .key = name,
                   .value = format_shape(found->second.shape),
                   .rule = fmt::format("config.json asks for shape {}", format_shape(shape)),
                   .remedy = "use the checkpoint that belongs to config.json"});
    }
    left_.erase(name);
    return file_.read(name).values;
  }

  void expect_nothing_left() const {
    for (const std::string& name : left_) {
      // The causal mask, which older exports store.
      if (name.ends_with(".attn.bias") || name.ends_with(".attn.masked_bias")) continue;
      throw Error({.place = file_.path().string(),
                   .key = name,
                   .value = format_shape(file_.entries().at(name).shape),
                   .rule = "config.json has no place for this tensor",
                   .remedy = "use the checkpoint that belongs to config.json"});
    }
  }

 private:
  const SafetensorsReader& file_;
  std::string prefix_;
  std::set<std::string> left_;
};

}  // namespace

std::string scaler_name(int layer, char part, char coefficient) {
  return fmt::format("h.{}.attn.scaler.{}.{}", layer, part, coefficient);
}

std::map<std::pair<char, char>, std::vector<float>*> scaler_parts(attention::Scalers& s) {
  return {{{'q', 'a'}, &s.a_q}, {{'q', 'b'}, &s.b_q}, {{'k', 'a'}, &s.a_k}, {{'k', 'b'}, &s.b_k},
          {{'v', 'a'}, &s.a_v}, {{'v', 'b'}, &s.b_v}, {{'o', 'a'}, &s.a_o}, {{'o', 'b'}, &s.b_o}};
}

Weights read_weights(const SafetensorsReader& file, const Config& config) {
  Taker taker(file);
  Weights w;
  w.config = config;
  const std::int64_t width = config.n_embd, inner = config.n_inner;
  w.wte = taker.take("wte.weight", {config.vocab_size, width});
  if (config.positions == Positions::kLearned) {
    w.wpe = taker.take("wpe.weight", {config.n_positions, width});
  }
  const auto norm = [&](const std::string& name) {
    return Norm{taker.take(name + ".weight", {width}), taker.take(name + ".bias", {width})};
  };
  const auto dense = [&](const std::string& name, std::int64_t inputs, std::int64_t outputs) {
    return Dense{static_cast<int>(inputs), static_cast<int>(outputs),
                 taker.take(name + ".weight", {inputs, outputs}),
                 taker.take(name + ".bias", {outputs})};
  };
  // Scalers come for all layers or for none.
  w.has_scalers = taker.has(scaler_name(0, 'q', 'a'));
  for (int i = 0; i < config.n_layer; ++i) {
    const std::string h = fmt::format("h.{}.", i);
    Layer layer;
    layer.ln_1 = norm(h + "ln_1");
    layer.attention_in = dense(h + "attn.c_attn", width, 3 * width);
    layer.attention_out = dense(h + "attn.c_proj", width, width);
    layer.ln_2 = norm(h + "ln_2");
    layer.mlp_in = dense(h + "mlp.c_fc", width, inner);
    layer.mlp_out = dense(h + "mlp.c_proj", inner, width);
    layer.scalers = attention::Scalers::identity(config.n_head);
    if (w.has_scalers) {
      for (const auto& [name, values] : scaler_parts(layer.scalers)) {
        *values = taker.take(scaler_name(i, name.first, name.second), {config.n_head});
      }
    }
    w.layers.push_back(std::move(layer));
  }
  w.ln_f = norm("ln_f");
  if (file.has("lm_head.weight")) {
    w.head = taker.take_exactly("lm_head.weight", {config.vocab_size, width});
    if (config.tie_word_embeddings && w.head != w.wte) {
      throw Error({.place = file.path().string(),
                   .key = "lm_head.weight",
                   .rule = "differs from wte.weight, but config.json says tie_word_embeddings",
                   .remedy = "set tie_word_embeddings to false, or drop the tensor"});
    }
    if (config.tie_word_embeddings) w.head.clear();
  } else if (!config.tie_word_embeddings) {
    taker.take_exactly("lm_head.weight", {config.vocab_size, width});
  }
  taker.expect_nothing_left();
  return w;
}

}  // namespace gaincell::model
