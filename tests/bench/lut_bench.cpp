// Time of one look-up at random places, by dimension and rule. Random so that neither the branch
// predictor nor the cache learns the path; the table sizes are those of a gain-cell device. Does
// not measure building a table.
#include <benchmark/benchmark.h>

#include <cmath>
#include <span>
#include <vector>

#include "base/random.h"
#include "tests/lut/grids.h"

namespace gaincell::lut {
namespace {

constexpr std::size_t kPlaces = 4096;

Table table_of(std::size_t dimensions, Interpolation middle) {
  const std::vector<Axis> all{axis("v_store", linear_nodes(-0.05, 0.95, 21)),
                              axis("pulse_width", {0, 2e-2, 5e-2, 0.1, 0.2, 0.5, 1, 2, 4, 8, 15}),
                              axis("v_bitline", linear_nodes(0, 0.9, 19))};
  std::vector<Axis> axes(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(dimensions));
  std::vector<Interpolation> rules(dimensions, Interpolation::kCubic);
  if (dimensions > 1) rules[1] = middle;
  return tabulate(
      {"charge", "C"}, axes, [](const auto& x) { return std::sin(x[0]) + x.back(); }, rules);
}

void look_up(benchmark::State& state, std::size_t dimensions, Interpolation middle) {
  const Table table = table_of(dimensions, middle);
  Random random(1);
  std::vector<double> places;
  for (std::size_t i = 0; i < kPlaces; ++i)
    for (std::size_t a = 0; a < dimensions; ++a)
      places.push_back(random.uniform(table.axis(a).front(), table.axis(a).back()));
  std::size_t i = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(table.at(std::span(&places[i * dimensions], dimensions)));
    i = (i + 1) % kPlaces;
  }
}

void look_up_many(benchmark::State& state) {
  constexpr std::size_t kMany = 1'000'000;
  const Table table = table_of(3, Interpolation::kCubic);
  Random random(1);
  std::vector<std::vector<double>> places(3);
  for (std::size_t a = 0; a < 3; ++a)
    for (std::size_t i = 0; i < kMany; ++i)
      places[a].push_back(random.uniform(table.axis(a).front(), table.axis(a).back()));
  const std::vector<std::span<const double>> x(places.begin(), places.end());
  std::vector<double> values(kMany);
  for (auto _ : state) {
    table.at(x, values);
    benchmark::DoNotOptimize(values.data());
  }
  state.SetItemsProcessed(state.iterations() * kMany);
}

BENCHMARK(look_up_many)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(look_up, 1d_cubic, 1, Interpolation::kCubic);
BENCHMARK_CAPTURE(look_up, 2d_cubic, 2, Interpolation::kCubic);
BENCHMARK_CAPTURE(look_up, 3d_cubic, 3, Interpolation::kCubic);
BENCHMARK_CAPTURE(look_up, 3d_cubic_linear_cubic, 3, Interpolation::kLinear);

}  // namespace
}  // namespace gaincell::lut

BENCHMARK_MAIN();
