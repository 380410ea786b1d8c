#include "base/random.h"

#include <cmath>
#include <numbers>

namespace gaincell {
namespace {

// SplitMix64 finalizer (Steele, Lea, Flood 2014): spreads nearby seeds over the whole range.
std::uint64_t mix(std::uint64_t x) {
  x += 0x9e3779b97f4a7c15u;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return x ^ (x >> 31);
}

std::uint64_t fnv1a(std::string_view text) {
  std::uint64_t hash = 0xcbf29ce484222325u;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
  return hash;
}

// [0, 1), 53 bits.
double unit(std::uint64_t bits) { return static_cast<double>(bits >> 11) * 0x1.0p-53; }

// Two uniforms in [0, 1) to a standard normal.
double box_muller(double u, double v) {
  return std::sqrt(-2 * std::log(1 - u)) * std::cos(2 * std::numbers::pi * v);
}

}  // namespace

Random::Random(std::uint64_t seed, std::string_view name, std::uint64_t index)
    : engine_(mix(mix(mix(seed) ^ fnv1a(name)) ^ index)) {}

std::uint64_t Random::below(std::uint64_t bound) {
  // Rejection keeps the draw exactly uniform.
  const std::uint64_t limit = UINT64_MAX - UINT64_MAX % bound;
  std::uint64_t x = engine_();
  while (x >= limit) x = engine_();
  return x % bound;
}

double Random::normal() {
  const double u = uniform();
  return box_muller(u, uniform());
}

std::uint64_t hash_of(std::uint64_t seed, std::uint64_t index) { return mix(mix(seed) ^ index); }

double normal_at(std::uint64_t seed, std::uint64_t index) {
  const std::uint64_t bits = hash_of(seed, index);
  return box_muller(unit(bits), unit(mix(bits)));
}

}  // namespace gaincell
