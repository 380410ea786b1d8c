#include <fmt/format.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/files.h"
#include "cli/commands.h"
#include "cli/run_kind.h"
#include "cli/say.h"
#include "lut/device_file.h"
#include "lut/samples_file.h"
#include "plot/chart.h"
#include "plot/device_charts.h"
#include "plot/energy_chart.h"
#include "plot/samples_charts.h"
#include "plot/study_charts.h"
#include "report/comparison.h"

namespace gaincell::cli {
namespace {

struct PlotOptions {
  std::filesystem::path file, output;
  std::string name;
  std::vector<std::string> over, at;
};

plot::View view_of(const PlotOptions& o) {
  plot::View view{.over = o.over, .at = {}};
  for (const std::string& text : o.at) {
    const std::size_t equals = text.find('=');
    if (equals == std::string::npos)
      throw Error({.place = "--at",
                   .value = text,
                   .rule = "must be CONDITION=VALUE",
                   .remedy = "for example --at v_bitline=450m"});
    view.at[text.substr(0, equals)] = text.substr(equals + 1);
  }
  return view;
}

// All there is, by its first pictures.
std::string overview(const std::vector<plot::Chart>& charts, const std::string& file) {
  return charts.size() == 1 ? plot::svg_of(charts.front()) : plot::svg_of_all(charts, file);
}

std::string plot_device(const PlotOptions& o) {
  const lut::DeviceFile device = lut::DeviceFile::read(o.file);
  if (!o.name.empty()) return plot::svg_of(plot::device_chart(device, o.name, view_of(o)));
  std::vector<plot::Chart> charts;
  for (const std::string& name : plot::chart_names(device))
    charts.push_back(plot::device_chart(device, name));
  return overview(charts, o.file.filename().string());
}

std::string plot_samples(const PlotOptions& o) {
  const lut::SamplesFile samples = lut::SamplesFile::read(o.file);
  if (!o.name.empty()) return plot::svg_of(plot::samples_chart(samples, o.name, view_of(o)));
  std::vector<plot::Chart> charts;
  for (const std::string& name : plot::main_chart_names(samples))
    charts.push_back(plot::samples_chart(samples, name));
  if (charts.empty())
    throw Error(
        {.place = o.file.string(),
         .rule = "its benches ask for no tables and no spreads, so nothing is drawn unnamed",
         .remedy = fmt::format("name one of {}", fmt::join(plot::chart_names(samples), ", "))});
  return overview(charts, o.file.filename().string());
}

std::string plot_study(const PlotOptions& o) {
  const sweep::StudyResults study = sweep::read_results(o.file);
  if (!o.name.empty()) return plot::svg_of(plot::study_chart(study, o.name));
  std::vector<plot::Chart> charts;
  for (const std::string& name : plot::chart_names(study))
    charts.push_back(plot::study_chart(study, name));
  if (charts.empty())
    throw Error({.place = o.file.string(), .rule = "none of its runs has a number to be drawn"});
  return overview(charts, o.file.filename().string());
}

std::string plot_inference(const PlotOptions& o) {
  const report::Run run = report::read_run(o.file.string());
  if (!o.name.empty() && o.name != "energy")
    throw Error({.place = o.file.string(),
                 .value = o.name,
                 .rule = "there is no such picture in it",
                 .remedy = "there are energy"});
  const plot::EnergyBars bars = plot::energy_bars(run.inference, run.label);
  if (bars.parts.empty())
    throw Error({.place = o.file.string(),
                 .rule = "is an inference without circuits: it has no energy to be drawn",
                 .remedy = "run `gaincell infer --attention analog --device ...`"});
  return plot::svg_of(plot::energy_chart({bars}));
}

std::string drawn(const PlotOptions& o) {
  const RunKind kind = run_kind(o.file);
  if (kind == RunKind::kDevice) return plot_device(o);
  if (kind == RunKind::kSamples) return plot_samples(o);
  if (!o.over.empty() || !o.at.empty())
    throw Error({.place = o.file.string(),
                 .rule = fmt::format("is {}: --over and --at are for devices and samples",
                                     kind == RunKind::kStudy ? "a study" : "an inference")});
  if (kind == RunKind::kStudy) return plot_study(o);
  return plot_inference(o);
}

int run(const PlotOptions& o) {
  const std::string ending = o.output.extension().string();
  if (!ending.empty() && ending != ".svg")
    throw Error({.key = "--output",
                 .value = o.output.string(),
                 .rule = "pictures are SVG",
                 .remedy = "end it in .svg; rsvg-convert makes PNG and PDF of that"});
  require_output(o.output);
  if (o.name.empty() && !(o.over.empty() && o.at.empty()))
    throw Error({.place = o.over.empty() ? "--at" : "--over",
                 .rule = "is of one picture",
                 .remedy = "name a table or measurement"});
  write_file(o.output, drawn(o));
  say("wrote {}\n", o.output.string());
  return 0;
}

}  // namespace

Run cmd_plot(Arguments& app) {
  auto o = std::make_shared<PlotOptions>();
  app.add_option("file", o->file,
                 "device, samples or study file, or what `gaincell infer --json` printed")
      .required();
  app.add_option("name", o->name,
                 "a device's table or `energy`, a measurement (bench.measurement), or of a study "
                 "`pareto`, `sensitivities`, `energy` or a parameter; none: an overview of all");
  app.add_option("-o,--output", o->output, "SVG file to write").required();
  app.add_option("--over", o->over, "one or two conditions to draw it over, A or A,B")
      .delimiter(',')
      .one_at_a_time();
  app.add_option("--at", o->at, "where another condition is held, CONDITION=VALUE; may be repeated")
      .delimiter(',')
      .one_at_a_time();
  app.footer("Charts are drawn by gnuplot (apt install gnuplot-nox).");
  return [o] { return run(*o); };
}

}  // namespace gaincell::cli
