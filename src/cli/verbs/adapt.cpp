#include <fmt/format.h>

#include <memory>
#include <utility>

#include "base/json.h"
#include "cli/adaptation.h"
#include "cli/commands.h"
#include "cli/model_run.h"
#include "cli/progress_bar.h"
#include "cli/say.h"

namespace gaincell::cli {
namespace {

struct AdaptVerb {
  AdaptationOptions adaptation;
  bool json = false;
};

void say_report(const AdaptationOptions& o, const Adaptation& adaptation) {
  const model::AdaptReport& report = adaptation.report;
  const model::AdaptStep& last = report.steps.back();
  say("nats per token on {} x {} tokens of {}\n"
      "  linear hardware       {:.4f}\n"
      "  device, as it came    {:.4f}\n"
      "  device, adapted       {:.4f}\n"
      "after {} steps{}; rms error of means and deviations {:.2g} -> {:.2g}; {:.1f} s\n"
      "wrote {}\n",
      o.batch, o.length, o.text.path, report.nats_target, report.nats_before, report.nats_after,
      last.step, report.converged ? " (all within the tolerance)" : "",
      report.steps.front().rms_error, last.rms_error, adaptation.seconds, o.out);
}

Adaptation adapt_with_bar(AdaptationOptions options) {
  ProgressBar bar("adapt");
  const int steps = options.adapt.steps;
  options.adapt.progress = [&bar, steps](const model::AdaptStep& step) {
    bar.show(static_cast<double>(step.step) / steps);
  };
  return adapt(std::move(options));
}

<<<<<<< HEAD
int run_adapt(const AdaptVerb& o) {
  const Adaptation adaptation = adapt_with_bar(o.adaptation);
  warn(adaptation.warnings);
=======
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
>>>>>>> c
  if (o.json) {
    fmt::print("{}\n", json_text(adaptation.to_json(), 2));
  } else {
    say_report(o.adaptation, adaptation);
  }
  return 0;
}

}  // namespace

Run cmd_adapt(Arguments& app) {
  auto o = std::make_shared<AdaptVerb>();
  AdaptationOptions& a = o->adaptation;
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
  declare_token_period(app, a.token_period_s, "the layers' own time");
  app.add_option("--threads", a.threads, "0 = one per core; results do not depend on it");
  app.add_flag("--json", o->json, "report as JSON");
  return [o] { return run_adapt(*o); };
}

}  // namespace gaincell::cli
