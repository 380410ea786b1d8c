#include "model/evaluate.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <numeric>

#include "base/error.h"

namespace gaincell::model {

double EvaluationReport::perplexity() const { return std::exp(nats_per_token); }
double EvaluationReport::tokens_per_second() const {
  return seconds > 0 ? static_cast<double>(tokens_run) / seconds : 0;
}

EvaluationReport evaluate(Transformer& transformer, std::span<const int> tokens,
                          const EvaluationOptions& options) {
  const Config& config = transformer.weights().config;
  if (tokens.size() < 2) {
    throw Error({.place = "text",
                 .value = fmt::format("{} tokens", tokens.size()),
                 .rule = "an evaluation needs at least 2 tokens",
                 .remedy = "give a longer text"});
  }
  const bool slides = config.positions == Positions::kRotary;
  const std::size_t scored = tokens.size() - 1;
  // The last token is a target only.
  const std::span<const int> inputs = tokens.first(scored), targets = tokens.subspan(1);

  EvaluationReport report;
  report.tokens = static_cast<std::int64_t>(scored);
  std::size_t reach = scored;
  if (!slides) {
    reach = static_cast<std::size_t>(config.n_positions);
    report.stride = options.stride > 0 ? options.stride : std::max(1, config.n_positions / 2);
    if (report.stride > config.n_positions) {
      throw Error({.key = "--stride",
                   .value = std::to_string(report.stride),
                   .rule = fmt::format("at most the model's {} positions", config.n_positions),
                   .remedy = "choose a smaller stride"});
    }
  }

  report.activity.resize(config.n_layer);
  report.nats.reserve(scored);
  std::vector<double> nats;
  const auto start = std::chrono::steady_clock::now();
  // Windows of `reach` tokens; each scores what the one before has not.
  std::size_t done = 0;
  for (std::size_t begin = 0; done < scored; begin += static_cast<std::size_t>(report.stride)) {
    transformer.reset();
    const std::size_t end = std::min(begin + reach, scored);
    for (std::size_t at = begin; at < end;) {
      const std::size_t count = std::min(static_cast<std::size_t>(options.block), end - at);
      nats.resize(count);
      transformer.score(inputs.subspan(at, count), targets.subspan(at, count), nats);
      for (std::size_t i = 0; i < count; ++i)
        if (at + i >= done) report.nats.push_back(nats[i]);
      at += count;
      report.tokens_run += static_cast<std::int64_t>(count);
      if (options.progress) options.progress(static_cast<double>(at) / static_cast<double>(scored));
    }
    done = end;
    for (int layer = 0; layer < config.n_layer; ++layer)
      report.activity[layer] += transformer.attention(layer).activity();
  }
  report.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  report.nats_per_token =
      std::accumulate(report.nats.begin(), report.nats.end(), 0.0) / static_cast<double>(scored);
  return report;
}

}  // namespace gaincell::model
