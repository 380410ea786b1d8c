#include "tiny_model.h"

#include "base/files.h"
#include "base/random.h"

namespace gaincell::model {

Config tiny_config() {
  Config c;
  c.n_layer = 2;
  c.n_head = 2;
  c.n_embd = 32;
  c.n_inner = 128;
  c.n_positions = 24;
  c.vocab_size = 7;
  c.attention.window = 24;
  return c;
}

std::map<std::string, Tensor> tiny_tensors(const Config& c, std::uint64_t seed) {
  std::map<std::string, Tensor> tensors;
  const auto add = [&](const std::string& name, std::vector<std::int64_t> shape, double mean,
                       double spread) {
    Random random(seed, name);
    Tensor tensor{shape, {}, Dtype::kF32};
    for (std::int64_t i = 0; i < element_count(shape); ++i)
      tensor.values.push_back(static_cast<float>(mean + spread * random.normal()));
    tensors["transformer." + name] = tensor;
  };
  const std::int64_t w = c.n_embd, inner = c.n_inner;
  add("wte.weight", {c.vocab_size, w}, 0, 0.5);
  if (c.positions == Positions::kLearned) add("wpe.weight", {c.n_positions, w}, 0, 0.3);
  for (int i = 0; i < c.n_layer; ++i) {
    const std::string h = "h." + std::to_string(i) + ".";
    for (const char* norm : {"ln_1", "ln_2"}) {
      add(h + norm + ".weight", {w}, 1, 0.2);
      add(h + norm + ".bias", {w}, 0, 0.2);
    }
    add(h + "attn.c_attn.weight", {w, 3 * w}, 0, 0.3);
    add(h + "attn.c_attn.bias", {3 * w}, 0, 0.2);
    add(h + "attn.c_proj.weight", {w, w}, 0, 0.2);
    add(h + "attn.c_proj.bias", {w}, 0, 0.2);
    add(h + "mlp.c_fc.weight", {w, inner}, 0, 0.2);
    add(h + "mlp.c_fc.bias", {inner}, 0, 0.2);
    add(h + "mlp.c_proj.weight", {inner, w}, 0, 0.1);
    add(h + "mlp.c_proj.bias", {w}, 0, 0.2);
    if (c.attention.kind != AttentionKind::kSoftmax) {
      const std::vector<std::int64_t> heads = {c.n_head};
      for (const char part : {'q', 'k', 'v', 'o'}) {
        const std::string name = h + "attn.scaler." + part;
        add(name + ".a", heads, part == 'o' ? 1.0 : 0.2, 0.02);
        add(name + ".b", heads, part == 'q' ? 0.3 : part == 'o' ? 0.0 : 0.45, 0.02);
      }
    }
  }
  add("ln_f.weight", {w}, 1, 0.2);
  add("ln_f.bias", {w}, 0, 0.2);
  if (!c.tie_word_embeddings) {
    add("lm_head.weight", {c.vocab_size, w}, 0, 0.5);
    auto head = tensors.extract("transformer.lm_head.weight");
    head.key() = "lm_head.weight";
    tensors.insert(std::move(head));
  }
  return tensors;
}

void write_tiny_model(const std::filesystem::path& folder, const Config& config,
                      const std::map<std::string, Tensor>& tensors) {
  std::filesystem::create_directories(folder);
  write_config(folder / "config.json", config);
  write_safetensors(folder / "model.safetensors", tensors);
  write_file(folder / "vocab.json", R"({"a":0,"b":1,"c":2,"d":3,"e":4,"f":5,"\n":6})");
}

}  // namespace gaincell::model
