#include "train/kernels.h"

#include <cmath>

// Clones by feature: by `arch=` GCC 12 asks for that maker's very processor.
// clang-format off
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && !defined(GAINCELL_ADDRESS_SANITIZER)
#define GAINCELL_CLONES __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define GAINCELL_CLONES
#endif
// clang-format on

namespace gaincell::train {
namespace {

// exp(x) = 2^n e^g with |g| <= ln(2)/2; the Taylor series of e^g to degree 6. Saturates beyond
// +-87.
// (__builtin_bit_cast: a call of std::bit_cast keeps GCC 12 from vectorising inside a clone.)
inline __attribute__((always_inline)) float exponential(float x) {
  x = x < -87.0f ? -87.0f : x;
  x = x > 87.0f ? 87.0f : x;
  const float t = x * 1.44269504f;
  const float n = __builtin_rintf(t);
  const float f = (t - n) * 0.693147181f;
  float p = 1.0f / 720;
  p = p * f + 1.0f / 120;
  p = p * f + 1.0f / 24;
  p = p * f + 1.0f / 6;
  p = p * f + 0.5f;
  p = p * f + 1.0f;
  p = p * f + 1.0f;
  return p * __builtin_bit_cast(float, (static_cast<std::int32_t>(n) + 127) << 23);
}

constexpr float kRoot2OverPi = 0.797884561f;
constexpr float kCube = 0.044715f;

// Finalizer of MurmurHash3 over a Weyl sequence: 24 good bits for a dropout mask.
inline __attribute__((always_inline)) std::uint32_t hash(std::uint32_t key, std::uint32_t i) {
  std::uint32_t h = i * 0x9e3779b1u + key;
  h = (h ^ (h >> 16)) * 0x85ebca6bu;
  h = (h ^ (h >> 13)) * 0xc2b2ae35u;
  return h ^ (h >> 16);
}

inline __attribute__((always_inline)) float clamp(float x, float lo, float hi) {
  x = x < lo ? lo : x;
  return x > hi ? hi : x;
}

}  // namespace

GAINCELL_CLONES
void gelu(const float* __restrict x, float* __restrict y, std::int64_t n) {
#pragma omp simd
  for (std::int64_t i = 0; i < n; ++i) {
    const float u = kRoot2OverPi * (x[i] + kCube * x[i] * x[i] * x[i]);
    y[i] = x[i] / (1.0f + exponential(-2.0f * u));
  }
}

GAINCELL_CLONES
void gelu_gradient(const float* __restrict x, const float* __restrict dy, float* __restrict dx,
                   std::int64_t n) {
#pragma omp simd
  for (std::int64_t i = 0; i < n; ++i) {
    const float square = x[i] * x[i];
    const float u = kRoot2OverPi * x[i] * (1.0f + kCube * square);
    const float s = 1.0f / (1.0f + exponential(-2.0f * u));
    const float slope = kRoot2OverPi * (1.0f + 3.0f * kCube * square);
    dx[i] = dy[i] * (s + 2.0f * x[i] * s * (1.0f - s) * slope);
  }
}

GAINCELL_CLONES
void dropout(const float* __restrict x, float* __restrict y, std::int64_t n, float rate,
             std::uint32_t key) {
  const auto threshold = static_cast<std::int32_t>(rate * 0x1.0p24f);
  const float keep = 1.0f / (1.0f - rate);
#pragma omp simd
  for (std::int64_t i = 0; i < n; ++i) {
    const auto draw = static_cast<std::int32_t>(hash(key, static_cast<std::uint32_t>(i)) >> 8);
    y[i] = draw >= threshold ? x[i] * keep : 0.0f;
  }
}

GAINCELL_CLONES
void adamw(const AdamwStep& step, const float* __restrict gradient, float* __restrict value,
           float* __restrict mean, float* __restrict square, std::int64_t n) {
  const AdamwStep s = step;
  const float keep = 1.0f - s.lr * s.weight_decay;
  const float rate = s.lr / s.correction1;
  const float root = 1.0f / std::sqrt(s.correction2);
#pragma omp simd
  for (std::int64_t i = 0; i < n; ++i) {
    const float g = gradient[i] * s.scale;
    mean[i] = s.beta1 * mean[i] + (1.0f - s.beta1) * g;
    square[i] = s.beta2 * square[i] + (1.0f - s.beta2) * g * g;
    value[i] = value[i] * keep - rate * mean[i] / (__builtin_sqrtf(square[i]) * root + s.epsilon);
  }
}

GAINCELL_CLONES
void softmax_row(float* scores, float scale, int lo, int hi, int n) {
  for (int j = 0; j < lo; ++j) scores[j] = 0.0f;
  for (int j = hi; j < n; ++j) scores[j] = 0.0f;
  float top = -1e30f;
#pragma omp simd reduction(max : top)
  for (int j = lo; j < hi; ++j) top = scores[j] > top ? scores[j] : top;
  float sum = 0.0f;
#pragma omp simd reduction(+ : sum)
  for (int j = lo; j < hi; ++j) {
    scores[j] = exponential(scale * (scores[j] - top));
    sum += scores[j];
  }
  const float inverse = 1.0f / sum;
  for (int j = lo; j < hi; ++j) scores[j] *= inverse;
}

GAINCELL_CLONES
void softmax_gradient_row(const float* __restrict p, float* __restrict d_p, float dot, float scale,
                          int n) {
  for (int j = 0; j < n; ++j) d_p[j] = p[j] * (d_p[j] - dot) * scale;
}

GAINCELL_CLONES
void hard_sigmoid_row(float* __restrict scores, float* __restrict weight,
                      const float* __restrict decay, float gain, int n) {
  for (int j = 0; j < n; ++j) {
    const float z = scores[j] * gain * decay[j];
    scores[j] = z;
    weight[j] = clamp(z, 0.0f, 1.0f) * decay[j];
  }
}

GAINCELL_CLONES
void hard_sigmoid_weight_row(const float* __restrict z, float* __restrict weight,
                             const float* __restrict decay, int n) {
  for (int j = 0; j < n; ++j) weight[j] = clamp(z[j], 0.0f, 1.0f) * decay[j];
}

GAINCELL_CLONES
void hard_sigmoid_gradient_row(const float* __restrict z, float* __restrict d_weight,
                               const float* __restrict decay, float gain, int n) {
  for (int j = 0; j < n; ++j) {
    const float inside = z[j] > 0.0f && z[j] < 1.0f ? 1.0f : 0.0f;
    d_weight[j] = inside * d_weight[j] * decay[j] * decay[j] * gain;
  }
}

GAINCELL_CLONES
void quantise(const float* __restrict x, float* __restrict y, float lo, float hi, float step,
              std::int64_t n) {
#pragma omp simd
  for (std::int64_t i = 0; i < n; ++i) y[i] = step * __builtin_rintf(clamp(x[i], lo, hi) / step);
}

GAINCELL_CLONES
void quantise_add(const float* __restrict x, float* __restrict y, float lo, float hi, float step,
                  std::int64_t n) {
#pragma omp simd
  for (std::int64_t i = 0; i < n; ++i) y[i] += step * __builtin_rintf(clamp(x[i], lo, hi) / step);
}

GAINCELL_CLONES
void pass_inside(const float* __restrict x, const float* __restrict d_y, float* __restrict d_x,
                 float lo, float hi, float factor, std::int64_t n) {
#pragma omp simd
  for (std::int64_t i = 0; i < n; ++i) d_x[i] = x[i] > lo && x[i] < hi ? d_y[i] * factor : 0.0f;
}

}  // namespace gaincell::train
