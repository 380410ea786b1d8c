#include "model/calibration.h"

#include <fmt/format.h>

#include "base/error.h"
#include "base/random.h"

namespace gaincell::model {
namespace {

void collect(Transformer& transformer, bool on) {
  for (int l = 0; l < transformer.weights().config.n_layer; ++l)
    transformer.attention(l).collect_statistics(on);
}

}  // namespace

Batch draw_batch(std::span<const int> tokens, int count, int length, std::uint64_t seed) {
  const std::size_t needed = static_cast<std::size_t>(length) + 1;
  if (tokens.size() < needed) {
    throw Error({.key = "--text",
                 .value = fmt::format("{} tokens", tokens.size()),
                 .rule = fmt::format("a calibration sequence has {} tokens and its target", length),
                 .remedy = "give a longer text or a smaller --length"});
  }
  Random random(seed, "calibration batch");
  Batch batch;
  for (int i = 0; i < count; ++i) {
    const auto part = tokens.subspan(random.below(tokens.size() - needed + 1), needed);
    batch.emplace_back(part.begin(), part.end());
  }
  return batch;
}

BatchReport run_batch(Transformer& transformer, const Batch& batch) {
  BatchReport report;
  report.layers.resize(transformer.weights().config.n_layer);
  double sum = 0, tokens = 0;
  std::vector<double> nats;
  for (const auto& sequence : batch) {
    transformer.reset();
    nats.resize(sequence.size() - 1);
    transformer.score(std::span(sequence).first(nats.size()), std::span(sequence).subspan(1), nats);
    for (const double n : nats) sum += n;
    tokens += static_cast<double>(nats.size());
    for (std::size_t l = 0; l < report.layers.size(); ++l)
      report.layers[l] += transformer.attention(static_cast<int>(l)).statistics();
  }
  report.nats_per_token = sum / tokens;
  return report;
}

Collecting::Collecting(Transformer& transformer) : transformer_(transformer) {
  collect(transformer_, true);
}
Collecting::~Collecting() { collect(transformer_, false); }

}  // namespace gaincell::model
