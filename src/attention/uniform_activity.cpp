#include <algorithm>

#include "attention/analog.h"
#include "base/random.h"

namespace gaincell::attention {

energy::Activity uniform_activity(const Circuit& circuit, int columns, int dim,
                                  double token_period_s, std::uint64_t seed) {
  AnalogOptions options;
  options.token_period_s = token_period_s;
  const auto engine = make_analog(
      {1, dim, columns}, circuit,
      [&] {
        Scalers scalers = Scalers::identity(1);
        scalers.b_k = scalers.b_v = {0.0f};
        return scalers;
      }(),
      options);
  constexpr int kTokens = 32;
  Random random(seed, "uniform levels");
  const int tokens = columns + kTokens;
  std::vector<float> q(static_cast<std::size_t>(tokens) * dim), k(q), v(q), out(q);
  for (float& x : q)
    x = static_cast<float>(random.below(circuit.q_levels)) /
        static_cast<float>(circuit.q_levels - 1);
  for (auto* stored : {&k, &v})
    for (float& x : *stored)
      x = static_cast<float>(circuit.v_max * static_cast<double>(random.below(circuit.kv_levels)) /
                             (circuit.kv_levels - 1));
  engine->run(columns, q.data(), k.data(), v.data(), out.data());
  const energy::Activity filled = engine->activity();
  const std::size_t at = static_cast<std::size_t>(columns) * dim;
  engine->run(kTokens, q.data() + at, k.data() + at, v.data() + at, out.data());
  return engine->activity().since(filled);
}

}  // namespace gaincell::attention
