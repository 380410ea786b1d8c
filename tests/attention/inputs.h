#pragma once

#include <vector>

#include "attention/attention.h"
#include "base/random.h"

namespace gaincell::attention {

// q, k, v of a whole text, [token][heads * dim], standard normal times `scale`.
struct Inputs {
  int tokens, width;
  std::vector<float> q, k, v;

  Inputs(const Shape& shape, int tokens_, std::uint64_t seed, double scale = 1.0)
      : tokens(tokens_), width(shape.heads * shape.dim) {
    Random random(seed, "attention inputs");
    for (auto* x : {&q, &k, &v}) {
      x->resize(static_cast<std::size_t>(tokens) * width);
      for (float& value : *x) value = static_cast<float>(scale * random.normal());
    }
  }
};

// Runs the inputs in calls of `chunk` tokens (0: one call).
inline std::vector<float> run(Attention& attention, const Inputs& in, int chunk = 0) {
  std::vector<float> out(in.q.size());
  if (chunk == 0) chunk = in.tokens;
  for (int t = 0; t < in.tokens; t += chunk) {
    const std::size_t at = static_cast<std::size_t>(t) * in.width;
    attention.run(std::min(chunk, in.tokens - t), in.q.data() + at, in.k.data() + at,
                  in.v.data() + at, out.data() + at);
  }
  return out;
}

// Different a and b for every head, near what training ends with.
inline Scalers scalers_near_training(int heads, std::uint64_t seed) {
  Random random(seed, "scalers");
  Scalers s = Scalers::identity(heads);
  const auto draw = [&](std::vector<float>& x, double low, double high) {
    for (float& value : x) value = static_cast<float>(random.uniform(low, high));
  };
  draw(s.a_q, 0.2, 0.4), draw(s.b_q, 0.2, 0.4);
  draw(s.a_k, 0.1, 0.3), draw(s.b_k, 0.40, 0.50);
  draw(s.a_v, 0.1, 0.3), draw(s.b_v, 0.40, 0.50);
  draw(s.a_o, 0.5, 2.0), draw(s.b_o, -0.2, 0.2);
  return s;
}

}  // namespace gaincell::attention
