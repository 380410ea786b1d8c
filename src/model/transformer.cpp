#include "model/transformer.h"

#include <cblas.h>
#include <fmt/format.h>

#include <Eigen/Core>
#include <algorithm>
#include <atomic>
#include <cassert>
#include <cmath>
#include <exception>
#include <utility>

#include "base/error.h"

namespace gaincell::model {
namespace {

// Rows of one matrix product. Fixed, so that every product has the same shape and result whatever
// the number of threads.
constexpr int kChunk = 64;
// Tokens whose activations are held at once; long enough that filling the pipeline of layers costs
// little.
constexpr int kSlice = 64 * kChunk;

using Row = Eigen::Map<const Eigen::ArrayXf>;

}  // namespace

// Work space of one stage; a stage is run by one thread at a time.
struct Transformer::Scratch {
  std::vector<float> normed, q, k, v, attended, inner, logits;
};

// One slice of text. targets, nats and likeliest may be empty; last_logits may be null.
struct Transformer::Job {
  std::span<const int> tokens;
  std::span<const int> targets = {};
  std::span<double> nats = {};
  std::span<int> likeliest = {};
  std::vector<float>* last_logits = nullptr;
};

Transformer::Transformer(std::shared_ptr<const Weights> weights,
                         std::vector<std::unique_ptr<attention::Attention>> attention, int threads)
    : weights_(std::move(weights)),
      attention_(std::move(attention)),
      rotation_(weights_->config),
      pool_(std::clamp(threads, 1, weights_->config.n_layer + 1)) {
  const Config& c = weights_->config;
  assert(static_cast<int>(attention_.size()) == c.n_layer);
  scratch_.resize(c.n_layer + 1);
  for (int i = 0; i < c.n_layer; ++i) {
    assert(attention_[i]->shape().heads == c.n_head && attention_[i]->shape().dim == c.head_dim() &&
           attention_[i]->shape().arrays() == c.kv_heads());
    attention_[i]->set_place(fmt::format("layer {}", i));
    Scratch& s = scratch_[i];
    s.normed.resize(static_cast<std::size_t>(kChunk) * c.n_embd);
    for (auto* buffer : {&s.q, &s.attended})
      buffer->resize(static_cast<std::size_t>(kChunk) * c.q_width());
    for (auto* buffer : {&s.k, &s.v})
      buffer->resize(static_cast<std::size_t>(kChunk) * c.kv_width());
    s.inner.resize(static_cast<std::size_t>(kChunk) * weights_->layers[i].mlp.in.outputs);
  }
  scratch_.back().normed.resize(static_cast<std::size_t>(kChunk) * c.n_embd);
  openblas_set_num_threads(1);
}

Transformer::~Transformer() = default;

void Transformer::reset() {
  for (auto& layer : attention_) layer->reset();
  position_ = 0;
}

void Transformer::run(std::span<const int> tokens) { score(tokens, {}, {}); }

void Transformer::score(std::span<const int> tokens, std::span<const int> targets,
                        std::span<double> nats, std::span<int> likeliest) {
  assert(targets.size() == nats.size() && (targets.empty() || targets.size() == tokens.size()));
  assert(likeliest.empty() || likeliest.size() == targets.size());
  for (std::size_t at = 0; at < tokens.size(); at += kSlice) {
    const std::size_t count = std::min<std::size_t>(kSlice, tokens.size() - at);
    const auto part = [&](auto span) { return span.empty() ? span : span.subspan(at, count); };
    run_slice({.tokens = part(tokens),
               .targets = part(targets),
               .nats = part(nats),
               .likeliest = part(likeliest)});
  }
}

std::vector<float> Transformer::logits(std::span<const int> tokens) {
  assert(!tokens.empty());
  std::vector<float> result;
  const std::size_t last = (tokens.size() - 1) / kSlice * kSlice;
  run(tokens.first(last));
  run_slice({.tokens = tokens.subspan(last), .last_logits = &result});
  return result;
}

void Transformer::run_slice(Job job) {
  const Config& c = weights_->config;
  const int count = static_cast<int>(job.tokens.size());
  if (c.positions == Positions::kLearned && position_ + count > c.n_positions) {
    throw Error({.place = "text",
                 .value = fmt::format("{} tokens", position_ + count),
                 .rule = fmt::format("the model has {} learned positions", c.n_positions),
                 .remedy = "evaluate in windows, or use a model with rotary positions"});
  }
  assert(std::all_of(job.tokens.begin(), job.tokens.end(),
                     [&](int token) { return token >= 0 && token < c.vocab_size; }));
  x_.resize(static_cast<std::size_t>(count) * c.n_embd);
  rotation_.set(position_, count);

  // Stage s (a layer, or the head at the end) works on chunk `step - s`.
  const int stages = c.n_layer + 1;
  const int chunks = (count + kChunk - 1) / kChunk;
  std::atomic<bool> failed = false;
  std::vector<std::exception_ptr> failures(stages);
  for (int step = 0; step < chunks + stages - 1 && !failed; ++step) {
    const int first = std::max(0, step - chunks + 1), end = std::min(step + 1, stages);
    pool_.run(end - first, [&](int item, int) {
      const int stage = first + item;
      if (failed) return;
      try {
        run_stage(stage, step - stage, job);
      } catch (...) {
        failures[stage] = std::current_exception();
        failed = true;
      }
    });
  }
  for (const auto& failure : failures)
    if (failure) std::rethrow_exception(failure);
  position_ += count;
}

void Transformer::run_stage(int stage, int chunk, const Job& job) {
  const Config& c = weights_->config;
  const int first = chunk * kChunk;
  const int count = std::min(kChunk, static_cast<int>(job.tokens.size()) - first);
  float* x = x_.data() + static_cast<std::size_t>(first) * c.n_embd;
  if (stage == 0) {
    for (int t = 0; t < count; ++t) {
      Eigen::Map<Eigen::ArrayXf> row(x + static_cast<std::size_t>(t) * c.n_embd, c.n_embd);
      row = Row(weights_->wte.data() + static_cast<std::size_t>(job.tokens[first + t]) * c.n_embd,
                c.n_embd);
      if (!weights_->wpe.empty()) {
        row +=
            Row(weights_->wpe.data() + static_cast<std::size_t>(position_ + first + t) * c.n_embd,
                c.n_embd);
      }
    }
  }
  if (stage < c.n_layer) {
    run_layer(stage, count, first, x);
  } else {
    run_head(count, first, x, job);
  }
}

void Transformer::run_layer(int index, int count, int first, float* x) {
  const Config& c = weights_->config;
  const Layer& layer = weights_->layers[index];
  Scratch& s = scratch_[index];
  normalise(layer.ln_1, count, x, s.normed.data());
  const int q_width = c.q_width(), kv_width = c.kv_width();
  put(layer.attention_in, {0, q_width}, count, s.normed.data(), s.q.data());
  put(layer.attention_in, {q_width, kv_width}, count, s.normed.data(), s.k.data());
  put(layer.attention_in, {q_width + kv_width, kv_width}, count, s.normed.data(), s.v.data());
  rotation_.turn(first, count, c.n_head, s.q.data());
  rotation_.turn(first, count, c.kv_heads(), s.k.data());
  attention_[index]->run(count, s.q.data(), s.k.data(), s.v.data(), s.attended.data());
  add(layer.attention_out, count, s.attended.data(), x);

  normalise(layer.ln_2, count, x, s.normed.data());
  add(layer.mlp, count, s.normed.data(), s.inner.data(), x);
}

void Transformer::run_head(int count, int first, const float* x, const Job& job) {
  const Config& c = weights_->config;
  const bool last_chunk = first + count == static_cast<int>(job.tokens.size());
  const bool wants_logits = job.last_logits != nullptr && last_chunk;
  if (job.targets.empty() && !wants_logits) return;
  Scratch& s = scratch_.back();
  const std::vector<float>& head = weights_->head.empty() ? weights_->wte : weights_->head;
  if (job.targets.empty()) {  // one row is all that is asked for
    x += static_cast<std::size_t>(count - 1) * c.n_embd;
    count = 1;
  }
  normalise(weights_->ln_f, count, x, s.normed.data());
  s.logits.resize(static_cast<std::size_t>(count) * c.vocab_size);
  cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, count, c.vocab_size, c.n_embd, 1.0f,
              s.normed.data(), c.n_embd, head.data(), c.n_embd, 0.0f, s.logits.data(),
              c.vocab_size);
  for (int t = 0; t < count && !job.targets.empty(); ++t) {
    const Row logits(s.logits.data() + static_cast<std::size_t>(t) * c.vocab_size, c.vocab_size);
    const float highest = logits.maxCoeff();
    const double sum = (logits - highest).exp().cast<double>().sum();
    const int target = job.targets[first + t];
    assert(target >= 0 && target < c.vocab_size);
    job.nats[first + t] = std::log(sum) - (logits[target] - highest);
    if (job.likeliest.empty()) continue;
    const auto top = std::find(logits.data(), logits.data() + c.vocab_size, highest);
    job.likeliest[first + t] = static_cast<int>(top - logits.data());
  }
  if (wants_logits) job.last_logits->assign(s.logits.end() - c.vocab_size, s.logits.end());
}

}  // namespace gaincell::model
