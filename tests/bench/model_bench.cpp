// The engine's side of `./dev bench model`: measures one case for every line on standard input and
// answers with its time, so that tools/bench_model.py can take turns with its peers.
//
//   evaluation ATTENTION DIGITAL THREADS   windows of all positions by half of them, as `infer`
//   does products THREADS                       the matrix products of the same run alone,
//   OpenBLAS, F32 tokens                                 of the text settings sizes of the model
//
// usage: model_bench MODEL TEXT TOKENS; analog attention is that of GAINCELL_DEVICE, or published.
#include <cblas.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <ctime>
#include <iostream>
#include <map>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "base/files.h"
#include "lut/gain_cell_device.h"
#include "lut/ideal_device.h"
#include "model/attention_choice.h"
#include "model/evaluate.h"
#include "model/model.h"

namespace {

using namespace gaincell;         // NOLINT: a program of these namespaces
using namespace gaincell::model;  // NOLINT

double process_s() {
  timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

class Timer {
 public:
  std::string answer(double tokens, double nats) const {
    const double wall =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - begin_).count();
    return fmt::format(R"({{"wall_s": {}, "process_s": {}, "tokens": {}, "nats_per_token": {}}})",
                       wall, process_s() - process_, tokens, nats);
  }

 private:
  std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
  double process_ = process_s();
};

class Bench {
 public:
  Bench(const std::string& folder, const std::string& text, int tokens) : folder_(folder) {
    const Model model = read_model(folder);
    config_ = model.weights->config;
    tokens_ = model.tokenizer->encode(read_file(text), text);
    if (static_cast<int>(tokens_.size()) < tokens)
      throw std::runtime_error("the text is too short");
    tokens_.resize(static_cast<std::size_t>(tokens));
    if (const char* path = std::getenv("GAINCELL_DEVICE"))
      device_ = std::make_unique<lut::GainCellDevice>(lut::GainCellDevice::read(path));
    else
      device_ = std::make_unique<lut::GainCellDevice>(lut::published_device());
  }

  std::string evaluation(const std::string& attention, const std::string& digital, int threads) {
    Transformer& transformer = this->transformer(attention, digital, threads);
    const Timer timer;
    const EvaluationReport report = evaluate(transformer, tokens_);
    return timer.answer(static_cast<double>(report.tokens_run), report.nats_per_token);
  }

  // A window's products with all its rows at once, which OpenBLAS is fastest with; the head's for
  // the tokens that are scored.
  std::string products(int threads) {
    const int width = config_.n_embd, inner = config_.n_inner, window = config_.n_positions,
              scored = static_cast<int>(tokens_.size()) - 1;
    if (x_.empty()) {
      x_.assign(static_cast<std::size_t>(window) * std::max(inner, width), 0.01f);
      w_.assign(static_cast<std::size_t>(width) * std::max(3 * inner, config_.vocab_size), 0.01f);
      y_.resize(static_cast<std::size_t>(window) * std::max(3 * inner, config_.vocab_size));
    }
    openblas_set_num_threads(threads);
    double run = 0;
    const Timer timer;
    for (int begin = 0, done = 0; done < scored; begin += window / 2) {
      const int end = std::min(begin + window, scored), rows = end - begin;
      for (int layer = 0; layer < config_.n_layer; ++layer) {
        product(rows, width, 3 * width, CblasNoTrans);
        product(rows, width, width, CblasNoTrans);
        product(rows, width, inner, CblasNoTrans);
        product(rows, inner, width, CblasNoTrans);
      }
      product(end - done, width, config_.vocab_size, CblasTrans);
      done = end;
      run += rows;
    }
    openblas_set_num_threads(1);
    return timer.answer(run, 0);
  }

  std::string tokens() const { return fmt::format("[{}]", fmt::join(tokens_, ", ")); }

  std::string settings() const {
    return fmt::format(
        R"({{"layers": {}, "width": {}, "heads": {}, "positions": {}, "words": {}}})",
        config_.n_layer, config_.n_embd, config_.n_head, config_.n_positions, config_.vocab_size);
  }

 private:
  Transformer& transformer(const std::string& attention, const std::string& digital, int threads) {
    auto& found = transformers_[fmt::format("{} {} {}", attention, digital, threads)];
    if (found) return *found;
    auto& weights = weights_[digital];
    if (!weights) weights = read_model(folder_, parse_arithmetic(digital, "DIGITAL")).weights;
    AttentionChoice choice;
    choice.kind = parse_attention_kind(attention, "", "ATTENTION");
    choice.window = config_.attention.window;
    choice.device = device_.get();
    if (choice.kind == AttentionKind::kAnalog)
      choice.analog.token_period_s =
          config_.n_layer * (device_->latency_first_stage_s + device_->latency_second_stage_s);
    found = std::make_unique<Transformer>(weights, make_attention(*weights, choice), threads);
    return *found;
  }

  void product(int rows, int inputs, int outputs, CBLAS_TRANSPOSE turned) {
    cblas_sgemm(CblasRowMajor, CblasNoTrans, turned, rows, outputs, inputs, 1.0f, x_.data(), inputs,
                w_.data(), turned == CblasTrans ? inputs : outputs, 0.0f, y_.data(), outputs);
  }

  std::string folder_;
  Config config_;
  std::vector<int> tokens_;
  std::unique_ptr<lut::GainCellDevice> device_;
  std::map<std::string, std::shared_ptr<const Weights>> weights_;
  std::map<std::string, std::unique_ptr<Transformer>> transformers_;
  std::vector<float> x_, w_, y_;
};

}  // namespace

int main(int argc, char** argv) try {
  if (argc != 4) throw std::runtime_error("usage: model_bench MODEL TEXT TOKENS");
  Bench bench(argv[1], argv[2], std::stoi(argv[3]));
  for (std::string line; std::getline(std::cin, line);) {
    std::istringstream words(line);
    std::string kind, attention, digital;
    int threads = 1;
    words >> kind;
    if (kind == "evaluation" && words >> attention >> digital >> threads)
      fmt::print("{}\n", bench.evaluation(attention, digital, threads));
    else if (kind == "products" && words >> threads)
      fmt::print("{}\n", bench.products(threads));
    else if (kind == "tokens")
      fmt::print("{}\n", bench.tokens());
    else if (kind == "settings")
      fmt::print("{}\n", bench.settings());
    else
      throw std::runtime_error("no case '" + line + "'");
    std::fflush(stdout);
  }
  return 0;
} catch (const std::exception& error) {
  fmt::print(stderr, "model_bench: {}\n", error.what());
  return 1;
}
