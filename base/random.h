#pragma once

#include <cstdint>
#include <random>
#include <string_view>

namespace gaincell {

// Seeded random numbers with the same sequence on every machine and compiler (the standard fixes
// the engine but not its distributions). Copy to branch; pass by reference to continue a stream.
class Random {
 public:
  explicit Random(std::uint64_t seed) : engine_(seed) {}
  // An independent stream for one purpose or one item: the same (seed, name, index) gives the same
  // stream whatever else was drawn.
  Random(std::uint64_t seed, std::string_view name, std::uint64_t index = 0);

  std::uint64_t bits() { return engine_(); }
  // Uniform in [0, 1), 53 bits.
  double uniform() { return static_cast<double>(engine_() >> 11) * 0x1.0p-53; }
  double uniform(double low, double high) { return low + (high - low) * uniform(); }
  // Uniform integer in [0, bound); bound > 0.
  std::uint64_t below(std::uint64_t bound);
  // Standard normal (Box-Muller; two uniforms a draw, none kept back).
  double normal();

 private:
  std::mt19937_64 engine_;
};

// Random numbers by place instead of by order: hash_of(seed, index) is a new, unrelated seed, and
// normal_at(seed, index) a standard normal.
std::uint64_t hash_of(std::uint64_t seed, std::uint64_t index);
double normal_at(std::uint64_t seed, std::uint64_t index);

}  // namespace gaincell
