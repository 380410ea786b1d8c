#include "cli/sweep_run.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <utility>

#include "base/error.h"
#include "base/files.h"
#include "base/sha256.h"
#include "base/suggest.h"
#include "base/version.h"
#include "characterize/campaign/stop_signals.h"
#include "cli/task_run.h"
#include "sweep/command.h"
#include "sweep/sweep.h"

namespace gaincell::cli {
namespace {

using nlohmann::ordered_json;

// The words of a command line into what they declare.
void parse_options(Arguments& app, const std::string& program, std::vector<std::string> words) {
  words.insert(words.begin(), program);
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  (void)app.parse(static_cast<int>(words.size()), argv.data());
}

double number(const ordered_json& json, const std::string& key) {
  const auto found = json.find(key);
  return found != json.end() && found->is_number() ? found->get<double>()
                                                   : std::numeric_limits<double>::quiet_NaN();
}

// Figures whose names are those of the JSON with something around them.
void take(const ordered_json& json, const std::string& before, const std::string& after,
          sweep::Figures& values) {
  if (!json.is_object()) return;
  for (std::size_t f = 0; f < values.size(); ++f) {
    const std::string& name = sweep::figures()[f].name;
    if (!name.starts_with(before) || !name.ends_with(after) ||
        name.size() <= before.size() + after.size())
      continue;
    const std::string key = name.substr(before.size(), name.size() - before.size() - after.size());
    if (json.contains(key)) values[f] = number(json, key);
  }
}

void put(const char* name, double value, sweep::Figures& values) {
  values[sweep::figure(name)] = value;
}

sweep::Figures no_figures() {
  return sweep::Figures(sweep::figures().size(), std::numeric_limits<double>::quiet_NaN());
}

// What any run has of its circuits.
void take_circuits(const ordered_json& joules, const std::optional<RangeNotes>& ranges,
                   const std::optional<double>& latency_s, double cells, sweep::Figures& values) {
  take(joules, "energy_", "_j", values);
  if (ranges) take(ranges->to_json().at("clipped"), "clipped_", "", values);
  if (!latency_s) return;
  put("attention_latency_s", *latency_s, values);
  put("cells", cells, values);
}

double cells_of(const model::Config& config, const ordered_json& settings) {
  return 2.0 * config.n_layer * config.kv_width() * settings.at("window").get<double>();
}

sweep::Figures figures_of(const Inference& inference, const model::Config& config) {
  sweep::Figures values = no_figures();
  const ordered_json nats = nats_json(inference.evaluation);
  put("nats_per_token", inference.evaluation.nats_per_token, values);
  put("nats_standard_error", number(nats, "nats_per_token_standard_error"), values);
  put("perplexity", inference.evaluation.perplexity(), values);
  put("tokens", static_cast<double>(inference.evaluation.tokens), values);
  take(inference.agreement, "", "", values);
  take_circuits(inference.energy_j_per_token, inference.ranges, inference.attention_latency_s,
                cells_of(config, inference.settings), values);
  return values;
}

sweep::Figures figures_of(const TaskRun& task, const std::optional<double>& latency_s,
                          const model::Config& config) {
  sweep::Figures values = no_figures();
  for (std::size_t f = 0; f < values.size(); ++f)
    values[f] = number(task.figures, sweep::figures()[f].name);
  put("nats_standard_error", number(task.figures, "nats_per_token_standard_error"), values);
  take_circuits(task.energy.joules, task.ranges, latency_s, cells_of(config, task.settings),
                values);
  return values;
}

// Its weights are shared.
model::Model without_tokenizer(const model::Model& model) {
  return {model.folder, model.weights, nullptr, model.weights_sha256, model.config_sha256};
}

[[noreturn]] void refuse_point(const sweep::Study& study, const std::string& point,
                               const Error& error) {
  Complaint complaint = error.complaint();
  complaint.key = complaint.place.empty() || complaint.key.empty()
                      ? complaint.place + complaint.key
                      : complaint.place + " " + complaint.key;
  complaint.place = study.path + ": " + point;
  throw Error(std::move(complaint));
}

}  // namespace

struct StudyRunner::Parsed {
  Arguments app{"", "gaincell"};
  InferenceOptions inference;  // or
  TaskRunOptions task;

  ModelRunOptions& run(const sweep::Study& study) { return study.task ? task.run : inference.run; }
};

StudyRunner::StudyRunner(const sweep::Study& study, int threads)
    : study_(study),
      threads_(threads),
      model_(model::read_model(study.model)),
      plan_(sweep::plan_study(study)) {
  const model::Config& config = model_.weights->config;
  calibrated_ = without_tokenizer(model_);
  calibrated_.tokenizer =
      model::read_tokenizer(study.model, config.vocab_size, config.beginning_token);
  read_outcome();
  add_hashes();
  look_at_every_point();
}

StudyRunner::~StudyRunner() = default;

void StudyRunner::read_outcome() {
  if (study_.task)
    require_task();
  else
    text_ = read_text(parsed(0)->inference, *model_.tokenizer);
}

// What `eval` would find wrong of the task at every point.
void StudyRunner::require_task() const {
  const sweep::StudyTask& task = *study_.task;
  const std::vector<std::string> known = tasks_known();
  if (std::find(known.begin(), known.end(), task.name) == known.end())
    throw Error({.place = study_.path,
                 .key = "task.name",
                 .value = task.name,
                 .rule = "is no task",
                 .remedy = suggest_remedy(task.name, known)});
  require_task_file(parsed(0)->task);
}

std::unique_ptr<StudyRunner::Parsed> StudyRunner::parsed(std::size_t run) const {
  auto result = std::make_unique<Parsed>();
  if (study_.task)
    declare(result->app, result->task);
  else
    declare(result->app, result->inference);
  const std::optional<std::uint64_t> seed =
      plan_.seeds.empty() ? std::nullopt : std::optional(plan_.seeds[run % plan_.seed_count()]);
  parse_options(result->app, "gaincell",
                sweep::run_options(study_, plan_.points[plan_.point_of(run)], seed, study_.model));
  ModelRunOptions& options = result->run(study_);
  options.threads = threads_;
  options.device_files = &devices_;
  result->inference.by_layer = false;
  return result;
}

void StudyRunner::add_hashes() {
  ordered_json& identity = plan_.identity;
  identity["program_version"] = kVersion;
  identity["model_sha256"] = model_.weights_sha256;
  identity["config_sha256"] = model_.config_sha256;
  if (study_.task) {
    identity["data_sha256"] = sha256_of_file(study_.task->data);
    if (!study_.task->labels.empty())
      identity["labels_sha256"] = sha256_of_file(study_.task->labels);
  } else {
    identity["text_sha256"] = text_.settings.at("text_sha256");
  }
  if (study_.adaptation)
    identity["adapt_text_sha256"] = sha256_of_file(study_.adaptation->text.file);
  for (const std::string& file : study_.device_files)
    identity["devices_sha256"].push_back(sha256_of_file(file));
}

void StudyRunner::look_at_every_point() const {
  for (std::size_t point = 0; point < plan_.points.size(); ++point) {
    const std::size_t run = point * plan_.seed_count();
    try {
      require_fit(*parsed(run));
    } catch (const Error& error) {
      refuse_point(study_, plan_.run_name(run), error);
    }
  }
}

void StudyRunner::require_fit(const Parsed& options) const {
  const auto plan = study_.task ? std::make_unique<RunPlan>(options.task.run, model_)
                                : plan_inference(options.inference, model_);
  const auto tokens = static_cast<int>(text_.text.tokens.size());
  if (!study_.task && plan->choice.window > tokens)
    throw Error({.key = "--window",
                 .value = std::to_string(plan->choice.window),
                 .rule = fmt::format("the text has {} tokens, fewer than the window", tokens),
                 .remedy = "give a longer text, more `tokens`, or a smaller window"});
  if (study_.adaptation && plan->choice.kind != model::AttentionKind::kAnalog)
    throw Error({.key = "adapt",
                 .rule = "is to a circuit, and this point's attention has none",
                 .remedy = "give attention: analog, or drop it"});
  if (study_.adaptation && !model_.weights->has_scalers)
    throw Error({.key = "adapt",
                 .value = study_.model,
                 .rule = "has no hardware scalers to begin with",
                 .remedy = "`gaincell convert` fits them"});
}

// The study's own model, or the point's. Without a tokenizer: the text is read.
model::Model StudyRunner::model_of(std::size_t run) {
  if (study_.adaptation) return adapted(plan_.point_of(run));
  return without_tokenizer(model_);
}

model::Model StudyRunner::adapted(std::size_t point) {
  auto& weights = adapted_[point];
  if (weights == nullptr) {
    constexpr std::size_t kKept = 16;  // points whose seeds may still come
    while (adapted_.size() > kKept) adapted_.erase(adapted_.begin());
    Arguments app("", "gaincell adapt");
    AdaptationOptions options;
    declare(app, options);
    parse_options(app, "gaincell adapt",
                  sweep::adapt_options(study_, plan_.points[point], "adapted"));
    options.threads = threads_;
    options.device_files = &devices_;
    options.adapt.progress = [](const model::AdaptStep&) {
      if (characterize::stop_asked()) throw sweep::Stopped();
    };
    const Adaptation adaptation = fit(options, calibrated_);
    auto fitted = std::make_shared<model::Weights>(*model_.weights);
    fitted->config.attention.kind = model::AttentionKind::kAnalog;
    for (std::size_t layer = 0; layer < fitted->layers.size(); ++layer)
      fitted->layers[layer].scalers = adaptation.report.scalers[layer];
    weights = std::move(fitted);
  }
  return {model_.folder, weights, nullptr, "", ""};
}

std::unique_ptr<ModelRun> StudyRunner::ready(std::size_t run, const ModelRunOptions& options) {
  const std::lock_guard lock(mutex_);
  return std::make_unique<ModelRun>(options, model_of(run));
}

sweep::Figures StudyRunner::evaluate(std::size_t run, const std::function<void()>& tick) {
  const auto options = parsed(run);
  const auto progress = [&](double) {
    if (characterize::stop_asked()) throw sweep::Stopped();
    tick();
  };
  const auto model_run = ready(run, options->run(study_));
  const model::Config& config = model_.weights->config;
  if (!study_.task) {
    options->inference.progress = progress;
    return figures_of(infer(options->inference, *model_run, text_), config);
  }
  options->task.progress = progress;
  // Its own: it counts what it does not know.
  model_run->model.tokenizer =
      model::read_tokenizer(study_.model, config.vocab_size, config.beginning_token);
  return figures_of(run_task(options->task, *model_run), model_run->attention_latency_s, config);
}

}  // namespace gaincell::cli
