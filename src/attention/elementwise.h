#pragma once

#include <cstddef>
#include <cstdint>

namespace gaincell::attention {

// Functions of every element of an array, with the vector instructions of the processor at hand.
// An element's result does not depend on its neighbours; a NaN stays one.

// GELU (Hendrycks and Gimpel 2016) with GPT-2's tanh approximation.
void gelu_tanh(std::size_t n, float* x);
// SiLU: x / (1 + exp(-x)).
void silu(std::size_t n, float* x);

// The largest, NaN where one is; n of at least 1.
float highest(std::size_t n, const float* x);
// Sum of exp(x - from), none of which is above 0. Within some 1e-7 of itself.
double sum_of_exp(std::size_t n, const float* x, float from);
// x becomes exp(scale (x - the highest)) over the sum of all; scale above 0.
void softmax(std::size_t n, float scale, float* x);

// y = scale (y - zero offset), and to += that.
void scale_back(std::size_t n, float scale, float zero, const float* offset, float* y);
void add_scaled_back(std::size_t n, float scale, float zero, const float* offset, const float* y,
                     float* to);

// Bytes with x ~ scale (byte - zero), 0 exactly among them: as fine as the row allows. scale is NaN
// where an element is not finite.
struct ByteScale {
  float scale, zero;
};
ByteScale to_bytes(std::size_t n, const float* x, std::uint8_t* bytes);

}  // namespace gaincell::attention
