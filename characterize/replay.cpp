#include "characterize/replay.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/error.h"
#include "base/files.h"
#include "base/suggest.h"
#include "base/units.h"
#include "characterize/plan.h"
#include "store/reader.h"

namespace gaincell::characterize {
namespace {

namespace fs = std::filesystem;

store::ReadGroup bench_group(const store::ReadGroup& root, const ReplayOptions& options) {
  store::require_format(root, "samples", 1, "gaincell characterize");
  const store::ReadGroup benches = root.group("benches");
  const auto names = benches.group_names();
  if (options.bench.empty() && names.size() == 1) return benches.group(names.front());
  if (std::find(names.begin(), names.end(), options.bench) == names.end())
    throw Error({.place = options.samples.string(),
                 .key = "--bench",
                 .value = options.bench,
                 .rule = options.bench.empty() ? "the file holds several benches"
                                               : "the file holds no such bench",
                 .remedy = suggest_remedy(options.bench, names)});
  return benches.group(options.bench);
}

std::vector<std::string> texts(const store::ReadGroup& group, const std::string& name) {
  if (!group.has_attribute(name)) return {};
  return group.texts_attribute(name);
}

// What the measurements and kept waveforms of an analysis are made of, each once.
std::vector<std::string> signals_of(const Bench& bench, std::size_t analysis) {
  std::vector<std::string> signals;
  const auto add = [&signals](const std::string& signal) {
    if (std::find(signals.begin(), signals.end(), signal) == signals.end())
      signals.push_back(signal);
  };
  for (const Measurement& m : bench.measurements) {
    if (m.analysis != analysis) continue;
    for (const std::string& signal : m.signals) add(signal);
  }
  for (const WaveformRequest& waveform : bench.waveforms) {
    if (waveform.analysis == analysis) add(waveform.signal);
  }
  return signals;
}

std::string csv(const std::string& scale, const std::vector<std::string>& signals,
                const std::vector<std::vector<double>>& columns) {
  std::string text = scale;
  for (const std::string& signal : signals) text += fmt::format(",\"{}\"", signal);
  text += '\n';
  for (std::size_t row = 0; !columns.empty() && row < columns.front().size(); ++row) {
    for (std::size_t column = 0; column < columns.size(); ++column)
      text += fmt::format("{}{}", column > 0 ? "," : "", format_exact(columns[column][row]));
    text += '\n';
  }
  return text;
}

std::vector<InputFile> inputs_of(const store::ReadGroup& group) {
  std::vector<InputFile> inputs;
  if (!group.has_attribute("input_files")) return inputs;
  const auto names = group.texts_attribute("input_files");
  const auto contents = group.texts_attribute("input_text");
  if (names.size() != contents.size())
    throw Error({.place = "input_text", .rule = "does not belong to input_files"});
  for (std::size_t k = 0; k < names.size(); ++k) inputs.push_back({names[k], contents[k]});
  return inputs;
}

}  // namespace

bool ReplayReport::Value::equal() const {
  return in_file == now || (std::isnan(in_file) && std::isnan(now));
}

bool ReplayReport::equal() const {
  return std::all_of(values.begin(), values.end(), [](const Value& one) { return one.equal(); });
}

ReplayReport replay(const ReplayOptions& options) {
  const store::Reader reader(options.samples);
  const store::ReadGroup group = bench_group(reader.root(), options);
  const auto bench = parse_bench(group.text_attribute("bench_text"), options.samples.string(),
                                 {texts(group, "filters"),
                                  texts(group, "netlist_text"),
                                  {options.pool.allow.begin(), options.pool.allow.end()},
                                  inputs_of(group)});
  const Plan whole = make_plan(*bench, bench_points(*bench));
  if (options.point >= whole.points.size())
    throw Error(
        {.place = options.samples.string(),
         .key = "--point",
         .value = std::to_string(options.point),
         .rule = fmt::format("`{}` has the points 0 to {}", bench->name, whole.points.size() - 1)});
  // The point's jobs as they ran, nested sweeps included, that is with all their points.
  Plan plan;
  plan.points = {whole.points[options.point]};
  plan.sources = {whole.sources[options.point]};
  for (std::size_t a = 0; a < bench->analyses.size(); ++a) {
    Job job = whole.jobs[plan.sources[0].jobs[a]];
    job.id = a;
    job.waveforms = signals_of(*bench, a);
    plan.sources[0].jobs[a] = static_cast<std::uint32_t>(a);
    plan.jobs.push_back(std::move(job));
  }
  std::vector<JobResult> results(plan.jobs.size());
  std::vector<const Job*> jobs;
  for (const Job& job : plan.jobs) jobs.push_back(&job);
  PoolListener listener;
  listener.tick = [] { return true; };
  listener.done = [&](const Job& job, JobResult result) { results[job.id] = std::move(result); };
  Pool(options.pool).run(jobs, listener);

  ReplayReport report;
  report.folder = options.folder.empty()
                      ? fs::path(fmt::format("{}_point{}", bench->name, options.point))
                      : options.folder;
  fs::create_directories(report.folder);
  std::string init = "* settings of the campaign's simulators\nset num_threads=1\n";
  if (!bench->behaviour.empty()) init += "set ngbehavior=" + bench->behaviour + "\n";
  write_file(report.folder / ".spiceinit", init);
  for (std::size_t a = 0; a < plan.jobs.size(); ++a) {
    const Analysis& analysis = bench->analyses[a];
    const fs::path stem = report.folder / analysis.name;
    ReplayedRun run{stem.string() + ".cir", stem.string() + ".log", stem.string() + ".csv"};
    write_file(run.deck, plan.jobs[a].deck(results[a].aided));
    write_file(run.log, results[a].failure.log_tail);
    write_file(run.waveforms,
               csv(scale_name(analysis), plan.jobs[a].waveforms, results[a].waveforms));
    report.runs.push_back(std::move(run));
  }
  const PointResult now = collect(*bench, plan, results).front();
  report.failure = now.reason;
  for (std::size_t k = 0; k < bench->measurements.size(); ++k) {
    const Measurement& m = bench->measurements[k];
    const auto all = group.group("measurements").dataset(m.name).read_vector<double>();
    report.values.push_back({m.name, m.unit, all.at(options.point), now.values[k]});
  }
  return report;
}

}  // namespace gaincell::characterize
