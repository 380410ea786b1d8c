#include "characterize/campaign/replay.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cmath>
#include <fstream>
#include <limits>
#include <memory>
#include <utility>

#include "base/error.h"
#include "base/files.h"
#include "base/store/formats.h"
#include "base/store/reader.h"
#include "base/suggest.h"
#include "base/units.h"
#include "characterize/campaign/noise_shares.h"
#include "characterize/plan/deck.h"
#include "characterize/plan/plan.h"

namespace gaincell::characterize {
namespace {

namespace names = store::samples;

namespace fs = std::filesystem;

store::ReadGroup bench_group(const store::ReadGroup& root, const ReplayOptions& options) {
  store::require_format(root, store::kSamplesFormat);
  store::warn_if_unsealed(root);
  const store::ReadGroup benches = root.group(names::kBenches);
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

// "v_store=0 0.45 0.9": a condition and numbers.
std::pair<std::string, std::vector<double>> numbers_of(const std::string& line,
                                                       const std::string& key) {
  std::pair<std::string, std::vector<double>> result;
  const std::size_t equals = std::min(line.find('='), line.size());
  result.first = line.substr(0, equals);
  const char* const end = line.data() + line.size();
  const char* at = line.data() + std::min(equals + 1, line.size());
  for (bool more = true; more;) {
    double number = 0;
    const auto read = std::from_chars(at, end, number);
    more = read.ptr != end && *read.ptr == ' ';
    if (read.ec != std::errc() || (read.ptr != end && !more) || !std::isfinite(number))
      throw Error({.place = "samples file",
                   .key = key,
                   .value = line,
                   .rule = "is not a condition and its numbers"});
    result.second.push_back(number);
    at = read.ptr + (more ? 1 : 0);
  }
  return result;
}

std::vector<AddedNode> added_nodes(const store::ReadGroup& group) {
  std::vector<AddedNode> nodes;
  for (const std::string& line : texts(group, names::kAddedNodes)) {
    auto [condition, numbers] = numbers_of(line, names::kAddedNodes);
    for (const double value : numbers) nodes.push_back({"", condition, value});
  }
  return nodes;
}

std::vector<AxisValues> axis_values(const store::ReadGroup& group) {
  std::vector<AxisValues> axes;
  for (const std::string& line : texts(group, names::kAxisValues)) {
    auto [condition, numbers] = numbers_of(line, names::kAxisValues);
    axes.push_back({"", std::move(condition), std::move(numbers)});
  }
  return axes;
}

std::size_t point_of(const Bench& bench, std::span<const Point> points,
                     const ReplayOptions& options) {
  if (options.point && *options.point >= points.size())
    throw Error(
        {.place = options.samples.string(),
         .key = "--point",
         .value = std::to_string(*options.point),
         .rule = fmt::format("`{}` has the points 0 to {}", bench.name, points.size() - 1)});
  const auto found = points_at(bench, points, options.at);
  if (options.point) {
    if (std::binary_search(found.begin(), found.end(), *options.point)) return *options.point;
    throw Error({.place = "--at",
                 .rule = fmt::format("is not where {} is",
                                     full_name(bench, points[*options.point], *options.point))});
  }
  if (found.size() == 1) return found.front();
  throw Error({.place = "--at",
               .value = fmt::format("{}", fmt::join(options.at, ",")),
               .rule = fmt::format("{} points are there: {}, {} ...", found.size(),
                                   full_name(bench, points[found[0]], found[0]),
                                   full_name(bench, points[found[1]], found[1])),
               .remedy = "name more conditions, or give --point"});
}

// The first line of the `.spiceinit` that we write, by which a folder is known as ours.
constexpr std::string_view kMark = "* settings of the campaign's simulators";

// A folder of a replay before may be written again; anyone else's stays as it is.
fs::path make_folder(const fs::path& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error || !fs::is_directory(folder, error))
    throw Error({.place = folder.string(),
                 .rule = fmt::format("could not be made ({})",
                                     error ? error.message() : std::string("is no folder")),
                 .remedy = "choose another folder with -o"});
  const fs::path init = folder / ".spiceinit";
  std::string mark;
  if (fs::is_regular_file(fs::symlink_status(init, error))) {
    std::ifstream in(init);
    std::getline(in, mark);
  }
  if (mark != kMark && !fs::is_empty(folder, error))
    throw Error({.place = folder.string(),
                 .rule = "holds what `gaincell replay` did not write",
                 .remedy = "choose a new folder with -o"});
  return folder;
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

// One number a point.
std::vector<double> numbers(const store::ReadGroup& group, const std::string& name,
                            const fs::path& samples, std::size_t points) {
  auto all = group.dataset(name).read_vector<double>();
  if (all.size() != points)
    throw Error({.place = samples.string(),
                 .key = name,
                 .value = fmt::format("{} numbers", all.size()),
                 .rule = fmt::format("the bench in the file has {} points", points)});
  return all;
}

// Each point stands at the simulation that decided its search.
void set_searched(const Bench& bench, const store::ReadGroup& group, const ReplayOptions& options,
                  std::vector<Point>& points) {
  const auto searched = numbers(group, names::kSearched, options.samples, points.size());
  for (std::size_t p = 0; p < points.size(); ++p) {
    if (!(searched[p] >= bench.search->minimum && searched[p] <= bench.search->maximum))
      throw Error({.place = options.samples.string(),
                   .key = names::kSearched,
                   .value = format_exact(searched[p]),
                   .rule = fmt::format("`{}` lies from {} to {}", bench.search->over,
                                       format_exact(bench.search->minimum),
                                       format_exact(bench.search->maximum))});
    points[p].searched = searched[p];
  }
}

std::vector<InputFile> inputs_of(const store::ReadGroup& group) {
  std::vector<InputFile> inputs;
  if (!group.has_attribute(names::kInputFiles)) return inputs;
  const auto names = group.texts_attribute(names::kInputFiles);
  const auto contents = group.texts_attribute(names::kInputText);
  if (names.size() != contents.size())
    throw Error({.place = names::kInputText, .rule = "does not belong to input_files"});
  for (std::size_t k = 0; k < names.size(); ++k) inputs.push_back({names[k], contents[k]});
  return inputs;
}

// The bench as the file holds it, with its netlist: nothing is read from where it once lay.
std::unique_ptr<const Bench> bench_of(const store::ReadGroup& group, const ReplayOptions& options) {
  if (!group.has_attribute(names::kNetlistText))
    throw Error({.place = options.samples.string(),
                 .key = names::kNetlistText,
                 .rule = "is missing: the file does not hold the netlist of its decks"});
  return parse_bench(group.text_attribute(names::kBenchText), options.samples.string(),
                     {texts(group, names::kFilters),
                      texts(group, names::kNetlistText),
                      {options.pool.allow.begin(), options.pool.allow.end()},
                      inputs_of(group),
                      texts(group, names::kAt),
                      added_nodes(group),
                      axis_values(group)});
}

Plan whole_plan(const Bench& bench, const store::ReadGroup& group, const ReplayOptions& options) {
  std::vector<Point> points = bench_points(bench);
  if (bench.search) set_searched(bench, group, options, points);
  return make_plan(bench, std::move(points));
}

// One point's jobs as they ran, nested sweeps included, that is with all their points.
Plan plan_of_point(const Bench& bench, const Plan& whole, std::size_t point,
                   const store::ReadGroup& group, const ReplayOptions& options) {
  Plan plan;
  plan.points = {whole.points[point]};
  plan.sources = {whole.sources[point]};
  if (bench.search) {
    const auto found = numbers(group, std::string(names::kMeasurements) + "/" + bench.search->over,
                               options.samples, whole.points.size());
    if (std::isnan(found[point]))
      plan.sources[0].unfound =
          fmt::format("its search has found nothing; this is its simulation at {}",
                      searched_value(bench, whole.points[point]));
  }
  for (std::size_t a = 0; a < bench.analyses.size(); ++a) {
    Job job = whole.jobs[plan.sources[0].jobs[a]];
    job.id = a;
    job.waveforms = signals_of(bench, a);
    plan.sources[0].jobs[a] = static_cast<std::uint32_t>(a);
    plan.jobs.push_back(std::move(job));
  }
  return plan;
}

std::vector<JobResult> run_jobs(const Plan& plan, const PoolOptions& options) {
  std::vector<JobResult> results(plan.jobs.size());
  std::vector<const Job*> jobs;
  for (const Job& job : plan.jobs) jobs.push_back(&job);
  PoolListener listener;
  listener.tick = [] { return true; };
  listener.done = [&](const Job& job, JobResult result) { results[job.id] = std::move(result); };
  Pool(options).run(jobs, listener);
  return results;
}

// Deck, log and waveforms of each analysis, so that `ngspice` in the folder runs them as they ran.
std::vector<ReplayedRun> write_runs(const Bench& bench, const Plan& plan,
                                    const std::vector<JobResult>& results, const fs::path& folder) {
  std::string init = fmt::format("{}\nset num_threads=1\n", kMark);
  if (!bench.behaviour.empty()) init += "set ngbehavior=" + bench.behaviour + "\n";
  write_file(folder / ".spiceinit", init);
  std::vector<ReplayedRun> runs;
  for (std::size_t a = 0; a < plan.jobs.size(); ++a) {
    const Analysis& analysis = bench.analyses[a];
    const fs::path stem = folder / analysis.name;
    ReplayedRun run{stem.string() + ".cir", stem.string() + ".log", stem.string() + ".csv"};
    write_file(run.deck, plan.jobs[a].deck(results[a].aided));
    write_file(run.log, results[a].failure.log_tail);
    write_file(run.waveforms,
               csv(scale_name(analysis), plan.jobs[a].waveforms, results[a].waveforms));
    runs.push_back(std::move(run));
  }
  return runs;
}

// Of each noise analysis that succeeded, device by device.
std::vector<NoiseShares> write_noise_shares(const Bench& bench, const Plan& plan,
                                            const std::vector<JobResult>& results,
                                            const ReplayOptions& options, const fs::path& folder) {
  std::vector<NoiseShares> all;
  for (std::size_t a = 0; a < plan.jobs.size(); ++a) {
    const Analysis& analysis = bench.analyses[a];
    if (analysis.kind->signals != SignalKind::kNoise || !results[a].ok) continue;
    const Evaluation at(bench, plan.points[0]);
    const DeckBody body = deck_body(at, {analysis, false, true});
    Job job = plan.jobs[a];
    job.body = body.text;
    if (auto shares = noise_shares(at, job, results[a].aided, options.pool)) {
      shares->analysis = analysis.name;
      shares->file = folder / (analysis.name + "_devices.csv");
      write_file(shares->file, csv(*shares));
      all.push_back(std::move(*shares));
    }
  }
  return all;
}

}  // namespace

bool ReplayReport::Value::equal() const {
  return in_file == now || (std::isnan(in_file) && std::isnan(now));
}

bool ReplayReport::equal() const {
  return std::all_of(values.begin(), values.end(), [](const Value& one) { return one.equal(); });
}

namespace {

// A name as a shell takes it for one word.
std::string shell_word(const std::string& text) {
  const bool plain =
      !text.empty() && text.front() != '-' &&
      std::all_of(text.begin(), text.end(), [](unsigned char c) {
        return std::isalnum(c) != 0 || c >= 0x80 ||
               std::string_view("_./-+,:@%").find(static_cast<char>(c)) != std::string_view::npos;
      });
  if (plain) return text;
  std::string quoted = text.starts_with('-') ? "'./" : "'";
  for (const char c : text) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return quoted + "'";
}

}  // namespace

ReplayReport replay(const ReplayOptions& options) {
  const store::Reader reader(options.samples);
  const store::ReadGroup group = bench_group(reader.root(), options);
  const auto bench = bench_of(group, options);
  const Plan whole = whole_plan(*bench, group, options);
  const std::size_t number = point_of(*bench, whole.points, options);
  ReplayReport report;
  report.point = full_name(*bench, whole.points[number], number);
  report.folder =
      make_folder(options.folder.empty() ? fs::path(fmt::format("{}_point{}", bench->name, number))
                                         : options.folder);
  const Plan plan = plan_of_point(*bench, whole, number, group, options);
  const std::vector<JobResult> results = run_jobs(plan, options.pool);

  report.runs = write_runs(*bench, plan, results, report.folder);
  report.command =
      fmt::format("cd {} && ngspice -b -r out.raw {}", shell_word(report.folder.string()),
                  shell_word(report.runs.front().deck.filename().string()));
  report.noise = write_noise_shares(*bench, plan, results, options, report.folder);
  const PointResult now = collect(*bench, plan, results).front();
  report.failure = now.reason;
  for (std::size_t k = 0; k < bench->measurements.size(); ++k) {
    const Measurement& m = bench->measurements[k];
    const auto all = numbers(group, std::string(names::kMeasurements) + "/" + m.name,
                             options.samples, whole.points.size());
    report.values.push_back({m.name, m.unit, all[number], now.values[k]});
  }
  return report;
}

}  // namespace gaincell::characterize
