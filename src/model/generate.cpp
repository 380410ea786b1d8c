#include "model/generate.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/error.h"

namespace gaincell::model {

int sample(std::span<const float> logits, const SamplingOptions& options, Random& random) {
  const auto likeliest = std::max_element(logits.begin(), logits.end());
  if (options.greedy) return static_cast<int>(likeliest - logits.begin());
  std::vector<int> order(logits.size());
  std::iota(order.begin(), order.end(), 0);
  if (options.top_k > 0 && options.top_k < static_cast<int>(order.size())) {
    std::partial_sort(order.begin(), order.begin() + options.top_k, order.end(), [&](int a, int b) {
      return logits[a] != logits[b] ? logits[a] > logits[b] : a < b;
    });
    order.resize(options.top_k);
  }
  const double highest = *likeliest;
  std::vector<double> reached(order.size());
  double sum = 0;
  for (std::size_t i = 0; i < order.size(); ++i) {
    sum += std::exp((logits[order[i]] - highest) / options.temperature);
    reached[i] = sum;
  }
  const double draw = random.uniform() * sum;
  const auto chosen = std::upper_bound(reached.begin(), reached.end(), draw) - reached.begin();
  return order[std::min<std::size_t>(chosen, order.size() - 1)];
}

std::vector<int> generate(Transformer& transformer, std::span<const int> prompt, int count,
                          const SamplingOptions& options, Random& random,
                          const std::function<void(int)>& sink) {
  const Config& config = transformer.weights().config;
  if (prompt.empty()) {
    throw Error({.place = "--prompt",
                 .rule = "a continuation needs at least one token to start from",
                 .remedy = "give a prompt"});
  }
  if (!(options.temperature > 0)) {
    throw Error({.key = "--temperature",
                 .value = fmt::format("{}", options.temperature),
                 .rule = "must be greater than 0",
                 .remedy = "use --greedy for the likeliest token"});
  }
  if (options.top_k < 0) {
    throw Error({.key = "--top-k",
                 .value = std::to_string(options.top_k),
                 .rule = "must be 0 (all tokens) or more"});
  }
  const bool learned = config.positions == Positions::kLearned;
  const auto positions = static_cast<std::size_t>(config.n_positions);
  std::vector<int> text(prompt.begin(), prompt.end());
  transformer.reset();
  std::size_t fed = learned && text.size() > positions ? text.size() - positions : 0;
  for (int i = 0; i < count; ++i) {
    if (learned &&
        static_cast<std::size_t>(transformer.position()) + (text.size() - fed) > positions) {
      transformer.reset();
      fed = text.size() - std::max<std::size_t>(1, positions / 2);
    }
    const std::vector<float> logits = transformer.logits(std::span(text).subspan(fed));
    fed = text.size();
    text.push_back(sample(logits, options, random));
    if (sink) sink(text.back());
  }
  return {text.begin() + static_cast<std::ptrdiff_t>(prompt.size()), text.end()};
}

}  // namespace gaincell::model
