#include "model/evaluate.h"

#include <fmt/format.h>

#include <Eigen/Core>
#include <algorithm>
#include <chrono>
#include <cmath>
#include <numeric>
#include <optional>
#include <utility>

#include "base/error.h"

namespace gaincell::model {

double EvaluationReport::perplexity() const { return std::exp(nats_per_token); }
double EvaluationReport::tokens_per_second() const {
  return seconds > 0 ? static_cast<double>(tokens_run) / seconds : 0;
}

namespace {

using Logits = Eigen::Map<const Eigen::ArrayXf>;

// Runs the reference a block ahead and keeps that block's logits.
class Comparison {
 public:
  Comparison(Transformer& own, Transformer& reference, std::size_t scored,
             std::vector<std::unique_ptr<attention::Attention>> beside)
      : reference_(reference), vocabulary_(reference.weights().config.vocab_size) {
    if (!beside.empty()) layers_.emplace(own, reference, std::move(beside));
    for (auto* values : {&found_.same_top, &found_.kl_nats, &found_.reference_nats})
      values->resize(scored);
  }

  // So that the logits of a block take at most some 128 MB; whole chunks of the transformer.
  int tokens_at_once(int wanted) const {
    constexpr std::int64_t kMost = std::int64_t{1} << 25;
    const std::int64_t most = std::max<std::int64_t>(kMost / vocabulary_ / 64, 1) * 64;
    return static_cast<int>(std::min<std::int64_t>(most, wanted));
  }

  void reset() {
    reference_.reset();
    if (layers_) layers_->reset();
  }

  // `first`: place of next[0] among all that are scored.
  void run_reference(std::span<const int> now, std::span<const int> next, std::size_t first) {
    if (layers_) layers_->begin_block(now.size());
    logits_.resize(next.size() * static_cast<std::size_t>(vocabulary_));
    reference_.score(now, next, std::span(found_.reference_nats).subspan(first, next.size()), {},
                     [&](std::size_t at, std::size_t rows, const float* logits) {
                       std::copy_n(logits, rows * vocabulary_,
                                   logits_.begin() + static_cast<std::ptrdiff_t>(at * vocabulary_));
                     });
  }
  Transformer::SeeLogits beside(std::size_t first) {
    return [this, first](std::size_t at, std::size_t rows, const float* logits) {
      for (std::size_t row = at; row < at + rows; ++row, logits += vocabulary_)
        compare(first + row, Logits(logits_.data() + row * vocabulary_, vocabulary_),
                Logits(logits, vocabulary_));
    };
  }

  Agreement found() {
    if (layers_) found_.layers = layers_->found();
    return std::move(found_);
  }

 private:
  void compare(std::size_t token, const Logits& reference, const Logits& own) {
    Eigen::Index reference_top = 0, own_top = 0;  // the lowest of equals
    const float reference_most = reference.maxCoeff(&reference_top),
                own_most = own.maxCoeff(&own_top);
    found_.same_top[token] = reference_top == own_top ? 1 : 0;
    const Eigen::ArrayXd below = (reference - reference_most).cast<double>(),
                         own_below = (own - own_most).cast<double>();
    const Eigen::ArrayXd weights = below.exp();
    const double sum = weights.sum();
    found_.kl_nats[token] = (weights * (below - own_below)).sum() / sum - std::log(sum) +
                            std::log(own_below.exp().sum());
  }

  Agreement found_;
  Transformer& reference_;
  std::optional<LayerComparison> layers_;
  const std::size_t vocabulary_;
  std::vector<float> logits_;
};

// Windows of `reach` tokens; each scores what the one before has not. The last token is a target
// only.
struct Windows {
  std::span<const int> tokens;
  std::size_t reach, stride;

  std::size_t scored() const { return tokens.size() - 1; }
  std::size_t end(std::size_t begin) const { return std::min(begin + reach, scored()); }
};

class Stopwatch {
 public:
  double seconds() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
  }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

void run_in_blocks(Transformer& transformer, const Windows& windows,
                   const EvaluationOptions& options, std::optional<Comparison>& comparison,
                   EvaluationReport& report) {
  const std::span<const int> inputs = windows.tokens.first(windows.scored()),
                             targets = windows.tokens.subspan(1);
  const auto block = static_cast<std::size_t>(comparison ? comparison->tokens_at_once(options.block)
                                                         : options.block);
  std::size_t done = 0;
  for (std::size_t begin = 0; done < windows.scored(); begin += windows.stride) {
    transformer.reset();
    if (comparison) comparison->reset();
    const std::size_t end = windows.end(begin);
    for (std::size_t at = begin; at < end;) {
      const std::size_t count = std::min(block, end - at), known = std::clamp(done, at, at + count);
      const std::span<const int> now = inputs.subspan(at, count),
                                 next = targets.subspan(known, at + count - known);
      if (comparison) comparison->run_reference(now, next, known);
      const Stopwatch watch;
      transformer.score(now, next, std::span(report.nats).subspan(known, next.size()), {},
                        comparison ? comparison->beside(known) : Transformer::SeeLogits());
      report.seconds += watch.seconds();
      at += count;
      report.tokens_run += static_cast<std::int64_t>(count);
      if (options.progress)
        options.progress(static_cast<double>(at) / static_cast<double>(windows.scored()));
    }
    done = end;
    for (std::size_t layer = 0; layer < report.activity.size(); ++layer)
      report.activity[layer] += transformer.attention(static_cast<int>(layer)).activity();
  }
}

void run_side_by_side(Transformer& transformer, const Windows& windows,
                      const EvaluationOptions& options, EvaluationReport& report) {
  std::vector<Transformer::Passage> passages;
  for (std::size_t done = 0, begin = 0; done < windows.scored(); begin += windows.stride) {
    const std::size_t end = windows.end(begin);
    passages.push_back({.tokens = windows.tokens.subspan(begin, end - begin + 1),
                        .scored_from = done - begin + 1,
                        .nats = std::span(report.nats).subspan(done, end - done),
                        .likeliest = {}});
    report.tokens_run += static_cast<std::int64_t>(end - begin);
    done = end;
  }
  report.seconds = run_passages(
      transformer, passages, report.activity,
      {.tokens = static_cast<std::size_t>(options.block),
       .progress =
           [&](std::size_t done) {
             if (options.progress)
               options.progress(static_cast<double>(done) / static_cast<double>(passages.size()));
           },
       .store = options.store});
}

}  // namespace

void require_stride(const Config& config, int stride) {
  if (config.positions == Positions::kRotary || stride <= config.n_positions) return;
  throw Error({.key = "--stride",
               .value = std::to_string(stride),
               .rule = fmt::format("at most the model's {} positions", config.n_positions),
               .remedy = "choose a smaller stride"});
}

EvaluationReport evaluate(Transformer& transformer, std::span<const int> tokens,
                          EvaluationOptions options) {
  const Config& config = transformer.weights().config;
  if (tokens.size() < 2) {
    throw Error({.place = "text",
                 .value = fmt::format("{} tokens", tokens.size()),
                 .rule = "an evaluation needs at least 2 tokens",
                 .remedy = "give a longer text"});
  }
  const bool slides = config.positions == Positions::kRotary;
  const std::size_t scored = tokens.size() - 1;
  EvaluationReport report;
  report.tokens = static_cast<std::int64_t>(scored);
  std::size_t reach = scored;
  if (!slides) {
    reach = static_cast<std::size_t>(config.n_positions);
    report.stride = options.stride > 0 ? options.stride : std::max(1, config.n_positions / 2);
    require_stride(config, report.stride);
  }

  report.activity.resize(config.n_layer);
  report.nats.resize(scored);
  const Windows windows{tokens, reach, static_cast<std::size_t>(report.stride)};
  std::optional<Comparison> comparison;
  if (options.reference != nullptr)
    comparison.emplace(transformer, *options.reference, scored, std::move(options.beside));
  // Windows fill the pipeline one behind the other, where nothing is wanted within one.
  if (!slides && !comparison && static_cast<std::size_t>(options.block) >= reach)
    run_side_by_side(transformer, windows, options, report);
  else
    run_in_blocks(transformer, windows, options, comparison, report);
  if (comparison) report.agreement = comparison->found();
  report.nats_per_token =
      std::accumulate(report.nats.begin(), report.nats.end(), 0.0) / static_cast<double>(scored);
  return report;
}

}  // namespace gaincell::model
