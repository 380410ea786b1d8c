// Microseconds per token and head of every kind of attention, generation (one token a call, full
// window). The analog kinds run on a device file named by GAINCELL_DEVICE, else on the closed-form
// circuit of the tests, which has all effects too.
#include <benchmark/benchmark.h>

#include <cstdlib>

#include "attention/analog.h"
#include "attention/circuits.h"
#include "attention/inputs.h"
#include "lut/gain_cell_device.h"

namespace {

using namespace gaincell::attention;  // NOLINT: a program of this namespace

enum class Kind { kSoftmax, kLinear, kFast, kColumn };

Circuit bench_circuit() {
  if (const char* path = std::getenv("GAINCELL_DEVICE"))
    return circuit_of(gaincell::lut::GainCellDevice::read(path));
  return smooth_circuit();
}

std::unique_ptr<Attention> make(Kind kind, const Shape& shape, const Scalers& scalers) {
  if (kind == Kind::kSoftmax) return make_softmax(shape);
  if (kind == Kind::kLinear) return make_linear(shape, {}, scalers);
  AnalogOptions options;
  options.level = kind == Kind::kFast ? Level::kFast : Level::kColumn;
  options.token_period_s = 12 * 54.5e-9;
  return make_analog(shape, bench_circuit(), scalers, options);
}

// Arguments: heads, window, tokens a call.
void run_attention(benchmark::State& state, Kind kind) {
  const Shape shape{static_cast<int>(state.range(0)), 64, static_cast<int>(state.range(1))};
  const int chunk = static_cast<int>(state.range(2));
  auto attention = make(kind, shape, scalers_near_training(shape.heads, 1));
  const Inputs fill(shape, shape.window, 1), in(shape, chunk, 2);
  run(*attention, fill);
  std::vector<float> out(in.q.size());
  for (auto _ : state) {
    attention->run(chunk, in.q.data(), in.k.data(), in.v.data(), out.data());
    benchmark::DoNotOptimize(out.data());
  }
  const double steps = static_cast<double>(state.iterations()) * chunk * shape.heads;
  state.counters["s_per_token_and_head"] =
      benchmark::Counter(steps, benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}

void sizes(benchmark::internal::Benchmark* b) {
  b->Args({12, 64, 1})->Args({12, 1024, 1})->Args({12, 64, 64})->Unit(benchmark::kMicrosecond);
}

}  // namespace

BENCHMARK_CAPTURE(run_attention, softmax, Kind::kSoftmax)->Apply(sizes);
BENCHMARK_CAPTURE(run_attention, linear, Kind::kLinear)->Apply(sizes);
BENCHMARK_CAPTURE(run_attention, analog_fast, Kind::kFast)->Apply(sizes);
BENCHMARK_CAPTURE(run_attention, analog_column, Kind::kColumn)
    ->Args({1, 64, 1})
    ->Iterations(1)
    ->Unit(benchmark::kMillisecond);
BENCHMARK_MAIN();
