#include "model/layers.h"

#include <Eigen/Core>
#include <algorithm>
#include <cmath>
#include <numbers>

#include "attention/elementwise.h"

namespace gaincell::model {
namespace {

using Row = Eigen::Map<const Eigen::ArrayXf>;
using OutRow = Eigen::Map<Eigen::ArrayXf>;

// In place. GELU (Hendrycks and Gimpel 2016): x Phi(x), exactly by erf or with GPT-2's tanh
// approximation.
void activate(Activation activation, std::size_t count, float* x) {
  switch (activation) {
    case Activation::kGeluTanh:
      return attention::gelu_tanh(count, x);
    case Activation::kGeluErf: {
      constexpr auto kInverseRoot2 = static_cast<float>(std::numbers::sqrt2 / 2);
      for (std::size_t i = 0; i < count; ++i)
        x[i] = 0.5f * x[i] * (1.0f + std::erf(x[i] * kInverseRoot2));
      return;
    }
    case Activation::kSilu:
      return attention::silu(count, x);
  }
}

}  // namespace

void normalise(const Norm& norm, int rows, const float* x, float* y) {
  const auto width = static_cast<Eigen::Index>(norm.weight.size());
  const Row weight(norm.weight.data(), width);
  for (int r = 0; r < rows; ++r) {
    const Row in(x + r * width, width);
    OutRow out(y + r * width, width);
    const float mean = norm.kind == NormKind::kLayer ? in.mean() : 0.0f;
    out = in - mean;
    const double square = out.square().sum() / static_cast<double>(width);
    out = out * static_cast<float>(1 / std::sqrt(square + norm.epsilon)) * weight;
    if (!norm.bias.empty()) out += Row(norm.bias.data(), width);
  }
}

void put(const Dense& dense, int rows, const float* x, float* y) {
  if (dense.bias.empty()) return dense.weight.multiply(rows, x, y);
  for (int r = 0; r < rows; ++r)
    std::copy(dense.bias.begin(), dense.bias.end(),
              y + static_cast<std::size_t>(r) * dense.bias.size());
  dense.weight.multiply_add(rows, x, y);
}

void add(const Dense& dense, int rows, const float* x, float* y) {
  const auto outputs = static_cast<Eigen::Index>(dense.bias.size());
  for (int r = 0; r < rows && outputs > 0; ++r)
    OutRow(y + r * outputs, outputs) += Row(dense.bias.data(), outputs);
  dense.weight.multiply_add(rows, x, y);
}

void add(const Mlp& mlp, int rows, const float* x, float* inner, float* y) {
  const int width = mlp.out.weight.inputs();
  const std::size_t values = static_cast<std::size_t>(rows) * width;
  put(mlp.in, rows, x, inner);
  if (mlp.kind == MlpKind::kPlain) {
    activate(mlp.activation, values, inner);
  } else {
    // A row's gate, then what it lets through; rows close up as they go.
    for (int r = 0; r < rows; ++r) {
      float* gate = inner + static_cast<std::size_t>(r) * 2 * width;
      activate(mlp.activation, static_cast<std::size_t>(width), gate);
      OutRow(gate, width) *= Row(gate + width, width);
      std::copy_n(gate, width, inner + static_cast<std::size_t>(r) * width);
    }
  }
  add(mlp.out, rows, inner, y);
}

Rotation::Rotation(const Config& config)
    : pairs_(config.positions == Positions::kRotary ? config.rotary_dims / 2 : 0),
      head_dim_(config.head_dim()) {
  for (int i = 0; i < pairs_; ++i)
    frequency_.push_back(std::pow(config.rotary_base, -2.0 * i / config.rotary_dims));
}

void Rotation::set(std::int64_t position, int count) {
  cosine_.resize(static_cast<std::size_t>(count) * pairs_);
  sine_.resize(cosine_.size());
  for (int i = 0; i < pairs_; ++i) {
    for (int t = 0; t < count; ++t) {
      const double angle = static_cast<double>(position + t) * frequency_[i];
      cosine_[static_cast<std::size_t>(t) * pairs_ + i] = static_cast<float>(std::cos(angle));
      sine_[static_cast<std::size_t>(t) * pairs_ + i] = static_cast<float>(std::sin(angle));
    }
  }
}

void Rotation::turn(int first, int rows, int heads, float* x) const {
  if (pairs_ == 0) return;
  for (int t = 0; t < rows; ++t) {
    const float* cosine = cosine_.data() + static_cast<std::size_t>(first + t) * pairs_;
    const float* sine = sine_.data() + static_cast<std::size_t>(first + t) * pairs_;
    for (int h = 0; h < heads; ++h, x += head_dim_) {
      float* high = x + pairs_;
      for (int i = 0; i < pairs_; ++i) {
        const float a = x[i], b = high[i];
        x[i] = a * cosine[i] - b * sine[i];
        high[i] = b * cosine[i] + a * sine[i];
      }
    }
  }
}

}  // namespace gaincell::model
