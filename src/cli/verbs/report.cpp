#include <fmt/format.h>

#include <memory>

#include "base/error.h"
#include "base/files.h"
#include "base/units.h"
#include "cli/commands.h"
#include "cli/energy_notes.h"
#include "cli/model_run.h"
#include "cli/say.h"
#include "report/comparison.h"

namespace gaincell::cli {
namespace {

struct ReportOptions {
  std::vector<std::string> runs;
  std::string device;
  std::vector<std::string> seconds;
  std::optional<double> token_period_s;
  std::string output;
};

int report(const ReportOptions& o) {
  report::Comparison comparison;
  for (const std::string& path : o.runs) comparison.runs.push_back(report::read_run(path));
  for (const std::string& text : o.seconds) {
    const auto equals = text.rfind('=');
    const auto value =
        equals == std::string::npos ? std::nullopt : parse_quantity(text.substr(equals + 1), "s");
    if (!value) {
      throw Error({.place = "--seconds",
                   .value = text,
                   .rule = "must be STEP=SECONDS",
                   .remedy = "for example --seconds compile=1.5"});
    }
    comparison.seconds.emplace_back(text.substr(0, equals), *value);
  }
  const DeviceFacts facts = read_device(o.device);
  if (o.token_period_s)
    comparison.token_period_s = token_period(o.token_period_s, 0, facts.latency_s_per_token(1),
                                             "a token's attention in a layer");
  const std::string text = report::markdown(comparison, *facts.device);
  if (comparison.token_period_s)
    warn_of_period(energy::EnergyModel(*facts.device), *comparison.token_period_s);
  if (!o.output.empty()) require_output(o.output);
  say("{}", text);
  if (!o.output.empty()) write_file(o.output, text);
  return 0;
}

}  // namespace

Run cmd_report(Arguments& app) {
  auto o = std::make_shared<ReportOptions>();
  app.add_option("runs", o->runs, "results of `gaincell infer --json`").required();
  app.add_option("--device", o->device, "device tables that the analog runs used").required();
  app.add_option("--seconds", o->seconds, "wall clock of a step, STEP=SECONDS; may be repeated");
  declare_token_period(app, o->token_period_s, "one layer's own time; runs keep their own");
  app.add_option("-o,--output", o->output, "also write the Markdown to this file");
  return [o] { return report(*o); };
}

}  // namespace gaincell::cli
