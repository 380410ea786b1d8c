#pragma once

#include <cstddef>
#include <cstdint>

// The quantisers at both ends of linear attention, with or without circuits.
namespace gaincell::attention::kernels {

// index[i] = round_half_even(clamp(a x[i] + b, 0, high) * steps_per_unit) in double precision.
// Returns how many were outside (Quantiser::outside).
std::size_t quantise(std::size_t n, const float* x, double a, double b, double high,
                     double steps_per_unit, std::uint8_t* index);

// total[d] += clamp(pulse[d], -1, 1), or where `counts` is not 0 that times `counts`, rounded half
// to even.
void count_output(std::size_t n, const float* pulse, float counts, float* total);

}  // namespace gaincell::attention::kernels
