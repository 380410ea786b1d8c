#include "model/transformer.h"

#include <cblas.h>
#include <fmt/format.h>

#include <Eigen/Core>
#include <algorithm>
#include <cassert>
#include <cmath>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <optional>
#include <utility>

#include "attention/elementwise.h"
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

// Work space of one layer, which is run by one thread at a time.
struct Transformer::Scratch {
  std::vector<float> normed, qkv, q, k, v, attended, inner;
};

// Of the head, one a thread.
struct Transformer::HeadScratch {
  std::vector<float> normed, logits;
};

// Rows that go through a layer at once: consecutive tokens of one text. targets, nats and likeliest
// may be empty; else they are those of the rows from `scored_from` on.
struct Transformer::Chunk {
  int row = 0;                // of the slice
  std::int64_t position = 0;  // of the first row in its text
  bool begins = false;        // with a memory that is to be emptied first
  int scored_from = 0;
  std::size_t first_target = 0;  // of all that were given
  std::span<const int> tokens = {};
  std::span<const int> targets = {};
  std::span<double> nats = {};
  std::span<int> likeliest = {};

  int count() const { return static_cast<int>(tokens.size()); }
};

// One slice of text, or of texts. `activity` may be empty, last_logits null.
struct Transformer::Job {
  std::vector<Chunk> chunks = {};
  std::int64_t origin = 0;                    // position at which the rotations begin
  std::span<energy::Activity> activity = {};  // of memories that were emptied, by layer
  std::vector<float>* last_logits = nullptr;
  const SeeLogits* see = nullptr;  // may be null

  int rows() const { return chunks.empty() ? 0 : chunks.back().row + chunks.back().count(); }
};

Transformer::Transformer(std::shared_ptr<const Weights> weights,
                         std::vector<std::unique_ptr<attention::Attention>> attention, int threads)
    : weights_(std::move(weights)),
      attention_(std::move(attention)),
      rotation_(weights_->config),
      pool_(std::clamp(threads, 1, weights_->config.n_layer + 1)) {
  const Config& c = weights_->config;
  assert(static_cast<int>(attention_.size()) == c.n_layer);
  scratch_.resize(c.n_layer);
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
    s.qkv.resize(static_cast<std::size_t>(kChunk) * (c.q_width() + 2 * c.kv_width()));
    s.inner.resize(static_cast<std::size_t>(kChunk) * weights_->layers[i].mlp.in.weight.outputs());
  }
  heads_.resize(pool_.threads());
  for (HeadScratch& s : heads_) s.normed.resize(static_cast<std::size_t>(kChunk) * c.n_embd);
  openblas_set_num_threads(1);
}

Transformer::~Transformer() = default;

void Transformer::reset() {
  for (auto& layer : attention_) layer->reset();
  position_ = 0;
}

void Transformer::run(std::span<const int> tokens) { score(tokens, {}, {}); }

namespace {

// The part of a span that belongs to rows first .. first + count, where it begins at row `from`.
template <typename T>
std::span<T> rows_of(std::span<T> all, std::size_t from, std::size_t first, std::size_t count) {
  if (all.empty() || first + count <= from) return {};
  const std::size_t begin = std::max(first, from);
  return all.subspan(begin - from, first + count - begin);
}

}  // namespace

void Transformer::score(std::span<const int> tokens, std::span<const int> targets,
                        std::span<double> nats, std::span<int> likeliest, const SeeLogits& see) {
  assert(targets.size() == nats.size() && targets.size() <= tokens.size());
  assert(likeliest.empty() || likeliest.size() == targets.size());
  const std::size_t from = tokens.size() - targets.size();
  for (std::size_t at = 0; at < tokens.size(); at += kSlice) {
    Job job{.see = see ? &see : nullptr};
    const std::size_t end = std::min<std::size_t>(at + kSlice, tokens.size());
    for (std::size_t first = at; first < end; first += kChunk) {
      const std::size_t count = std::min<std::size_t>(kChunk, end - first);
      job.chunks.push_back(
          {.row = static_cast<int>(first - at),
           .position = position_ + static_cast<std::int64_t>(first - at),
           .scored_from = static_cast<int>(std::min(std::max(from, first) - first, count)),
           .first_target = std::max(from, first) - from,
           .tokens = tokens.subspan(first, count),
           .targets = rows_of(targets, from, first, count),
           .nats = rows_of(nats, from, first, count),
           .likeliest = rows_of(likeliest, from, first, count)});
    }
    run_slice(std::move(job));
  }
}

void Transformer::score_each(std::span<const Passage> passages,
                             std::span<energy::Activity> activity) {
  assert(activity.size() == attention_.size());
  for (const Passage& passage : passages)
    require_positions(static_cast<std::int64_t>(passage.tokens.size()) - 1);
  reset();
  Job job{.activity = activity};
  const auto run_job = [&] {
    if (!job.chunks.empty()) run_slice(job);
    job.chunks.clear();
  };
  for (const Passage& passage : passages) {
    assert(passage.scored_from >= 1 && passage.scored_from < passage.tokens.size());
    const std::span<const int> inputs = passage.tokens.first(passage.tokens.size() - 1);
    const std::size_t from = passage.scored_from - 1;  // the input that foretells it
    const std::span<const int> targets = passage.tokens.subspan(passage.scored_from);
    for (std::size_t first = 0; first < inputs.size(); first += kChunk) {
      const std::size_t count = std::min<std::size_t>(kChunk, inputs.size() - first);
      if (job.rows() + static_cast<int>(count) > kSlice) run_job();
      job.chunks.push_back(
          {.row = job.rows(),
           .position = static_cast<std::int64_t>(first),
           .begins = first == 0,
           .scored_from = static_cast<int>(std::min(std::max(from, first) - first, count)),
           .tokens = inputs.subspan(first, count),
           .targets = rows_of(targets, from, first, count),
           .nats = rows_of(passage.nats, from, first, count),
           .likeliest = rows_of(passage.likeliest, from, first, count)});
    }
  }
  run_job();
  for (std::size_t layer = 0; layer < attention_.size(); ++layer)
    activity[layer] += attention_[layer]->activity();
}

std::vector<float> Transformer::logits(std::span<const int> tokens) {
  assert(!tokens.empty());
  std::vector<float> result;
  const std::size_t last = (tokens.size() - 1) / kChunk * kChunk;
  run(tokens.first(last));
  run_slice({.chunks = {{.position = position_, .tokens = tokens.subspan(last)}},
             .last_logits = &result});
  return result;
}

void Transformer::require_positions(std::int64_t tokens) const {
  const Config& c = weights_->config;
  if (c.positions != Positions::kLearned || tokens <= c.n_positions) return;
  throw Error({.place = "text",
               .value = fmt::format("{} tokens", tokens),
               .rule = fmt::format("the model has {} learned positions", c.n_positions),
               .remedy = "evaluate in windows, or use a model with rotary positions"});
}

void Transformer::run_slice(Job job) {
  const Config& c = weights_->config;
  std::int64_t end = 0;
  job.origin = job.chunks.front().position;
  for (const Chunk& chunk : job.chunks) {
    job.origin = std::min(job.origin, chunk.position);
    end = std::max(end, chunk.position + chunk.count());
    assert(std::all_of(chunk.tokens.begin(), chunk.tokens.end(),
                       [&](int token) { return token >= 0 && token < c.vocab_size; }));
  }
  require_positions(end);
  x_.resize(static_cast<std::size_t>(job.rows()) * c.n_embd);
  rotation_.set(job.origin, static_cast<int>(end - job.origin));
  run_stages(job);
  position_ = job.chunks.back().position + job.chunks.back().count();
}

// Who does what next. A stage (a layer, or the head at the end) takes the chunks in their order,
// one at a time, each after the stage before; the head, which remembers nothing, as many at a time
// as there are threads where nobody looks at its logits in order.
class Transformer::Pipeline {
 public:
  struct Task {
    int stage, chunk;
  };

  Pipeline(int stages, int chunks, bool head_in_order)
      : chunks_(chunks), head_in_order_(head_in_order), begun_(stages), done_(stages) {}

  // Waits for one that can be done; none where nothing is left. A thread stays with its stage while
  // it can: the weights are still in the cache.
  std::optional<Task> next(int last_stage) {
    std::unique_lock lock(mutex_);
    for (;;) {
      if (failure_ || begun_.back() == chunks_) return std::nullopt;
      if (const int stage = choose(last_stage); stage >= 0) return Task{stage, begun_[stage]++};
      changed_.wait(lock);
    }
  }

  void finish(const Task& task, std::exception_ptr failure) {
    {
      const std::lock_guard lock(mutex_);
      ++done_[task.stage];
      if (failure && !failure_) failure_ = std::move(failure);
    }
    changed_.notify_all();
  }

  const std::exception_ptr& failure() const { return failure_; }

 private:
  bool is_ready(int stage) const {
    const bool is_head = stage == static_cast<int>(begun_.size()) - 1;
    if (begun_[stage] == chunks_) return false;
    if (begun_[stage] > done_[stage] && (!is_head || head_in_order_)) return false;
    return stage == 0 || done_[stage - 1] > begun_[stage];
  }
  int choose(int last_stage) const {
    if (last_stage >= 0 && is_ready(last_stage)) return last_stage;
    for (int stage = 0; stage < static_cast<int>(begun_.size()); ++stage)
      if (is_ready(stage)) return stage;
    return -1;
  }

  const int chunks_;
  const bool head_in_order_;
  std::vector<int> begun_, done_;  // chunks, by stage
  std::exception_ptr failure_;
  std::mutex mutex_;
  std::condition_variable changed_;
};

void Transformer::run_stages(const Job& job) {
  Pipeline pipeline(weights_->config.n_layer + 1, static_cast<int>(job.chunks.size()),
                    job.see != nullptr);
  pool_.run(pool_.threads(), [&](int, int thread) {
    int stage = -1;
    while (const auto task = pipeline.next(stage)) {
      stage = task->stage;
      std::exception_ptr failure;
      try {
        run_stage(stage, thread, job.chunks[static_cast<std::size_t>(task->chunk)], job);
      } catch (...) {
        failure = std::current_exception();
      }
      pipeline.finish(*task, std::move(failure));
    }
  });
  if (pipeline.failure()) std::rethrow_exception(pipeline.failure());
}

void Transformer::run_stage(int stage, int thread, const Chunk& chunk, const Job& job) {
  float* x = x_.data() + static_cast<std::size_t>(chunk.row) * weights_->config.n_embd;
  if (stage == 0) embed(chunk, x);
  if (stage < weights_->config.n_layer) {
    run_layer(stage, chunk, job, x);
  } else {
    run_head(chunk, x, job, heads_[static_cast<std::size_t>(thread)]);
  }
}

void Transformer::embed(const Chunk& chunk, float* x) const {
  const std::size_t width = weights_->config.n_embd;
  const auto row_of = [&](const std::vector<float>& table, std::int64_t row) {
    return Row(table.data() + static_cast<std::size_t>(row) * width, width);
  };
  for (int t = 0; t < chunk.count(); ++t, x += width) {
    Eigen::Map<Eigen::ArrayXf> row(x, width);
    row = row_of(weights_->wte, chunk.tokens[t]);
    if (!weights_->wpe.empty()) row += row_of(weights_->wpe, chunk.position + t);
  }
}

void Transformer::run_layer(int index, const Chunk& chunk, const Job& job, float* x) {
  const Config& c = weights_->config;
  const Layer& layer = weights_->layers[index];
  attention::Attention& attention = *attention_[index];
  if (chunk.begins) {
    job.activity[index] += attention.activity();
    attention.reset();
  }
  Scratch& s = scratch_[index];
  const int count = chunk.count(), first = static_cast<int>(chunk.position - job.origin);
  normalise(layer.ln_1, count, x, s.normed.data());
  put(layer.attention_in, count, s.normed.data(), s.qkv.data());
  const int q_width = c.q_width(), kv_width = c.kv_width();
  const float* from = s.qkv.data();
  for (int r = 0; r < count; ++r, from += q_width + 2 * kv_width) {
    std::copy_n(from, q_width, s.q.data() + r * q_width);
    std::copy_n(from + q_width, kv_width, s.k.data() + r * kv_width);
    std::copy_n(from + q_width + kv_width, kv_width, s.v.data() + r * kv_width);
  }
  rotation_.turn(first, count, c.n_head, s.q.data());
  rotation_.turn(first, count, c.kv_heads(), s.k.data());
  attention.run(count, s.q.data(), s.k.data(), s.v.data(), s.attended.data());
  add(layer.attention_out, count, s.attended.data(), x);

  normalise(layer.ln_2, count, x, s.normed.data());
  add(layer.mlp, count, s.normed.data(), s.inner.data(), x);
  if (see_layer_)
    see_layer_({.layer = index,
                .position = chunk.position,
                .tokens = count,
                .q = s.q.data(),
                .k = s.k.data(),
                .v = s.v.data(),
                .attended = s.attended.data(),
                .stream = x});
}

void Transformer::run_head(const Chunk& chunk, const float* x, const Job& job, HeadScratch& s) {
  const Config& c = weights_->config;
  const bool wants_logits = job.last_logits != nullptr && &chunk == &job.chunks.back();
  if (chunk.targets.empty() && !wants_logits) return;
  // One row is all that is asked for where there are no targets.
  const int skipped = chunk.targets.empty() ? chunk.count() - 1 : chunk.scored_from;
  const int count = chunk.count() - skipped;
  x += static_cast<std::size_t>(skipped) * c.n_embd;
  normalise(weights_->ln_f, count, x, s.normed.data());
  s.logits.resize(static_cast<std::size_t>(count) * c.vocab_size);
  weights_->head.multiply(count, s.normed.data(), s.logits.data());
  for (std::size_t t = 0; t < chunk.targets.size(); ++t) {
    const std::span<const float> logits(s.logits.data() + t * c.vocab_size,
                                        static_cast<std::size_t>(c.vocab_size));
    const float highest = attention::highest(logits.size(), logits.data());
    const double sum = attention::sum_of_exp(logits.size(), logits.data(), highest);
    const int target = chunk.targets[t];
    assert(target >= 0 && target < c.vocab_size);
    chunk.nats[t] = std::log(sum) - (logits[target] - highest);
    if (chunk.likeliest.empty()) continue;
    const auto top = std::find(logits.begin(), logits.end(), highest);
    chunk.likeliest[t] = static_cast<int>(top - logits.begin());
  }
  if (job.see != nullptr && !chunk.targets.empty())
    (*job.see)(chunk.first_target, chunk.targets.size(), s.logits.data());
  if (wants_logits) job.last_logits->assign(s.logits.end() - c.vocab_size, s.logits.end());
}

}  // namespace gaincell::model
