#include "train/network.h"

#include <ATen/ATen.h>
#include <fmt/format.h>
#include <torch/utils.h>

#include <algorithm>
#include <numeric>

#include "base/error.h"
#include "base/random.h"

namespace gaincell::train {

using torch::Tensor;

Network::Network(model::Config config, std::uint64_t seed) : config_(std::move(config)) {
  const std::int64_t n = config_.n_embd, inner = config_.n_inner, heads = config_.n_head;
  const bool hardware = config_.attention.kind != model::AttentionKind::kSoftmax;
  const double joint = hardware ? 0.06 : 0.02, out = hardware ? 0.05 : 0.02;
  add("transformer.wte.weight", {config_.vocab_size, n}, 0.02, 0, seed);
  for (int layer = 0; layer < config_.n_layer; ++layer) {
    const std::string h = fmt::format("transformer.h.{}.", layer);
    for (const char* norm : {"ln_1", "ln_2"}) {
      add(h + norm + ".weight", {n}, 0, 1, seed);
      add(h + norm + ".bias", {n}, 0, 0, seed);
    }
    add(h + "attn.c_attn.weight", {n, 3 * n}, joint, 0, seed);
    add(h + "attn.c_attn.bias", {3 * n}, 0, 0, seed);
    add(h + "attn.c_proj.weight", {n, n}, out, 0, seed);
    add(h + "attn.c_proj.bias", {n}, 0, 0, seed);
    if (hardware) {
      const double zero = config_.attention.v_zero;
      add(h + "attn.scaler.q.a", {heads}, 0, 0.25, seed);
      add(h + "attn.scaler.q.b", {heads}, 0, 0.3, seed);
      for (const char* stored : {"k", "v"}) {
        add(h + "attn.scaler." + stored + ".a", {heads}, 0, 0.2, seed);
        add(h + "attn.scaler." + stored + ".b", {heads}, 0, zero, seed);
      }
      add(h + "attn.scaler.o.a", {heads}, 0, 1, seed);
      add(h + "attn.scaler.o.b", {heads}, 0, 0, seed);
    }
    add(h + "mlp.c_fc.weight", {n, inner}, 0.02, 0, seed);
    add(h + "mlp.c_fc.bias", {inner}, 0, 0, seed);
    add(h + "mlp.c_proj.weight", {inner, n}, out, 0, seed);
    add(h + "mlp.c_proj.bias", {n}, 0, 0, seed);
  }
  add("transformer.ln_f.weight", {n}, 0, 1, seed);
  add("transformer.ln_f.bias", {n}, 0, 0, seed);
}

void Network::add(const std::string& name, const std::vector<std::int64_t>& shape, double deviation,
                  double mean, std::uint64_t seed) {
  Tensor tensor = torch::full(shape, mean, torch::kFloat);
  if (deviation > 0) {
    Random random(seed, name);
    float* values = tensor.data_ptr<float>();
    for (std::int64_t i = 0; i < tensor.numel(); ++i)
      values[i] = static_cast<float>(mean + deviation * random.normal());
  }
  parameters_[name] = tensor.requires_grad_(true);
}

std::int64_t Network::parameter_count() const {
  return std::accumulate(
      parameters_.begin(), parameters_.end(), std::int64_t{0},
      [](std::int64_t sum, const auto& entry) { return sum + entry.second.numel(); });
}

Tensor Network::logits(const Tensor& tokens, const std::vector<std::int64_t>& first,
                       const Pass& pass) const {
  const model::AttentionConfig& hw = config_.attention;
  const bool hardware = hw.kind != model::AttentionKind::kSoftmax;
  const std::int64_t sequences = tokens.size(0), length = tokens.size(1), n = config_.n_embd;
  const Rotation rotation =
      make_rotation(first, static_cast<int>(length), config_.rotary_dims, config_.rotary_base);
  Random masks(pass.mask_seed, "dropout");
  const auto drop = [&](const Tensor& x) {
    return train::dropout(x, pass.dropout, static_cast<std::uint32_t>(masks.bits()));
  };
  const auto norm = [&](const Tensor& x, const std::string& name) {
    return torch::layer_norm(x, {n}, at(name + ".weight"), at(name + ".bias"),
                             config_.norm_epsilon);
  };
  const auto project = [&](const Tensor& x, const std::string& name) {
    return train::linear(x, at(name + ".weight"), at(name + ".bias"), pass.precision);
  };

  // Rows are tokens throughout: [sequences * length, n].
  Tensor x = drop(torch::embedding(at("transformer.wte.weight"), tokens.view({-1})));
  for (int layer = 0; layer < config_.n_layer; ++layer) {
    const std::string h = fmt::format("transformer.h.{}.", layer);
    const Tensor joint = project(norm(x, h + "ln_1"), h + "attn.c_attn");
    std::vector<Tensor> qkv =
        split_heads(joint.view({sequences, length, 3 * n}), rotation, config_.n_head);
    Tensor mixed;
    if (hardware) {
      const std::string s = h + "attn.scaler.";
      const Levels stored{0, hw.v_max, hw.kv_levels};
      const Tensor q =
          scale_and_quantise(qkv[0], at(s + "q.a"), at(s + "q.b"), {0, 1, hw.q_levels}, 0);
      const Tensor k = scale_and_quantise(qkv[1], at(s + "k.a"), at(s + "k.b"), stored, hw.v_zero);
      const Tensor v = scale_and_quantise(qkv[2], at(s + "v.a"), at(s + "v.b"), stored, hw.v_zero);
      mixed = linear_attention(q, k, v, hw) * at(s + "o.a").view({1, -1, 1, 1}) +
              at(s + "o.b").view({1, -1, 1, 1});
    } else {
      mixed = softmax_attention(qkv[0], qkv[1], qkv[2], hw.window);
    }
    mixed = mixed.transpose(1, 2).reshape({sequences * length, n});
    x = x + drop(project(mixed, h + "attn.c_proj"));
    const Tensor hidden = train::gelu(project(norm(x, h + "ln_2"), h + "mlp.c_fc"));
    x = x + drop(project(hidden, h + "mlp.c_proj"));
  }
  x = torch::mm(norm(x, "transformer.ln_f"), at("transformer.wte.weight").t());
  return x.view({sequences, length, config_.vocab_size});
}

std::map<std::string, model::Tensor> Network::to_tensors(model::Dtype dtype) const {
  std::map<std::string, model::Tensor> tensors;
  for (const auto& [name, value] : parameters_) {
    const float* data = value.data_ptr<float>();
    tensors[name] = {value.sizes().vec(), {data, data + value.numel()}, dtype};
  }
  return tensors;
}

void Network::assign(const std::map<std::string, model::Tensor>& tensors) {
  for (auto& [name, value] : parameters_) {
    const model::Tensor& from = tensors.at(name);
    TORCH_CHECK(from.shape == value.sizes().vec(), name, ": shapes differ");
    std::copy(from.values.begin(), from.values.end(), value.data_ptr<float>());
  }
}

double sliding_loss(const Network& network, const std::vector<std::int64_t>& tokens, int strip) {
  torch::NoGradGuard no_gradient;
  const model::Config& config = network.config();
  const int window = config.attention.window;
  const auto up = [](std::int64_t value, std::int64_t multiple) {
    return (value + multiple - 1) / multiple * multiple;
  };
  // A token feels at most layers x (window - 1) tokens before it. Strips start on multiples of the
  // window, so that ring slots are those of the whole text.
  const std::int64_t lead = up(static_cast<std::int64_t>(config.n_layer) * (window - 1), window);
  const std::int64_t step = up(strip, window);
  const auto predicted = static_cast<std::int64_t>(tokens.size()) - 1;
  double sum = 0;
  for (std::int64_t start = 0; start < predicted; start += step) {
    const std::int64_t end = std::min(start + step, predicted);
    const std::int64_t from = std::max<std::int64_t>(0, start - lead);
    const std::int64_t length = up(end - from, 64);
    Tensor input = torch::zeros({1, length}, torch::kLong);  // what follows `end` is not seen
    std::copy(tokens.begin() + from, tokens.begin() + end, input.data_ptr<std::int64_t>());
    Tensor target = torch::empty({end - start}, torch::kLong);
    std::copy(tokens.begin() + start + 1, tokens.begin() + end + 1,
              target.data_ptr<std::int64_t>());
    const Tensor logits = network.logits(input, {from}, {}).view({length, config.vocab_size});
    sum += at::cross_entropy_loss(logits.narrow(0, start - from, end - start), target, {},
                                  at::Reduction::Sum)
               .item<double>();
  }
  return sum / static_cast<double>(predicted);
}

}  // namespace gaincell::train
