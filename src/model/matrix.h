#pragma once

#include <memory>
#include <span>
#include <string>

namespace gaincell::model {

// What the products of the digital layers are computed in. Sums are of 32 bits in all of them.
enum class Arithmetic {
  kF32,
  kBf16,  // weights and activations rounded to BF16 (8 bits of mantissa)
  kInt8   // weights in 127 steps either way for each output, activations in 255 for each token
};
std::string to_string(Arithmetic arithmetic);
// Error where there is no such, or where this processor has no instructions for it.
Arithmetic parse_arithmetic(const std::string& name, const std::string& key);

// Weights in memory as their products want them, in the width of their arithmetic. Copies share
// them. Any thread may multiply.
class Matrix {
 public:
  enum class Layout { kByInput, kByOutput };  // [inputs][outputs], or turned

  Matrix() = default;  // none
  Matrix(int inputs, int outputs, std::span<const float> values, Layout layout,
         Arithmetic arithmetic = Arithmetic::kF32);

  bool empty() const { return packed_ == nullptr; }
  int inputs() const;
  int outputs() const;

  // y[rows][outputs] = x W, with x[rows][inputs].
  void multiply(int rows, const float* x, float* y) const;
  // y += x W.
  void multiply_add(int rows, const float* x, float* y) const;

 private:
  class Packed;
  std::shared_ptr<const Packed> packed_;
};

}  // namespace gaincell::model
