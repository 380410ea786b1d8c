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

  // Row-major [rows][columns], from a tensor that is so or the other way round.
  std::vector<float> take_matrix(const std::string& name, std::int64_t rows, std::int64_t columns,
                                 bool turned) {
    if (!turned) return take(name, {rows, columns});
    const std::vector<float> stored = take(name, {columns, rows});
    std::vector<float> matrix(stored.size());
    for (std::int64_t r = 0; r < rows; ++r)
      for (std::int64_t c = 0; c < columns; ++c)
        matrix[static_cast<std::size_t>(r * columns + c)] =
            stored[static_cast<std::size_t>(c * rows + r)];
    return matrix;
  }

  bool has_shape(const std::string& name, const Shape& shape) const {
    return has(name) && files_.entry(files_.prefix() + name).shape == shape;
  }

  void expect_nothing_left() const {
    for (const std::string& name : left_) {
      // The causal mask, which older exports store.
      if (name.ends_with(".attn.bias") || name.ends_with(".attn.masked_bias")) continue;
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

// Layer i's scores over i + 1 too: the same as queries over i + 1.
void scale_queries(Dense& attention_in, int width, float factor) {
  for (int row = 0; row <= attention_in.inputs; ++row) {
    float* out = row < attention_in.inputs ? attention_in.weight.data() +
                                                 static_cast<std::size_t>(row) *
                                                     static_cast<std::size_t>(attention_in.outputs)
                                           : attention_in.bias.data();
    for (int c = 0; c < width; ++c) out[c] *= factor;
  }
}

}  // namespace

std::string scaler_name(int layer, char part, char coefficient) {
  return fmt::format("h.{}.attn.scaler.{}.{}", layer, part, coefficient);
}

std::map<std::pair<char, char>, std::vector<float>*> scaler_parts(attention::Scalers& s) {
  return {{{'q', 'a'}, &s.a_q}, {{'q', 'b'}, &s.b_q}, {{'k', 'a'}, &s.a_k}, {{'k', 'b'}, &s.b_k},
          {{'v', 'a'}, &s.a_v}, {{'v', 'b'}, &s.b_v}, {{'o', 'a'}, &s.a_o}, {{'o', 'b'}, &s.b_o}};
}

Weights read_weights(const CheckpointFiles& files, const Config& config) {
  Taker taker(files);
  Weights w;
  w.config = config;
  if (files.files() > 1) w.remarks.push_back(fmt::format("{} shards", files.files()));
  const std::int64_t width = config.n_embd, inner = config.n_inner;
  const std::string head_name = files.head_name();
  const bool under_head =
      config.tie_word_embeddings && !taker.has("wte.weight") && files.has(head_name);
  if (under_head) w.remarks.push_back(fmt::format("tied matrix stored as {}", head_name));
  w.wte = under_head ? taker.take_exactly(head_name, {config.vocab_size, width})
                     : taker.take("wte.weight", {config.vocab_size, width});
  if (config.positions == Positions::kLearned) {
    w.wpe = taker.take("wpe.weight", {config.n_positions, width});
  }
  const bool turned = taker.has_shape("h.0.attn.c_attn.weight", {3 * width, width});
  if (turned) w.remarks.push_back("matrices stored as [outputs, inputs]");
  const auto norm = [&](const std::string& name) {
    return Norm{taker.take(name + ".weight", {width}), taker.take(name + ".bias", {width})};
  };
  const auto dense = [&](const std::string& name, std::int64_t inputs, std::int64_t outputs) {
    return Dense{static_cast<int>(inputs), static_cast<int>(outputs),
                 taker.take_matrix(name + ".weight", inputs, outputs, turned),
                 taker.take(name + ".bias", {outputs})};
  };
  // Scalers come for all layers or for none.
  w.has_scalers = taker.has(scaler_name(0, 'q', 'a'));
  for (int i = 0; i < config.n_layer; ++i) {
    const std::string h = fmt::format("h.{}.", i);
    Layer layer;
    layer.ln_1 = norm(h + "ln_1");
    layer.attention_in = dense(h + "attn.c_attn", width, 3 * width);
    if (config.scale_by_layer)
      scale_queries(layer.attention_in, config.n_embd, 1.0f / static_cast<float>(i + 1));
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
  if (!under_head && files.has(head_name)) {
    w.head = taker.take_exactly(head_name, {config.vocab_size, width});
    if (config.tie_word_embeddings && w.head != w.wte) {
      throw Error({.place = files.place(head_name),
                   .key = head_name,
                   .rule = "differs from wte.weight, but config.json says tie_word_embeddings",
                   .remedy = "set tie_word_embeddings to false, or drop the tensor"});
    }
    if (config.tie_word_embeddings) w.head.clear();
  } else if (!config.tie_word_embeddings) {
    taker.take_exactly(head_name, {config.vocab_size, width});
  }
  taker.expect_nothing_left();
  return w;
}

}  // namespace gaincell::model
