#pragma once

#include <torch/types.h>

#include <cstdint>
#include <vector>

#include "model/config.h"

// The differentiable pieces of the network that are fused here because the stock operators would
// make many passes over memory. All tensors are float, contiguous, on the CPU.
namespace gaincell::train {

enum class Precision { kF32, kBf16 };

// x [rows, in] W [in, out] + b [out]. With kBf16 both factors of all three products (output, both
// gradients) are rounded to bfloat16 first; sums and everything else stay float.
torch::Tensor linear(const torch::Tensor& x, const torch::Tensor& weight, const torch::Tensor& bias,
                     Precision precision);

torch::Tensor gelu(const torch::Tensor& x);

// Identity where rate = 0. `key` selects the mask.
torch::Tensor dropout(const torch::Tensor& x, double rate, std::uint32_t key);

// Cosine and sine of position * base^(-2i/dims), i < dims/2, positions first[b] + t: two tensors
// [sequences, tokens, dims/2]. Angles in double, since positions run into millions.
struct Rotation {
  torch::Tensor cosine, sine;
};
Rotation make_rotation(const std::vector<std::int64_t>& first, int tokens, int dims, double base);

// Range and step of a quantised, clamped quantity.
struct Levels {
  double low, high;
  int levels;
  double step() const { return (high - low) / (levels - 1); }
};

// Splits qkv [sequences, tokens, 3 heads dim] into q, k and v [sequences, heads, tokens, dim] and
// rotates the first dims of every q and k in pairs (i, i + dims/2).
std::vector<torch::Tensor> split_heads(const torch::Tensor& qkv, const Rotation& rotation,
                                       int heads);

// step * round(clamp(a x + b) / step) - zero, one a and one b for each head; x [sequences, heads,
// tokens, dim]. Gradient straight through the rounding, none where the clamp holds.
torch::Tensor scale_and_quantise(const torch::Tensor& x, const torch::Tensor& a,
                                 const torch::Tensor& b, const Levels& levels, double zero);

// Causal attention over the `window` newest tokens; q, k, v and the result [sequences, heads,
// tokens, dim]; tokens and window multiples of 64. Work and memory are tokens x window.
torch::Tensor softmax_attention(const torch::Tensor& q, const torch::Tensor& k,
                                const torch::Tensor& v, int window);

// Linear hardware attention (Leroux et al. 2025, arXiv 2409.19315) on quantised q and zero-centred
// k, v: phi = clamp(slope/S_sat1 (q.k) D, 0, 1), and for each ring sub-tile of 64 slots
// quantise(clamp(slope/S_sat2 sum phi D v, -1, 1)), summed over sub-tiles. Token t of a sequence
// has ring slot t mod window. Straight-through gradients.
torch::Tensor linear_attention(const torch::Tensor& q, const torch::Tensor& k,
                               const torch::Tensor& v, const model::AttentionConfig& hardware);

}  // namespace gaincell::train
