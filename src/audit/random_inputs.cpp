#include "audit/random_inputs.h"

#include <algorithm>
#include <vector>

#include "base/random.h"
#include "lut/published.h"

namespace gaincell::audit {
namespace {

constexpr double kHalfRangeV = lut::kPublished.v_zero;
constexpr double kLean = 0.6, kSpread = 0.6;  // of half the range

double leaning(Random& random, double lean) {
  return kHalfRangeV * std::clamp(lean + kSpread * random.normal(), -1.0, 1.0);
}

}  // namespace

void run_random_inputs(attention::Analog& engine, int tile, std::int64_t tokens,
                       std::uint64_t seed) {
  const attention::Shape& shape = engine.shape();
  const std::size_t width = static_cast<std::size_t>(shape.heads) * shape.dim;
  std::vector<float> q(width), k(width), v(width), out(width);
  std::vector<double> value_lean(width);
  for (std::int64_t token = 0; token < tokens; ++token) {
    if (token % tile == 0) {
      Random random(seed, "lean of values", static_cast<std::uint64_t>(token / tile));
      for (double& lean : value_lean) lean = random.uniform(-kLean, kLean);
    }
    Random random(seed, "random inputs", static_cast<std::uint64_t>(token));
    for (int head = 0; head < shape.heads; ++head) {
      const double key_lean = random.uniform(-kLean, kLean);
      for (int d = 0; d < shape.dim; ++d) {
        const std::size_t i = static_cast<std::size_t>(head) * shape.dim + d;
        q[i] = static_cast<float>(random.uniform());
        k[i] = static_cast<float>(leaning(random, key_lean));
        v[i] = static_cast<float>(leaning(random, value_lean[i]));
      }
    }
    engine.run(1, q.data(), k.data(), v.data(), out.data());
  }
}

}  // namespace gaincell::audit
