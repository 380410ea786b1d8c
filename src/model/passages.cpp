#include "model/passages.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "base/error.h"

namespace gaincell::model {
namespace {

using Passage = Transformer::Passage;

// A passage's figures as a store has them: nats, then the likeliest tokens where they are wanted.
std::size_t figures_of(const Passage& passage) {
  return passage.nats.size() + passage.likeliest.size();
}

void append_figures(const Passage& passage, std::vector<double>& figures) {
  figures.insert(figures.end(), passage.nats.begin(), passage.nats.end());
  figures.insert(figures.end(), passage.likeliest.begin(), passage.likeliest.end());
}

void put_figures(std::span<const double> figures, const Passage& passage) {
  std::copy_n(figures.begin(), passage.nats.size(), passage.nats.begin());
  const auto tokens = figures.subspan(passage.nats.size(), passage.likeliest.size());
  std::transform(tokens.begin(), tokens.end(), passage.likeliest.begin(),
                 [](double token) { return static_cast<int>(token); });
}

void require_fit(bool fits) {
  if (!fits)
    throw Error({.place = "journal",
                 .rule = "does not fit the passages or the attention of this run",
                 .remedy = "begin anew"});
}

// What all layers have counted: their activity so far, and their ranges.
class Counts {
 public:
  Counts(Transformer& transformer, std::span<energy::Activity> activity)
      : transformer_(transformer), activity_(activity) {}

  std::vector<double> now() {
    std::vector<double> all;
    for (std::size_t layer = 0; layer < activity_.size(); ++layer) {
      for (const double* count : activity_[layer].counts()) all.push_back(*count);
      attention::RangeReport ranges = layer_at(layer).ranges();
      for (const double* count : ranges.counts()) all.push_back(*count);
    }
    return all;
  }

  // After a reset of the transformer.
  void put_back(std::span<const double> counts) {
    const auto take = [&](const std::vector<double*>& into) {
      require_fit(counts.size() >= into.size());
      for (std::size_t k = 0; k < into.size(); ++k) *into[k] = counts[k];
      counts = counts.subspan(into.size());
    };
    for (std::size_t layer = 0; layer < activity_.size(); ++layer) {
      activity_[layer] = layer_at(layer).activity();  // with its nodes
      take(activity_[layer].counts());
      attention::RangeReport ranges = layer_at(layer).ranges();
      take(ranges.counts());
      layer_at(layer).go_on_from(static_cast<std::int64_t>(activity_[layer].tokens),
                                 std::move(ranges));
    }
    require_fit(counts.empty());
  }

 private:
  attention::Attention& layer_at(std::size_t layer) {
    return transformer_.attention(static_cast<int>(layer));
  }
  Transformer& transformer_;
  std::span<energy::Activity> activity_;
};

// How many passages the store has, whose figures are put where they belong.
std::size_t go_on(Transformer& transformer, std::span<const Passage> passages, Counts& counts,
                  RunStore& store) {
  const RunStore::Left left = store.left();
  std::span<const double> figures = left.figures;
  if (figures.empty()) return 0;
  transformer.reset();
  counts.put_back(left.counts);
  std::size_t known = 0;
  for (; !figures.empty(); ++known) {
    require_fit(known < passages.size() && figures_of(passages[known]) <= figures.size());
    put_figures(figures, passages[known]);
    figures = figures.subspan(figures_of(passages[known]));
  }
  return known;
}

}  // namespace

double run_passages(Transformer& transformer, std::span<const Passage> passages,
                    std::span<energy::Activity> activity, const PassageOptions& options) {
  Counts counts(transformer, activity);
  std::size_t at =
      options.store != nullptr ? go_on(transformer, passages, counts, *options.store) : 0;
  const auto start = std::chrono::steady_clock::now();
  while (at < passages.size()) {
    const std::size_t begin = at;
    std::vector<double> figures;
    for (std::size_t tokens = 0; at < passages.size() && tokens < options.tokens; ++at)
      tokens += passages[at].tokens.size() - 1;
    const auto block = passages.subspan(begin, at - begin);
    transformer.score_each(block, activity);
    if (options.store != nullptr) {
      for (const Passage& passage : block) append_figures(passage, figures);
      options.store->keep(figures, counts.now());
    }
    if (options.progress) options.progress(at);
  }
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

}  // namespace gaincell::model
