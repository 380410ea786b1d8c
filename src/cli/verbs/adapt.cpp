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

int run_adapt(const AdaptVerb& o) {
  const Adaptation adaptation = adapt_with_bar(o.adaptation);
  warn(adaptation.warnings);
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
