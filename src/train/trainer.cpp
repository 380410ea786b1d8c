#include "train/trainer.h"

#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <ATen/ops/cross_entropy_loss.h>
#include <cblas.h>
#include <fmt/format.h>
#include <torch/version.h>

#include <chrono>
#include <cmath>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/files.h"
#include "base/json.h"
#include "base/random.h"
#include "base/version.h"
#include "model/checksums.h"
#include "train/card.h"
#include "train/kernels.h"
#include "train/text.h"

namespace gaincell::train {
namespace {

using torch::Tensor;
using Clock = std::chrono::steady_clock;

// First positions of training sequences are drawn below this: rotary phases of all kinds, as a text
// that slides for long meets them.
constexpr std::uint64_t kPositions = 1u << 20;
constexpr float kBeta1 = 0.9f, kBeta2 = 0.99f, kEpsilon = 1e-8f;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

void use_threads(int threads) {
  at::set_num_threads(threads);
  at::globalContext().setFlushDenormal(true);
  // OpenBLAS has threads of its own, which libtorch does not govern.
  openblas_set_num_threads(threads);
}

model::Config make_config(const TrainOptions& o, std::size_t vocabulary) {
  model::Config c;
  c.n_layer = o.layers;
  c.n_head = o.heads;
  c.n_embd = o.heads * o.head_dim;
  c.n_inner = 4 * c.n_embd;
  c.n_positions = o.context;
  c.vocab_size = static_cast<int>(vocabulary);
  c.positions = model::Positions::kRotary;
  c.rotary_dims = o.rotary_dims;
  c.rotary_base = o.rotary_base;
  c.attention.kind = o.attention;
  c.attention.window = o.window;
  return c;
}

struct Batch {
  Tensor input, target;
  std::vector<std::int64_t> first;  // positions
};

Batch draw_batch(const TrainOptions& o, const std::vector<std::int64_t>& text, int step) {
  Random random(o.seed, "batch", static_cast<std::uint64_t>(step));
  Batch batch{torch::empty({o.batch, o.context}, torch::kLong),
              torch::empty({o.batch * o.context}, torch::kLong),
              {}};
  auto* input = batch.input.data_ptr<std::int64_t>();
  auto* target = batch.target.data_ptr<std::int64_t>();
  for (int b = 0; b < o.batch; ++b) {
    const auto at = static_cast<std::ptrdiff_t>(random.below(text.size() - o.context));
    input = std::copy_n(text.begin() + at, o.context, input);
    target = std::copy_n(text.begin() + at + 1, o.context, target);
    batch.first.push_back(static_cast<std::int64_t>(random.below(kPositions)));
  }
  return batch;
}

// AdamW over a network's parameters; matrices decay.
class Optimiser {
 public:
  explicit Optimiser(const Network& network) {
    for (const auto& [name, value] : network.parameters()) {
      mean_[name] = torch::zeros_like(value);
      square_[name] = torch::zeros_like(value);
    }
  }

  // Uses and clears the gradients; `step` counts from 0.
  void step(const Network& network, const TrainOptions& o, int step) {
    double norm2 = 0;
    for (const auto& [name, value] : network.parameters()) {
      const double norm = value.grad().norm().item<double>();
      norm2 += norm * norm;
    }
    const double norm = std::sqrt(norm2);
    if (!std::isfinite(norm)) {
      throw Error({.place = "gaincell train",
                   .key = fmt::format("step {}", step),
                   .rule = "the gradient is not finite: training has diverged",
                   .remedy = "lower --lr or lengthen --warmup"});
    }
    AdamwStep s{};
    s.lr = static_cast<float>(learning_rate(o, step));
    s.beta1 = kBeta1;
    s.beta2 = kBeta2;
    s.epsilon = kEpsilon;
    s.scale = static_cast<float>(norm > o.clip ? o.clip / norm : 1.0);
    s.correction1 = static_cast<float>(1 - std::pow(static_cast<double>(kBeta1), step + 1));
    s.correction2 = static_cast<float>(1 - std::pow(static_cast<double>(kBeta2), step + 1));
    for (const auto& [name, value] : network.parameters()) {
      s.weight_decay = value.dim() >= 2 ? static_cast<float>(o.weight_decay) : 0.0f;
      const Tensor gradient = value.grad().contiguous();
      adamw(s, gradient.data_ptr<float>(), value.data_ptr<float>(), mean_[name].data_ptr<float>(),
            square_[name].data_ptr<float>(), value.numel());
      value.mutable_grad().reset();
    }
  }

  std::map<std::string, Tensor>& mean() { return mean_; }
  std::map<std::string, Tensor>& square() { return square_; }

 private:
  std::map<std::string, Tensor> mean_, square_;
};

// What must be equal for a run to go on as if it had never stopped.
nlohmann::json identity_of(const TrainOptions& o, const Corpus& corpus) {
  nlohmann::json id = recipe(o);
  id["text_sha256"] = corpus.sha256;
  id["encoding"] = o.encoding;
  id["program_version"] = kVersion;
  if (o.cooldown > 0) id.erase("steps");  // may change while the rate is held
  return id;
}

struct State {
  int step = 0;  // steps done
  LossAt best{};
  std::vector<LossAt> losses;
  double wall_time_s = 0;
  double loss_sum = 0;  // since the last look at the held-out text
  int loss_count = 0;
  std::map<std::string, model::Tensor> best_weights;
};

using Named = std::map<std::string, model::Tensor>;

void put(Named& all, const std::string& prefix, const Named& part) {
  for (const auto& [name, tensor] : part) all[prefix + name] = tensor;
}
Named host(const std::map<std::string, Tensor>& tensors) {
  Named result;
  for (const auto& [name, value] : tensors) {
    const float* data = value.data_ptr<float>();
    result[name] = {value.sizes().vec(), {data, data + value.numel()}, model::Dtype::kF32};
  }
  return result;
}

void write_state(const std::filesystem::path& path, const nlohmann::json& identity,
                 const State& state, const Network& network, Optimiser& optimiser) {
  Named all;
  put(all, "value.", host(network.parameters()));
  put(all, "mean.", host(optimiser.mean()));
  put(all, "square.", host(optimiser.square()));
  put(all, "best.", state.best_weights);
  nlohmann::json numbers = {{"step", state.step},
                            {"wall_time_s", state.wall_time_s},
                            {"loss_sum", state.loss_sum},
                            {"loss_count", state.loss_count},
                            {"best", {state.best.step, state.best.training, state.best.held_out}}};
  for (const LossAt& loss : state.losses)
    numbers["losses"].push_back({loss.step, loss.training, loss.held_out});
  model::write_safetensors(path, all,
                           {{"identity", json_text(identity)}, {"numbers", json_text(numbers)}});
}

constexpr const char* kStartAgain = "remove the file and start again without --resume";

nlohmann::json metadata(const model::SafetensorsReader& file, const char* key) {
  const auto found = file.metadata().find(key);
  if (found != file.metadata().end()) {
    auto parsed = parse_json(found->second, file.path().string(), kStartAgain);
    if (parsed.is_object()) return parsed;
  }
  throw Error({.place = file.path().string(),
               .key = key,
               .rule = "is missing: not a training state",
               .remedy = kStartAgain});
}

// The numbers of a state; a library's exception where one is missing or of another type.
State numbers_of(const nlohmann::json& numbers) {
  State state;
  state.step = numbers.at("step").get<int>();
  state.wall_time_s = numbers.at("wall_time_s").get<double>();
  state.loss_sum = numbers.at("loss_sum").get<double>();
  state.loss_count = numbers.at("loss_count").get<int>();
  const auto loss = [](const nlohmann::json& j) {
    return LossAt{j.at(0).get<int>(), j.at(1).get<double>(), j.at(2).get<double>()};
  };
  state.best = loss(numbers.at("best"));
  if (numbers.contains("losses"))
    for (const auto& entry : numbers["losses"]) state.losses.push_back(loss(entry));
  return state;
}

// A tensor of a state, as large as the one that it goes into.
model::Tensor read_sized(const model::SafetensorsReader& file, const std::string& name,
                         const Tensor& into) {
  model::Tensor tensor = file.read(name);
  if (tensor.shape == into.sizes().vec()) return tensor;
  throw Error({.place = file.path().string(),
               .key = name,
               .rule = "is of another shape than in this model: not its training state",
               .remedy = kStartAgain});
}

State read_state(const std::filesystem::path& path, const nlohmann::json& identity,
                 const TrainOptions& o, Network& network, Optimiser& optimiser) {
  const model::SafetensorsReader file(path);
  const auto other = metadata(file, "identity");
  for (const auto& [key, value] : identity.items()) {
    if (other.contains(key) && other[key] == value) continue;
    throw Error({.place = path.string(),
                 .key = key,
                 .value = json_text(other.value(key, nlohmann::json())),
                 .rule = fmt::format("this run has {}", json_text(value)),
                 .remedy = "resume with the options it was started with, or start again"});
  }
  State state;
  try {
    state = numbers_of(metadata(file, "numbers"));
  } catch (const nlohmann::json::exception&) {
    throw Error({.place = path.string(),
                 .key = "numbers",
                 .rule = "are not those of a training state",
                 .remedy = kStartAgain});
  }
  if (state.step > o.steps - o.cooldown && o.cooldown > 0 && other.contains("fall_from") &&
      other["fall_from"] != o.steps - o.cooldown) {
    throw Error({.place = path.string(),
                 .key = "--steps",
                 .value = fmt::format("{}", o.steps),
                 .rule = fmt::format("the learning rate has begun to fall at step {}",
                                     json_text(other["fall_from"])),
                 .remedy = "resume with the number of steps it was started with"});
  }
  Named values, best;
  for (const auto& [name, tensor] : network.parameters()) {
    values[name] = read_sized(file, "value." + name, tensor);
    if (file.has("best." + name)) best[name] = read_sized(file, "best." + name, tensor);
    for (auto* moments : {&optimiser.mean(), &optimiser.square()}) {
      const model::Tensor from =
          read_sized(file, (moments == &optimiser.mean() ? "mean." : "square.") + name, tensor);
      std::copy(from.values.begin(), from.values.end(), (*moments)[name].data_ptr<float>());
    }
  }
  network.assign(values);
  state.best_weights = std::move(best);
  return state;
}

// Whether this is the config of a model that a training wrote, and nothing since.
bool was_trained(const std::filesystem::path& path) {
  try {
    const auto config = parse_json(read_file(path), path.string());
    return config.is_object() && config.contains("/gaincell/record/trained"_json_pointer) &&
           !config.contains("/gaincell/record/adaptation"_json_pointer);
  } catch (const Error&) {
    return false;
  }
}

// What is written replaces only what a training before wrote.
void require_own(const std::filesystem::path& out, const std::filesystem::path& state) {
  std::error_code error;
  if (std::filesystem::exists(out, error) && !std::filesystem::is_empty(out, error)) {
    if (!was_trained(out / "config.json"))
      throw Error({.place = out.string(),
                   .rule = "exists, and was not written by `gaincell train`",
                   .remedy = "remove it or choose another --out"});
  }
  if (!std::filesystem::exists(state, error)) return;
  try {
    if (model::SafetensorsReader(state).metadata().contains("identity")) return;
  } catch (const Error&) {
  }
  throw Error({.place = state.string(),
               .rule = "stands where the state of this training is kept, and is none",
               .remedy = "move it away or choose another --out"});
}

template <class... Arguments>
void say(const TrainOptions& o, fmt::format_string<Arguments...> format, Arguments&&... arguments) {
  if (o.progress) o.progress(fmt::format(format, std::forward<Arguments>(arguments)...));
}

Corpus read_enough(const TrainOptions& o) {
  Corpus corpus = read_corpus(o.text, o.held_out, o.encoding);
  const auto enough = static_cast<std::size_t>(o.context) + 1;
  if (corpus.training.size() >= enough && corpus.held_out.size() >= 2) return corpus;
  throw Error({.place = o.text.string(),
               .value = fmt::format("{} training characters, {} held out", corpus.training.size(),
                                    corpus.held_out.size()),
               .rule = fmt::format("at least {} and 2 are needed", enough),
               .remedy = "give a longer text or a shorter --context"});
}

void make_folder(const std::filesystem::path& out) {
  std::error_code failed;
  std::filesystem::create_directories(out, failed);
  if (failed)
    throw Error({.place = out.string(),
                 .rule = "cannot be made: " + failed.message(),
                 .remedy = "choose another --out"});
}

// One batch, forwards, backwards and into the parameters; its loss.
double train_step(const TrainOptions& o, const Corpus& corpus, int step, Network& network,
                  Optimiser& optimiser) {
  const Batch batch = draw_batch(o, corpus.training, step);
  Network::Pass pass;
  pass.precision = o.precision;
  pass.dropout = o.dropout;
  pass.mask_seed =
      static_cast<std::uint32_t>(Random(o.seed, "masks", static_cast<std::uint64_t>(step)).bits());
  const Tensor logits = network.logits(batch.input, batch.first, pass);
  const Tensor loss =
      at::cross_entropy_loss(logits.view({-1, network.config().vocab_size}), batch.target);
  loss.backward();
  optimiser.step(network, o, step);
  return loss.item<double>();
}

// Mean loss, speed and time left, told every so many steps.
class Pace {
 public:
  Pace(const TrainOptions& o, int first_step) : o_(o), first_step_(first_step) {}

  // `step` of them are done.
  void add(int step, double loss) {
    interval_loss_ += loss;
    ++interval_steps_;
    if (step % kReportEvery != 0 && step != o_.steps) return;
    const double left = seconds() / (step - first_step_) * (o_.steps - step);
    say(o_, "step {}/{}  loss {:.4f}  lr {:.2e}  {:.0f} tokens/s  {:.0f} min left", step, o_.steps,
        interval_loss_ / interval_steps_, learning_rate(o_, step - 1),
        interval_steps_ * static_cast<double>(o_.batch) * o_.context /
            seconds_since(interval_start_),
        left / 60);
    interval_loss_ = 0;
    interval_steps_ = 0;
    interval_start_ = Clock::now();
  }

  double seconds() const { return seconds_since(start_); }  // of this run

 private:
  static constexpr int kReportEvery = 50;
  const TrainOptions& o_;
  int first_step_;
  Clock::time_point start_ = Clock::now(), interval_start_ = start_;
  double interval_loss_ = 0;
  int interval_steps_ = 0;
};

// A look at the held-out text; the best weights so far are kept.
void look(const TrainOptions& o, const Corpus& corpus, Network& network, State& state) {
  const LossAt at{state.step, state.loss_sum / state.loss_count,
                  sliding_loss(network, corpus.held_out)};
  state.loss_sum = 0;
  state.loss_count = 0;
  state.losses.push_back(at);
  if (state.best_weights.empty() || at.held_out < state.best.held_out) {
    state.best = at;
    state.best_weights = network.to_tensors(model::Dtype::kF32);
  }
  say(o, "step {}/{}  held out {:.4f}  (best {:.4f} at step {})", state.step, o.steps, at.held_out,
      state.best.held_out, state.best.step);
}

// The best weights become a model folder, rounded to F16; the report is of what was written.
TrainReport write_model(const TrainOptions& o, const Corpus& corpus, Network& network,
                        State& state) {
  TrainReport report;
  report.losses = state.losses;
  report.best_step = state.best.step;
  report.held_out_f32 = state.best.held_out;
  report.wall_time_s = state.wall_time_s;
  for (auto& [name, tensor] : state.best_weights) tensor.dtype = model::Dtype::kF16;
  const auto weights_path = o.out / "model.safetensors";
  model::write_safetensors(weights_path, state.best_weights, {{"format", "pt"}});
  const model::SafetensorsReader written(weights_path);
  Named rounded;
  for (const auto& [name, tensor] : network.parameters()) rounded[name] = written.read(name);
  network.assign(rounded);
  report.held_out = sliding_loss(network, corpus.held_out);

  model::Config config = network.config();
  config.record = {{"trained", {{"seed", o.seed}, {"best_step", report.best_step}}}};
  model::write_config(o.out / "config.json", config);
  write_file(o.out / "vocab.json", json_text(nlohmann::json(corpus.vocabulary), 0) + "\n");
  model::write_checksums(o.out);
  write_card(o, corpus, network, report);
  return report;
}

}  // namespace

TrainReport train(const TrainOptions& o) {
  check(o);
  use_threads(o.threads);
  const Corpus corpus = read_enough(o);
  const std::filesystem::path state_path = o.out.string() + ".state";
  require_own(o.out, state_path);
  make_folder(o.out);

  Network network(make_config(o, corpus.vocabulary.size()), o.seed);
  Optimiser optimiser(network);
  nlohmann::json identity = identity_of(o, corpus);
  State state;
  if (o.resume && std::filesystem::exists(state_path)) {
    state = read_state(state_path, identity, o, network, optimiser);
    say(o, "resumed at step {} of {}", state.step, o.steps);
  }
  if (o.cooldown > 0) identity["fall_from"] = o.steps - o.cooldown;
  say(o, "{} parameters, {} training and {} held-out characters, {} distinct",
      network.parameter_count(), corpus.training.size(), corpus.held_out.size(),
      corpus.vocabulary.size());

  const double earlier_s = state.wall_time_s;
  Pace pace(o, state.step);
  while (state.step < o.steps) {
    const double loss = train_step(o, corpus, state.step, network, optimiser);
    state.loss_sum += loss;
    ++state.loss_count;
    ++state.step;
    pace.add(state.step, loss);
    const bool last = state.step == o.steps;
    if (state.step % o.eval_every == 0 || last) look(o, corpus, network, state);
    if (state.step % o.checkpoint_every == 0 || last) {
      state.wall_time_s = earlier_s + pace.seconds();
      write_state(state_path, identity, state, network, optimiser);
    }
  }

  TrainReport report = write_model(o, corpus, network, state);
  std::error_code failed;
  std::filesystem::remove(state_path, failed);
  say(o, "held out {:.4f} nats per character, {:.4f} before rounding to F16; {}", report.held_out,
      report.held_out_f32, o.out.string());
  return report;
}

}  // namespace gaincell::train
