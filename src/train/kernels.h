#pragma once

#include <cstdint>

// The inner loops of training: plain loops over contiguous floats that the compiler vectorises,
// with one clone for each instruction set, chosen when the program starts.
namespace gaincell::train {

// GPT-2's gelu_new: y = x s, s = 1 / (1 + exp(-2u)), u = sqrt(2/pi) (x + 0.044715 x^3), which
// equals 0.5 x (1 + tanh u). Relative error of the exponential below 3e-7.
void gelu(const float* x, float* y, std::int64_t n);
// dx = dy * gelu'(x).
void gelu_gradient(const float* x, const float* dy, float* dx, std::int64_t n);

// y[i] = x[i] / (1 - rate) where item i of stream `key` is kept, else 0. The mask is a hash of
// (key, i), so the backward pass makes it again instead of storing it. n below 2^32.
void dropout(const float* x, float* y, std::int64_t n, float rate, std::uint32_t key);

// One decoupled weight-decay step (Loshchilov and Hutter 2019) on n values; `scale` multiplies the
// gradient (clipping), `correction1` = 1 - beta1^t, `correction2` = 1 - beta2^t.
struct AdamwStep {
  float lr, beta1, beta2, epsilon, weight_decay, scale, correction1, correction2;
};
void adamw(const AdamwStep& step, const float* gradient, float* value, float* mean, float* square,
           std::int64_t n);

// scale * scores, where lo <= j < hi, becomes the softmax over those j; 0 outside. In place.
void softmax_row(float* scores, float scale, int lo, int hi, int n);
// d_scores = p * (d_p - dot) * scale; d_p is overwritten.
void softmax_gradient_row(const float* p, float* d_p, float dot, float scale, int n);

// Linear hardware, first stage, one query: z = scores * gain * decay (kept in place), weight =
// clamp(z, 0, 1) * decay. decay[j] = 0 outside the window.
void hard_sigmoid_row(float* scores, float* weight, const float* decay, float gain, int n);
// The same once more from z, and its straight-through gradient:
// d_scores = [0 < z < 1] d_weight * decay * decay * gain, over d_weight.
void hard_sigmoid_weight_row(const float* z, float* weight, const float* decay, int n);
void hard_sigmoid_gradient_row(const float* z, float* d_weight, const float* decay, float gain,
                               int n);

// y = step * round(clamp(x, lo, hi) / step), half to even.
void quantise(const float* x, float* y, float lo, float hi, float step, std::int64_t n);
// Adds the quantised values to y.
void quantise_add(const float* x, float* y, float lo, float hi, float step, std::int64_t n);
// Straight through: d_x = d_y * factor where lo < x < hi, else 0.
void pass_inside(const float* x, const float* d_y, float* d_x, float lo, float hi, float factor,
                 std::int64_t n);

}  // namespace gaincell::train
