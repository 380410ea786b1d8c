#include <fmt/format.h>

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/files.h"
#include "base/sha256.h"
#include "base/text.h"
#include "base/units.h"
#include "characterize/results/datasheet.h"
#include "cli/commands.h"
#include "cli/energy_notes.h"
#include "cli/model_run.h"
#include "cli/run_kind.h"
#include "cli/say.h"
#include "lut/samples_file.h"
#include "page/sections.h"
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

bool is_page(const ReportOptions& o) {
  const std::string ending = lower(std::filesystem::path(o.output).extension().string());
  return ending == ".html" || ending == ".htm";
}

std::vector<std::pair<std::string, double>> seconds_of(const ReportOptions& o) {
  std::vector<std::pair<std::string, double>> seconds;
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
    seconds.emplace_back(text.substr(0, equals), *value);
  }
  return seconds;
}

// One file to look at, of all that is given.
int report_page(const ReportOptions& o) {
  require_output(o.output);
  if (o.token_period_s)
    throw Error({.place = "--token-period",
                 .rule = "is of the text; a page has each run at its own period",
                 .remedy = "leave it out"});
  report::Comparison comparison;
  comparison.seconds = seconds_of(o);
  std::vector<std::pair<std::string, RunKind>> files;  // but for inferences
  for (const std::string& file : o.runs) {
    const RunKind kind = run_kind(file);
    if (kind == RunKind::kInference)
      comparison.runs.push_back(report::read_run(file));
    else
      files.emplace_back(file, kind);
  }
  if (comparison.runs.empty() && !comparison.seconds.empty())
    throw Error({.place = "--seconds", .rule = "are told beside inferences, and none is given"});
  std::optional<lut::DeviceFile> device;
  if (!o.device.empty()) device = lut::DeviceFile::read(o.device);
  std::vector<page::Section> sections;
  for (const auto& [file, kind] : files) {
    const std::string id = fmt::format("part-{}", sections.size() + 1);
    const page::Source source{std::filesystem::path(file).filename().string(),
                              sha256_of_file(file)};
    if (kind == RunKind::kDevice) {
      const lut::DeviceFile one = lut::DeviceFile::read(file);
      sections.push_back(page::device_section(one, source, id));
      if (!device) device = one;
    } else if (kind == RunKind::kStudy) {
      sections.push_back(page::study_section(sweep::read_results(file), source, id));
    } else {
      sections.push_back(page::campaign_section(lut::SamplesFile::read(file),
                                                characterize::read_datasheet(file), source, id));
    }
  }
  if (!comparison.runs.empty())
    sections.insert(sections.begin(), page::inference_section(comparison, device, "inference"));
  write_file(o.output, page::document("gaincell report", sections));
  say("wrote {}\n", o.output);
  return 0;
}

int report(const ReportOptions& o) {
  if (is_page(o)) return report_page(o);
  if (o.device.empty())
    throw Error({.place = "gaincell report",
                 .key = "--device",
                 .rule = "is needed for a report in text",
                 .remedy = "name the device that the runs used, or write a page: -o report.html"});
  for (const std::string& file : o.runs)
    if (run_kind(file) != RunKind::kInference)
      throw Error({.place = file,
                   .rule = "is no inference, which a report in text is of",
                   .remedy = "write a page: -o report.html"});
  report::Comparison comparison;
  for (const std::string& path : o.runs) comparison.runs.push_back(report::read_run(path));
  comparison.seconds = seconds_of(o);
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
  app.add_option(
         "runs", o->runs,
         "results of `gaincell infer --json`; for a page also device, samples and study files")
      .required();
  app.add_option("--device", o->device, "device tables that the analog runs used");
  app.add_option("--seconds", o->seconds, "wall clock of a step, STEP=SECONDS; may be repeated");
  declare_token_period(app, o->token_period_s, "one layer's own time; runs keep their own");
  app.add_option(
      "-o,--output", o->output,
      "X.html: one page to look at, which needs no network; else also write the Markdown there");
  return [o] { return report(*o); };
}

}  // namespace gaincell::cli
