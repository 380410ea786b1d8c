#include "model/adapt.h"

#include <fmt/format.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/files.h"
#include "base/json.h"
#include "base/version.h"
#include "cli/commands.h"
#include "cli/model_run.h"
#include "cli/progress_bar.h"
#include "cli/say.h"
#include "cli/text_input.h"
#include "model/model_folder.h"

namespace gaincell::cli {
namespace {

struct AdaptOptions {
  std::string model, device, out;
  std::vector<std::string> published_variant;
  TextInput text;
  std::string level = "fast";
  std::vector<std::string> without;
  std::optional<int> window;
  std::optional<double> token_period_s;
  int batch = 16, length = 256;
  std::uint64_t seed = 1;
  int threads = 0;
  bool json = false;
  model::AdaptOptions adapt;
};

void require_count(const char* option, int value) {
  constexpr int kMost = 1'000'000;
  if (value < 1 || value > kMost)
    throw Error({.key = option,
                 .value = std::to_string(value),
                 .rule = fmt::format("must be from 1 to {}", kMost)});
}

model::Model read_target(const std::string& folder) {
  model::Model model = model::read_model(folder);
  if (model.weights->has_scalers) return model;
  throw Error(
      {.place = folder,
       .rule = "has no hardware scalers, so there is no linear hardware model to take as target",
       .remedy = "adapt a model of `gaincell train` with linear attention"});
}

// What an adaptation was, for the model folder and --json.
nlohmann::ordered_json record_of(const AdaptOptions& o, const model::Model& model,
                                 const DeviceFacts& facts, const nlohmann::ordered_json& text,
                                 int window, const attention::AnalogOptions& analog,
                                 const model::AdaptReport& report) {
  const model::AdaptStep& last = report.steps.back();
  nlohmann::ordered_json record = {
      {"program_version", kVersion},
      {"method", "statistics matching, Leroux et al. 2025"},
      {"model_sha256", model.weights_sha256},
      {"device", std::filesystem::path(o.device).filename().string()},
      {"device_sha256", facts.sha256},
      {"text", std::filesystem::path(o.text.path).filename().string()},
      {"text_sha256", text.at("text_sha256")},
      {"sequences", o.batch},
      {"sequence_tokens", o.length},
      {"seed", o.seed},
      {"window", window},
      {"level", o.level},
      {"effects", effect_names(analog.effects)},
      {"token_period_s", analog.token_period_s},
      {"spread", "none: all alike"},  // scalers are of the circuit, not of one chip
      {"start",
       o.adapt.start_from_identity ? "a = 1, b = 0 (0.45 for k and v)" : "the model's scalers"},
      {"alpha", {o.adapt.alpha_first, o.adapt.alpha_last}},
      {"ramp_steps", o.adapt.ramp_steps},
      {"tolerance", o.adapt.tolerance},
      {"steps", last.step},
      {"converged", report.converged},
      {"nats_per_token_linear", report.nats_target},
      {"nats_per_token_before", report.nats_before},
      {"nats_per_token_after", report.nats_after},
      {"rms_error_before", report.steps.front().rms_error},
      {"rms_error_after", last.rms_error},
      {"worst_mean_error_after", last.worst_mean_error},
      {"worst_deviation_error_after", last.worst_deviation_error}};
  if (facts.variant) record["published_variant"] = to_json(*facts.variant);
  return record;
}

void say_report(const AdaptOptions& o, const model::AdaptReport& report, double seconds) {
  const model::AdaptStep& last = report.steps.back();
  say("nats per token on {} x {} tokens of {}\n"
      "  linear hardware       {:.4f}\n"
      "  device, as it came    {:.4f}\n"
      "  device, adapted       {:.4f}\n"
      "after {} steps{}; rms error of means and deviations {:.2g} -> {:.2g}; {:.1f} s\n"
      "wrote {}\n",
      o.batch, o.length, o.text.path, report.nats_target, report.nats_before, report.nats_after,
      last.step, report.converged ? " (all within the tolerance)" : "",
      report.steps.front().rms_error, last.rms_error, seconds, o.out);
}

int adapt(AdaptOptions o) {
  for (const auto& [option, value] :
       {std::pair("--steps", o.adapt.steps), {"--batch", o.batch}, {"--length", o.length}})
    require_count(option, value);
  model::require_replaceable(o.out, o.model);

  const model::Model model = read_target(o.model);
  const model::Weights& weights = *model.weights;
  DeviceFacts facts = read_device(o.device, o.published_variant);
  const int window = o.window.value_or(weights.config.attention.window);
  const auto analog = analog_options(
      o.level, o.without, token_period_of_layers(o.token_period_s, facts, weights.config));
  nlohmann::ordered_json text;
  const auto batch =
      model::draw_batch(read_tokens(o.text, *model.tokenizer, text), o.batch, o.length, o.seed);
  const int threads = thread_count(o.threads);
  const attention::Circuit circuit =
      attention::with_effects(attention::circuit_of(*facts.device), analog.effects);
  require_known_ages(circuit, analog, o.length, window);

  const auto start = std::chrono::steady_clock::now();
  model::Transformer target(
      model.weights, make_attention(weights, {model::AttentionKind::kLinear, window, nullptr, {}}),
      threads);
  model::Transformer device(
      model.weights,
      make_attention(weights, {model::AttentionKind::kAnalog, window, facts.device.get(), analog}),
      threads);
  model::AdaptReport report;
  {
    ProgressBar bar("adapt");
    o.adapt.volts = model::volts_on(*facts.device, weights.config);
    o.adapt.progress = [&](const model::AdaptStep& step) {
      bar.show(static_cast<double>(step.step) / o.adapt.steps);
    };
    report = model::adapt(target, device, batch, o.adapt);
  }
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();

  nlohmann::ordered_json record = record_of(o, model, facts, text, window, analog, report);
  const RangeNotes notes{range_reports(device), circuit.known_age_s, full_scale_warnings(circuit)};
  notes.warn();
  record["ranges"] = notes.to_json();
  model::write_adapted(o.out, model, report.scalers, record);
  if (o.json) {
    record["seconds"] = seconds;
    fmt::print("{}\n", json_text(record, 2));
  } else {
    say_report(o, report, seconds);
  }
  return 0;
}

}  // namespace

Run cmd_adapt(Arguments& app) {
  auto o = std::make_shared<AdaptOptions>();
  app.add_option("--model", o->model, "model folder with linear hardware attention").required();
  app.add_option("--device", o->device, "device tables (`gaincell compile`)").required();
  declare_published_variant(app, o->published_variant);
  app.add_option("--text", o->text.path,
                 "calibration text: a part of what the model was trained on")
      .required();
  declare(app, o->text);
  app.add_option("--out", o->out, "model folder to write; replaced only where adapt wrote it")
      .required();
  app.add_option("--steps", o->adapt.steps, "at most so many");
  app.add_option("--batch", o->batch, "calibration sequences");
  app.add_option("--length", o->length, "tokens of each");
  app.add_option("--seed", o->seed, "draws the sequences from the text");
  app.add_flag("--from-identity", o->adapt.start_from_identity,
               "start from a = 1, b = 0, not from the model's scalers");
  app.add_option("--window", o->window, "tokens attended to (default: the model's own)");
  app.add_option("--level", o->level, "analog engine: fast, or column (reference, slow)");
  app.add_option("--without", o->without, "switch effects of the circuits off, by name")
      .delimiter(',');
  declare_token_period(app, o->token_period_s, "the layers' own time");
  app.add_option("--threads", o->threads, "0 = one per core; results do not depend on it");
  app.add_flag("--json", o->json, "report as JSON");
  return [o] { return adapt(*o); };
}

}  // namespace gaincell::cli
