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
  return adapt(options);
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
  declare(app, a);
  app.add_flag("--json", o->json, "report as JSON");
  return [o] { return run_adapt(*o); };
}

}  // namespace gaincell::cli
