#include "model/weights.h"

#include <fmt/format.h>

#include <set>
#include <utility>

#include "base/error.h"

namespace gaincell::model {
namespace {

using Shape = std::vector<std::int64_t>;

// Takes tensors out of a checkpoint by name and shape, and knows which are left.
class Taker {
 public:
  explicit Taker(const CheckpointFiles& files) : files_(files) {
    for (const std::string& name : files.names()) left_.insert(name);
  }

  bool has(const std::string& name) const { return files_.has(files_.prefix() + name); }

  std::vector<float> take(const std::string& name, const Shape& shape) {
    return take_exactly(files_.prefix() + name, shape);
  }

  std::vector<float> take_exactly(const std::string& name, const Shape& shape) {
    if (!files_.has(name)) throw missing(name, shape);
    const Shape& found = files_.entry(name).shape;
    if (found != shape) {
      const bool turned = shape.size() == 2 && found == Shape{shape[1], shape[0]};
      throw Error({.place = files_.place(name),
                   .key = name,
                   .value = format_shape(found),
                   .rule = fmt::format("config.json asks for shape {}", format_shape(shape)),
                   .remedy = turned ? "it is the other way round: transpose it, as all others are"
                                    : "use the checkpoint that belongs to config.json"});
    }
    left_.erase(name);
    return files_.read(name).values;
  }

  bool has_shape(const std::string& name, const Shape& shape) const {
    return has(name) && files_.entry(files_.prefix() + name).shape == shape;
  }

  void expect_nothing_left() const {
    for (const std::string& name : left_) {
      // The causal mask, which older exports store.
      if (name.ends_with(".attn.bias") || name.ends_with(".attn.masked_bias")) continue;
      if (name.ends_with(".rotary_emb.inv_freq")) continue;  // follows from rope_theta
      throw Error({.place = files_.place(name),
                   .key = name,
                   .value = format_shape(files_.entry(name).shape),
                   .rule = "config.json has no place for this tensor",
                   .remedy = "use the checkpoint that belongs to config.json"});
    }
  }

 private:
  Error missing(const std::string& name, const Shape& shape) const {
    const std::string there =
        left_.empty() ? "" : fmt::format("; still to be placed: {}", *left_.begin());
    return Error(
        {.place = files_.place(),
         .key = name,
         .rule = fmt::format("the tensor is missing; config.json asks for it with shape {}",
                             format_shape(shape)) +
                 there,
         .remedy = "use the checkpoint that belongs to config.json"});
  }

  const CheckpointFiles& files_;
  std::set<std::string> left_;
};

// What the files of one family hold, by its names.
class Gpt2 {
 public:
  static constexpr const char* kEmbedding = "wte.weight";
  static constexpr const char* kLastNorm = "ln_f";

  Gpt2(Taker& taker, const Config& config, Arithmetic arithmetic)
      : taker_(taker),
        config_(config),
        arithmetic_(arithmetic),
        turned_(taker.has_shape("h.0.attn.c_attn.weight", {3 * config.n_embd, config.n_embd})) {}

  void add_remarks(std::vector<std::string>& remarks) const {
    if (turned_) remarks.push_back("matrices stored as [outputs, inputs]");
  }

  Norm norm(const std::string& name) const {
    const Shape shape{config_.n_embd};
    return {NormKind::kLayer, config_.norm_epsilon, taker_.take(name + ".weight", shape),
            taker_.take(name + ".bias", shape)};
  }

  Layer layer(int i) const {
    const std::string h = fmt::format("h.{}.", i);
    Layer layer;
    layer.ln_1 = norm(h + "ln_1");
    // Layer i's scores over i + 1 too: the same as queries over i + 1.
    const float of_queries = config_.scale_by_layer ? 1.0f / static_cast<float>(i + 1) : 1.0f;
    layer.attention_in =
        dense(h + "attn.c_attn", config_.n_embd, 3 * config_.n_embd, {config_.n_embd, of_queries});
    layer.attention_out = dense(h + "attn.c_proj", config_.n_embd, config_.n_embd);
    layer.ln_2 = norm(h + "ln_2");
    layer.mlp = {MlpKind::kPlain, config_.activation,
                 dense(h + "mlp.c_fc", config_.n_embd, config_.n_inner),
                 dense(h + "mlp.c_proj", config_.n_inner, config_.n_embd)};
    return layer;
  }

 private:
  // Times a factor for the first so many outputs.
  struct Scaled {
    int outputs;
    float by;
  };
  Dense dense(const std::string& name, int inputs, int outputs, Scaled scaled = {0, 1}) const {
    auto weight = taker_.take(name + ".weight",
                              turned_ ? Shape{outputs, inputs} : Shape{inputs, outputs}),
         bias = taker_.take(name + ".bias", {outputs});
    for (int out = 0; out < scaled.outputs && scaled.by != 1; ++out) {
      const std::ptrdiff_t step = turned_ ? 1 : outputs;
      float* one = weight.data() + static_cast<std::ptrdiff_t>(out) * (turned_ ? inputs : 1);
      for (int in = 0; in < inputs; ++in) one[in * step] *= scaled.by;
      bias[static_cast<std::size_t>(out)] *= scaled.by;
    }
    return {Matrix(inputs, outputs, weight,
                   turned_ ? Matrix::Layout::kByOutput : Matrix::Layout::kByInput, arithmetic_),
            std::move(bias)};
  }

  Taker& taker_;
  const Config& config_;
  Arithmetic arithmetic_;
  bool turned_;
};

class Llama {
 public:
  static constexpr const char* kEmbedding = "embed_tokens.weight";
  static constexpr const char* kLastNorm = "norm";

  Llama(Taker& taker, const Config& config, Arithmetic arithmetic)
      : taker_(taker), config_(config), arithmetic_(arithmetic) {}

  void add_remarks(std::vector<std::string>&) const {}

  Norm norm(const std::string& name) const {
    return {
        NormKind::kRms, config_.norm_epsilon, taker_.take(name + ".weight", {config_.n_embd}), {}};
  }

  Layer layer(int i) const {
    const std::string h = fmt::format("layers.{}.", i), a = h + "self_attn.", m = h + "mlp.";
    const int width = config_.n_embd, inner = config_.n_inner, q = config_.q_width(),
              kv = config_.kv_width();
    const Biases attention{config_.attention_bias}, mlp{config_.mlp_bias};
    Layer layer;
    layer.ln_1 = norm(h + "input_layernorm");
    layer.attention_in =
        side_by_side(width, {{a + "q_proj", q}, {a + "k_proj", kv}, {a + "v_proj", kv}}, attention);
    layer.attention_out = side_by_side(q, {{a + "o_proj", width}}, attention);
    layer.ln_2 = norm(h + "post_attention_layernorm");
    layer.mlp = {config_.mlp, config_.activation,
                 side_by_side(width, {{m + "gate_proj", inner}, {m + "up_proj", inner}}, mlp),
                 side_by_side(inner, {{m + "down_proj", width}}, mlp)};
    return layer;
  }

 private:
  struct Part {
    std::string name;
    int outputs;
  };
  struct Biases {
    bool stored;
  };

  // Matrices [outputs, inputs] of the same inputs, as one.
  Dense side_by_side(int inputs, const std::vector<Part>& parts, Biases biases) const {
    Dense dense;
    std::vector<float> rows;  // one an output
    int outputs = 0;
    for (const Part& part : parts) {
      const auto stored = taker_.take(part.name + ".weight", {part.outputs, inputs});
      rows.insert(rows.end(), stored.begin(), stored.end());
      outputs += part.outputs;
      if (!biases.stored) continue;
      const auto bias = taker_.take(part.name + ".bias", {part.outputs});
      dense.bias.insert(dense.bias.end(), bias.begin(), bias.end());
    }
    dense.weight = Matrix(inputs, outputs, rows, Matrix::Layout::kByOutput, arithmetic_);
    return dense;
  }

  Taker& taker_;
  const Config& config_;
  Arithmetic arithmetic_;
};

// The head, where it is not the embedding; both may be stored where they are tied.
std::vector<float> take_head(Taker& taker, const CheckpointFiles& files, const Weights& w,
                             const char* embedding) {
  const Config& config = w.config;
  const std::string name = files.head_name();
  if (config.tie_word_embeddings && !files.has(name)) return {};
  auto head = taker.take_exactly(name, {config.vocab_size, config.n_embd});
  if (!config.tie_word_embeddings) return head;
  if (head != w.wte)
    throw Error({.place = files.place(name),
                 .key = name,
                 .rule = fmt::format("differs from {}, but config.json says tie_word_embeddings",
                                     embedding),
                 .remedy = "set tie_word_embeddings to false, or drop the tensor"});
  return {};
}

template <class FamilyFiles>
Weights read_as(const CheckpointFiles& files, const Config& config, Arithmetic arithmetic) {
  Taker taker(files);
  const FamilyFiles family(taker, config, arithmetic);
  Weights w;
  w.arithmetic = arithmetic;
  w.config = config;
  if (files.files() > 1) w.remarks.push_back(fmt::format("{} shards", files.files()));
  const std::int64_t width = config.n_embd;
  const bool under_head = config.tie_word_embeddings && !taker.has(FamilyFiles::kEmbedding) &&
                          files.has(files.head_name());
  if (under_head) w.remarks.push_back(fmt::format("tied matrix stored as {}", files.head_name()));
  w.wte = under_head ? taker.take_exactly(files.head_name(), {config.vocab_size, width})
                     : taker.take(FamilyFiles::kEmbedding, {config.vocab_size, width});
  if (config.positions == Positions::kLearned)
    w.wpe = taker.take("wpe.weight", {config.n_positions, width});
  family.add_remarks(w.remarks);
  // Scalers come for all layers or for none.
  w.has_scalers = taker.has(scaler_name(config.family, 0, 'q', 'a'));
  for (int i = 0; i < config.n_layer; ++i) {
    Layer layer = family.layer(i);
    layer.scalers = attention::Scalers::identity(config.n_head, config.group());
    if (w.has_scalers)
      for (const auto& [name, values] : scaler_parts(layer.scalers))
        *values = taker.take(scaler_name(config.family, i, name.first, name.second),
                             {static_cast<std::int64_t>(values->size())});
    w.layers.push_back(std::move(layer));
  }
  w.ln_f = family.norm(FamilyFiles::kLastNorm);
  const auto head =
      under_head ? std::vector<float>() : take_head(taker, files, w, FamilyFiles::kEmbedding);
  w.head = Matrix(config.n_embd, config.vocab_size, head.empty() ? w.wte : head,
                  Matrix::Layout::kByOutput, arithmetic);
  taker.expect_nothing_left();
  return w;
}

}  // namespace

std::string scaler_name(Family family, int layer, char part, char coefficient) {
  const std::string of_layer = family == Family::kLlama ? fmt::format("layers.{}.self_attn", layer)
                                                        : fmt::format("h.{}.attn", layer);
  return fmt::format("{}.scaler.{}.{}", of_layer, part, coefficient);
}

std::map<std::pair<char, char>, std::vector<float>*> scaler_parts(attention::Scalers& s) {
  return {{{'q', 'a'}, &s.a_q}, {{'q', 'b'}, &s.b_q}, {{'k', 'a'}, &s.a_k}, {{'k', 'b'}, &s.b_k},
          {{'v', 'a'}, &s.a_v}, {{'v', 'b'}, &s.b_v}, {{'o', 'a'}, &s.a_o}, {{'o', 'b'}, &s.b_o}};
}

Weights read_weights(const CheckpointFiles& files, const Config& config, Arithmetic arithmetic) {
  return config.family == Family::kLlama ? read_as<Llama>(files, config, arithmetic)
                                         : read_as<Gpt2>(files, config, arithmetic);
}

}  // namespace gaincell::model
