// Runs attention on circuits, and says what it takes: a device file that is named, or the published
// equations.
#include <cmath>
#include <cstdio>
#include <vector>

#include "attention/analog.h"
#include "energy/energy_model.h"
#include "lut/gain_cell_device.h"
#include "lut/ideal_device.h"

int main(int argc, char** argv) {
  using namespace gaincell;
  const lut::GainCellDevice device =
      argc > 1 ? lut::GainCellDevice::read(argv[1]) : lut::GainCellDevice(lut::published_device());
  constexpr int kTokens = 8;
  const attention::Shape shape{.heads = 1, .dim = device.tile, .window = device.tile};
  const auto engine =
      attention::make_analog(shape, attention::circuit_of(device), attention::Scalers::identity(1),
                             {.level = attention::Level::kColumn});
  std::vector<float> q, k, v, out(static_cast<std::size_t>(kTokens * shape.dim));
  for (std::size_t i = 0; i < out.size(); ++i) {
    const float phase = 0.3f * static_cast<float>(i);
    q.push_back(0.5f + 0.5f * std::sin(phase));
    k.push_back(0.4f * std::cos(phase));
    v.push_back(0.4f * std::sin(2 * phase));
  }
  engine->run(kTokens, q.data(), k.data(), v.data(), out.data());
  std::printf("last token's first output: %.4f\n",
              out[out.size() - static_cast<std::size_t>(shape.dim)]);
  const energy::Energy of_a_token = energy::EnergyModel(device).of(engine->activity()).per(kTokens);
  std::printf("a token's energy: %.3g J, of it %.3g J in the first array\n", of_a_token.total_j(),
              of_a_token.part_j("first_array"));
}
