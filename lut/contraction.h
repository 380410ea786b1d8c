#pragma once

#include <cstddef>

namespace gaincell::lut {

// Shares of the two nodes next to a coordinate: value and slope of the lower one, of the upper one.
struct Weights {
  std::size_t index;
  bool outside;
  double lower, lower_slope, upper, upper_slope;
};

// Sums a table's coefficients around some places: weights are place by place, axis by axis;
// strides are between neighbours along an axis.
using Contraction = void (*)(const double* coefficients, const std::size_t* stride,
                             const Weights* weights, std::size_t places, double* values);

// Unrolled for a number of axes and which of them are cubic (bit a: axis a), for this processor's
// instructions; the bits of the result are the same on every one.
Contraction contraction_for(std::size_t dimensions, unsigned cubic);

}  // namespace gaincell::lut
