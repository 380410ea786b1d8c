#include "model/layers.h"

#include <cblas.h>

#include <Eigen/Core>
#include <cmath>
#include <numbers>

namespace gaincell::model {
namespace {

using Row = Eigen::Map<const Eigen::ArrayXf>;
using OutRow = Eigen::Map<Eigen::ArrayXf>;

// y += x W.
void add_product(const Dense& dense, Columns columns, int rows, const float* x, float* y) {
  const float* weight = dense.weight.data() + columns.first;
  if (rows == 1) {
    cblas_sgemv(CblasRowMajor, CblasTrans, dense.inputs, columns.count, 1.0f, weight, dense.outputs,
                x, 1, 1.0f, y, 1);
  } else {
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, rows, columns.count, dense.inputs, 1.0f,
                x, dense.inputs, weight, dense.outputs, 1.0f, y, columns.count);
  }
}

// GELU (Hendrycks and Gimpel 2016): x Phi(x), exactly by erf or with GPT-2's tanh approximation.
// SiLU: x / (1 + exp(-x)).
void activate(Activation activation, std::size_t count, float* values) {
  OutRow x(values, static_cast<Eigen::Index>(count));
  switch (activation) {
    case Activation::kGeluTanh: {
      const auto scale = static_cast<float>(std::sqrt(2 / std::numbers::pi));
      x = 0.5f * x * (1.0f + (scale * (x + 0.044715f * x.cube())).tanh());
      return;
    }
    case Activation::kGeluErf: {
      constexpr auto kInverseRoot2 = static_cast<float>(std::numbers::sqrt2 / 2);
      for (float& value : x) value = 0.5f * value * (1.0f + std::erf(value * kInverseRoot2));
      return;
    }
    case Activation::kSilu:
      x = x / (1.0f + (-x).exp());
      return;
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

void put(const Dense& dense, Columns columns, int rows, const float* x, float* y) {
  for (int r = 0; r < rows; ++r) {
    OutRow out(y + static_cast<std::size_t>(r) * columns.count, columns.count);
    if (dense.bias.empty()) {
      out.setZero();
    } else {
      out = Row(dense.bias.data() + columns.first, columns.count);
    }
  }
  add_product(dense, columns, rows, x, y);
}

void add(const Dense& dense, int rows, const float* x, float* y) {
  for (int r = 0; r < rows && !dense.bias.empty(); ++r)
    OutRow(y + static_cast<std::size_t>(r) * dense.outputs, dense.outputs) +=
        Row(dense.bias.data(), dense.outputs);
  add_product(dense, {0, dense.outputs}, rows, x, y);
}

void add(const Mlp& mlp, int rows, const float* x, float* inner, float* y) {
  const int width = mlp.out.inputs;
  const std::size_t values = static_cast<std::size_t>(rows) * width;
  put(mlp.in, {0, width}, rows, x, inner);
  activate(mlp.activation, values, inner);
  if (mlp.kind == MlpKind::kGated) {
    float* through = inner + values;
    put(mlp.in, {width, width}, rows, x, through);
    OutRow(inner, static_cast<Eigen::Index>(values)) *=
        Row(through, static_cast<Eigen::Index>(values));
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
