#include "cli/adaptation.h"

#include <fmt/format.h>

#include <chrono>
#include <filesystem>
#include <utility>

#include "base/error.h"
#include "base/version.h"
#include "cli/model_run.h"
#include "model/model_folder.h"

namespace gaincell::cli {
namespace {

void require_count(const char* option, int value) {
  constexpr int kMost = 1'000'000;
  if (value < 1 || value > kMost)
    throw Error({.key = option,
                 .value = std::to_string(value),
                 .rule = fmt::format("must be from 1 to {}", kMost)});
}

void require_target(const model::Model& model, const std::string& folder) {
  if (model.weights->has_scalers) return;
  throw Error(
      {.place = folder,
       .rule = "has no hardware scalers, so there is no linear hardware model to take as target",
       .remedy = "adapt a model of `gaincell train` with linear attention, or `gaincell convert` "
                 "one of softmax first"});
}

// What an adaptation was, for the model folder and --json.
nlohmann::ordered_json record_of(const AdaptationOptions& o, const model::Model& model,
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
  if (o.digital != "f32") record["digital"] = o.digital;
  if (!o.hardware.empty()) record["hardware"] = HardwareChanges(o.hardware).to_json();
  if (facts.variant) record["published_variant"] = to_json(*facts.variant);
  return record;
}

}  // namespace

nlohmann::ordered_json Adaptation::to_json() const {
  nlohmann::ordered_json json = record;
  json["seconds"] = seconds;
  return json;
}

void declare(Arguments& app, AdaptationOptions& a) {
  app.add_option("--model", a.model, "model folder with linear hardware attention").required();
  app.add_option("--device", a.device, "device tables (`gaincell compile`)").required();
  declare_published_variant(app, a.published_variant);
  app.add_option("--text", a.text.path, "calibration text: a part of what the model was trained on")
      .required();
  declare(app, a.text);
  app.add_option("--out", a.out, "model folder to write; replaced only where adapt wrote it")
      .required();
  app.add_option("--steps", a.adapt.steps, "at most so many");
  app.add_option("--batch", a.batch, "calibration sequences");
  app.add_option("--length", a.length, "tokens of each");
  app.add_option("--seed", a.seed, "draws the sequences from the text");
  app.add_flag("--from-identity", a.adapt.start_from_identity,
               "start from a = 1, b = 0, not from the model's scalers");
  app.add_option("--window", a.window, "tokens attended to (default: the model's own)");
  app.add_option("--level", a.level, "analog engine: fast, or column (reference, slow)");
  app.add_option("--without", a.without, "switch effects of the circuits off, by name")
      .delimiter(',');
  declare_hardware(app, a.hardware);
  declare_token_period(app, a.token_period_s, "the layers' own time");
  declare_digital(app, a.digital);
  app.add_option("--threads", a.threads, "0 = one per core; results do not depend on it");
}

Adaptation fit(const AdaptationOptions& o, const model::Model& model) {
  for (const auto& [option, value] :
       {std::pair("--steps", o.adapt.steps), {"--batch", o.batch}, {"--length", o.length}})
    require_count(option, value);
  require_target(model, o.model);
  const model::Weights& weights = *model.weights;
  DeviceFacts facts =
      read_device(o.device, o.published_variant, HardwareChanges(o.hardware), o.device_files);
  const int window = o.window.value_or(weights.config.attention.window);
  const auto analog = analog_options(
      o.level, o.without, token_period_of_layers(o.token_period_s, facts, weights.config));
  nlohmann::ordered_json text;
  auto [tokens, warnings] = read_tokens(o.text, *model.tokenizer, text);
  const auto batch = model::draw_batch(tokens, o.batch, o.length, o.seed);
  const int threads = thread_count(o.threads);
  const attention::Circuit circuit =
      attention::with_effects(attention::circuit_of(*facts.device), analog.effects);
  require_known_ages(circuit, analog, o.length, window);

  const auto start = std::chrono::steady_clock::now();
  model::Transformer target(model.weights,
                            make_attention(weights, {.kind = model::AttentionKind::kLinear,
                                                     .window = window,
                                                     .device = nullptr,
                                                     .analog = {}}),
                            threads);
  model::Transformer device(model.weights,
                            make_attention(weights, {.kind = model::AttentionKind::kAnalog,
                                                     .window = window,
                                                     .device = facts.device.get(),
                                                     .analog = analog}),
                            threads);
  model::AdaptOptions options = o.adapt;
  options.volts = model::volts_on(*facts.device, weights.config);
  const model::AdaptReport report = model::adapt(target, device, batch, options);
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();

  nlohmann::ordered_json record = record_of(o, model, facts, text, window, analog, report);
  const RangeNotes notes{range_reports(device), circuit.known_age_s, circuit_warnings(circuit)};
  for (std::string& line : notes.unusual()) warnings.push_back(std::move(line));
  record["ranges"] = notes.to_json();
  return {report, record, seconds, std::move(warnings)};
}

Adaptation adapt(const AdaptationOptions& o) {
  model::require_replaceable(o.out, o.model);
  const model::Model model =
      model::read_model(o.model, model::parse_arithmetic(o.digital, "--digital"));
  Adaptation adaptation = fit(o, model);
  model::AttentionConfig on_device = model.weights->config.attention;
  on_device.kind = model::AttentionKind::kAnalog;
  model::write_scaled(o.out, model, adaptation.report.scalers, on_device,
                      model::ScaledBy::kAdaptation, adaptation.record);
  return adaptation;
}

}  // namespace gaincell::cli
