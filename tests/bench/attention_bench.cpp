// The engine's side of `./dev bench attention`: measures one case for every line on standard input
// and answers with its time, so that tools/bench_attention.py can take turns with its peer.
//
//   generation WINDOW THREADS HEADS   one token a call, full window, bitline effect on
//   evaluation TOKENS THREADS HEADS   a whole text in one call, causal, bitline effect on
//   published TOKENS THREADS HEADS    likewise on the published device
//
// Answer: wall and process seconds for one token and layer, heads of 64. `settings` answers
// with what the fast level made of the device (GAINCELL_DEVICE, else the closed form of the tests).
#include <fmt/format.h>

#include <chrono>
#include <cstdlib>
#include <ctime>
#include <iostream>
#include <map>
#include <string>

#include "attention/analog.h"
#include "attention/circuits.h"
#include "attention/inputs.h"
#include "lut/gain_cell_device.h"
#include "lut/ideal_device.h"

namespace {

using namespace gaincell::attention;  // NOLINT: a program of this namespace
using gaincell::lut::GainCellDevice, gaincell::lut::published_device;

constexpr int kDim = 64;
constexpr double kTokenPeriod = 12 * 54.5e-9;
constexpr double kPublishedTokenPeriod = 1.6e-4 * 5e-3;  // decay a token x time constant

Circuit bench_circuit() {
  if (const char* path = std::getenv("GAINCELL_DEVICE"))
    return circuit_of(GainCellDevice::read(path));
  return smooth_circuit();
}

double process_s() {
  timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

// One case, made at its first measurement.
class Case {
 public:
  Case(const std::string& kind, int size, int threads, int heads)
      : generates_(kind == "generation") {
    AnalogOptions options;
    const bool published = kind == "published";
    options.token_period_s = published ? kPublishedTokenPeriod : kTokenPeriod;
    options.threads = threads;
    const Shape shape{heads, kDim, size};
    attention_ = make_analog(
        shape, published ? circuit_of(GainCellDevice(published_device())) : bench_circuit(),
        scalers_near_training(heads, 1), options);
    if (generates_) {
      run(*attention_, Inputs(shape, size, 1));
      // About 50 ms a measurement, and never fewer than two tokens.
      calls_ = std::max(2, 2400000 / (size + 64) / heads);
    }
    tokens_ = generates_ ? 1 : size;
    in_ = std::make_unique<Inputs>(shape, tokens_, 2);
    out_.resize(in_->q.size());
    measure();
  }

  std::string measure() {
    const auto begin = std::chrono::steady_clock::now();
    const double process_begin = process_s();
    for (int i = 0; i < calls_; ++i) {
      if (!generates_) attention_->reset();
      attention_->run(tokens_, in_->q.data(), in_->k.data(), in_->v.data(), out_.data());
    }
    const double process = process_s() - process_begin;
    const double wall =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    const double n = static_cast<double>(calls_) * tokens_;
    return fmt::format(R"({{"wall_s": {:.9e}, "process_s": {:.9e}}})", wall / n, process / n);
  }

  std::string settings() const {
    const FastReport& report = *attention_->fast_report();
    const auto stage = [](const FastReport::Stage& s) {
      return fmt::format(
          R"({{"arithmetic": "{}", "rank": {}, "low_ranks": {}, "degree": {}, "segments": {}, "substeps": {}, "error": {:.3g}}})",
          s.bytes ? "bytes" : "floats", s.rank, s.low_ranks, s.degree, s.segments, s.substeps,
          s.error);
    };
    const char* device = std::getenv("GAINCELL_DEVICE");
    return fmt::format(
        R"({{"device": "{}", "instruction_set": "{}", "first": {}, "second": {}, "age_block": {}, "bytes_per_cell": {:.4f}}})",
        device ? device : "closed form of the tests", report.instruction_set, stage(report.first),
        stage(report.second), report.age_block,
        static_cast<double>(attention_->ring_bytes()) /
            (2.0 * attention_->shape().heads * kDim * attention_->shape().window));
  }

 private:
  bool generates_;
  std::unique_ptr<Analog> attention_;
  int calls_ = 1, tokens_ = 1;
  std::unique_ptr<Inputs> in_;
  std::vector<float> out_;
};

}  // namespace

int main() {
  std::map<std::string, std::unique_ptr<Case>> cases;
  std::string line;
  const auto case_of = [&](const std::string& text) -> Case& {
    auto& found = cases[text];
    if (!found) {
      char kind[16] = {};
      int size = 0, threads = 0, heads = 0;
      if (std::sscanf(text.c_str(), "%15s %d %d %d", kind, &size, &threads, &heads) != 4) {
        std::cerr << "attention_bench: cannot read '" << text << "'\n";
        std::exit(2);
      }
      found = std::make_unique<Case>(kind, size, threads, heads);
    }
    return *found;
  };
  while (std::getline(std::cin, line)) {
    if (line == "settings")
      std::cout << case_of("generation 1024 1 12").settings() << std::endl;
    else
      std::cout << case_of(line).measure() << std::endl;
  }
}
