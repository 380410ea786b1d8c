#pragma once

#include <algorithm>
#include <vector>

#include "attention/analog.h"
#include "attention/circuit.h"
#include "base/random.h"
#include "digital/activity.h"

namespace gaincell::digital {

struct RandomRun {
  Head head;
  std::vector<TokenActivity> activity;
  std::vector<float> out;  // of the engine, [token][dim]
};

// One head on random q, k and v with identity scalers: keys lean to one side by token and values by
// dimension, so that pulses of both stages meet their whole range.
inline RandomRun run_random_head(const attention::Shape& shape, const attention::Circuit& circuit,
                                 attention::Level level, int tokens) {
  attention::AnalogOptions options;
  options.level = level;
  options.token_period_s = 65e-9;
  const auto engine =
      attention::make_analog(shape, circuit, attention::Scalers::identity(shape.heads), options);
  RandomRun run{Head::of(shape, circuit), {}, {}};
  ActivityRecorder recorder(run.head, 0, 0, tokens);
  recorder.attach(*engine);
  const std::size_t cells = static_cast<std::size_t>(tokens) * shape.dim;
  std::vector<float> q(cells), k(cells), v(cells);
  const float middle = static_cast<float>(circuit.v_max / 2);
  Random random(1, "random head");
  std::vector<double> value_lean(shape.dim);
  for (double& lean : value_lean) lean = random.uniform(-0.3, 0.3);
  for (std::size_t token = 0, at = 0; token < static_cast<std::size_t>(tokens); ++token) {
    const double key_lean = random.uniform(-0.2, 0.8);
    const auto around = [&](double lean) {
      return middle * static_cast<float>(std::clamp(lean + 0.5 * random.normal(), -1.0, 1.0));
    };
    for (int d = 0; d < shape.dim; ++d, ++at) {
      q[at] = static_cast<float>(random.uniform());
      k[at] = around(key_lean);
      v[at] = around(value_lean[d]);
    }
  }
  run.out.resize(cells);
  engine->run(tokens, q.data(), k.data(), v.data(), run.out.data());
  run.activity = recorder.tokens();
  return run;
}

}  // namespace gaincell::digital
