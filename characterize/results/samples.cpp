#include "characterize/results/samples.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>

#include "base/sha256.h"
#include "base/store/formats.h"
#include "base/store/writer.h"
#include "base/version.h"
#include "characterize/plan/deck.h"

namespace gaincell::characterize {
namespace {

namespace names = store::samples;

std::string joined(const Options& options) {
  std::string text;
  for (const auto& [name, value] : options)
    text += fmt::format("{}{}={}", text.empty() ? "" : " ", name, value);
  return text;
}

store::Storage storage(std::size_t size) {
  return size > 20'000 ? store::Storage::kCompressed : store::Storage::kPlain;
}

void write_attributes(store::Group& group, const Bench& bench) {
  std::vector<std::string> names;
  std::vector<std::string> hashes;
  std::vector<std::string> netlists;
  std::vector<std::string> netlist_hashes;
  for (const Corner& corner : bench.corners) {
    for (const SourceFile& file : corner.library->files()) {
      if (std::find(hashes.begin(), hashes.end(), file.sha256) != hashes.end()) continue;
      names.push_back(std::filesystem::path(file.path).filename().string());
      hashes.push_back(file.sha256);
    }
    netlists.push_back(corner.library->text());
    netlist_hashes.push_back(sha256(netlists.back()));
  }
  std::string options;
  for (const Analysis& analysis : bench.analyses) {
    if (!options.empty()) options += "; ";
    if (bench.analyses.size() > 1) options += analysis.name + ": ";
    options += joined(analysis.options);
  }
  group.attribute(names::kDescription, bench.description)
      .attribute(names::kBenchText, bench.text)
      .attribute("bench_sha256", sha256(bench.text))
      .attribute("options", options)
      .attribute("retry_options", joined(bench.retry));
  if (netlists.size() == 1) {
    group.attribute(names::kNetlistText, netlists[0])
        .attribute("netlist_sha256", netlist_hashes[0]);
  } else {
    group.attribute(names::kNetlistText, netlists).attribute("netlist_sha256", netlist_hashes);
  }
  if (!bench.inputs.empty()) {
    std::vector<std::string> files;
    std::vector<std::string> input_hashes;
    std::vector<std::string> texts;
    for (const InputFile& input : bench.inputs) {
      files.push_back(input.name);
      input_hashes.push_back(sha256(input.text));
      texts.push_back(input.text);
    }
    group.attribute(names::kInputFiles, files)
        .attribute("input_sha256", input_hashes)
        .attribute(names::kInputText, texts);
  }
  if (!names.empty()) group.attribute("model_files", names).attribute("model_sha256", hashes);
  if (!bench.filters.empty()) group.attribute(names::kFilters, bench.filters);
  if (!bench.at.empty()) group.attribute(names::kAt, bench.at);
  if (!bench.added_nodes.empty()) {
    std::vector<std::string> lines;
    for (const AddedNode& node : bench.added_nodes)
      lines.push_back(fmt::format("{}={}", node.condition, node.value));
    group.attribute(names::kAddedNodes, lines);
  }
  if (!bench.axis_values.empty()) {
    std::vector<std::string> lines;
    for (const AxisValues& axis : bench.axis_values)
      lines.push_back(fmt::format("{}={}", axis.condition, fmt::join(axis.values, " ")));
    group.attribute(names::kAxisValues, lines);
  }
  if (bench.draw_points > 0) group.attribute("seed", bench.draw_seed);
  if (bench.holdout_share > 0 || bench.holdout_points > 0)
    group.attribute("holdout_seed", bench.holdout_seed);
}

void write_conditions(store::Group& group, const Bench& bench, const Plan& plan) {
  store::Group conditions = group.group(names::kConditions);
  store::Group axes = group.group(names::kAxes);
  const std::size_t points = plan.points.size();
  std::string order;
  for (std::size_t k = 0; k < bench.conditions.size(); ++k) {
    const Condition& c = bench.conditions[k];
    const std::string long_name = c.description.empty() ? c.name : c.description;
    std::vector<double> values;
    std::vector<std::string> dimensions{names::kPoint};
    for (const Point& point : plan.points) {
      if (c.count > 0) {
        values.insert(values.end(), point.vectors[k].begin(), point.vectors[k].end());
      } else {
        values.push_back(point.values[k]);
      }
    }
    if (c.count > 0) {
      conditions.dimension(c.name + "_element", c.count);
      dimensions.push_back(c.name + "_element");
    }
    store::Node written = conditions
                              .dataset(c.name, dimensions, values,
                                       storage(points * std::max<std::size_t>(c.count, 1)))
                              .attribute("units", c.unit)
                              .attribute("long_name", long_name);
    if (!c.words.empty()) written.attribute(names::kWords, c.words);
    if (!c.swept) continue;
    store::Node axis = axes.axis(c.name, c.values)
                           .attribute("units", c.unit)
                           .attribute("long_name", long_name)
                           .attribute("spacing", c.logarithmic ? "logarithmic" : "linear");
    if (!c.words.empty()) axis.attribute(names::kWords, c.words);
    order += (order.empty() ? "" : " ") + c.name;
  }
  axes.attribute(names::kOrder, order);
}

void write_results(store::Group& group, const BenchSamples& samples) {
  const Bench& bench = *samples.bench;
  const std::size_t points = samples.points.size();
  std::vector<std::uint8_t> status;
  std::vector<std::uint8_t> aided;
  std::vector<std::uint8_t> holdout;
  std::vector<std::uint32_t> job;
  std::vector<std::uint32_t> draw;
  for (std::size_t p = 0; p < points; ++p) {
    status.push_back(samples.points[p].ok ? 0 : 1);
    aided.push_back(samples.points[p].aided ? 1 : 0);
    const Point& point = samples.plan->points[p];
    holdout.push_back(!point.holdout ? 0 : is_working(bench, point) ? 2 : 1);
    const auto& jobs = samples.plan->sources[p].jobs;
    job.insert(job.end(), jobs.begin(), jobs.end());
    draw.push_back(static_cast<std::uint32_t>(samples.plan->points[p].draw));
  }
  group.dataset(names::kStatus, {names::kPoint}, status, storage(points))
      .attribute("long_name", "0 = measured, 1 = failed");
  group.dataset(names::kAided, {names::kPoint}, aided, storage(points))
      .attribute("long_name", "1 = simulated with the retry options");
  group.dataset(names::kHoldout, {names::kPoint}, holdout, storage(points))
      .attribute("long_name", "1 = kept from the tables, 2 = of these in the working range");
  std::vector<std::string> dimensions{names::kPoint};
  if (bench.analyses.size() > 1) {
    group.dimension("analysis", bench.analyses.size());
    dimensions.push_back("analysis");
  }
  group.dataset(names::kJob, dimensions, job, storage(job.size()))
      .attribute("long_name", "simulation of this point");
  if (bench.draw_points > 1)
    group.dataset(names::kDraw, {names::kPoint}, draw, storage(points))
        .attribute("long_name", "number of the draw of vectors and devices");
  if (bench.search) {
    std::vector<double> searched;
    for (const Point& point : samples.plan->points) searched.push_back(point.searched.value());
    group.dataset(names::kSearched, {names::kPoint}, searched, storage(points))
        .attribute("units", bench.search->unit)
        .attribute("long_name", "value of the search at the simulation of this point");
  }
  store::Group measurements = group.group(names::kMeasurements);
  for (std::size_t k = 0; k < bench.measurements.size(); ++k) {
    const Measurement& m = bench.measurements[k];
    std::vector<double> values;
    for (const PointResult& point : samples.points) values.push_back(point.values[k]);
    store::Node written =
        measurements.dataset(m.name, {names::kPoint}, values, storage(points))
            .attribute("units", m.unit)
            .attribute("long_name", m.description.empty() ? m.name : m.description);
    if (m.searched) written.attribute("search_tolerance", bench.search->tolerance);
    if (!m.spec) continue;
    if (m.spec->minimum) written.attribute(names::kSpecMinimum, *m.spec->minimum);
    if (m.spec->typical) written.attribute(names::kSpecTypical, *m.spec->typical);
    if (m.spec->maximum) written.attribute(names::kSpecMaximum, *m.spec->maximum);
    if (m.spec->sigma) written.attribute(names::kSpecSigma, *m.spec->sigma);
  }
}

// Ragged: the samples of all runs one behind the other, and where each run's begin.
void write_waveforms(store::Group& group, const BenchSamples& samples) {
  const Bench& bench = *samples.bench;
  for (std::size_t a = 0; a < bench.analyses.size(); ++a) {
    std::vector<const WaveformRequest*> wanted;
    for (const WaveformRequest& one : bench.waveforms) {
      if (one.analysis == a) wanted.push_back(&one);
    }
    if (wanted.empty()) continue;
    std::set<std::uint32_t> jobs;
    for (const PointSource& source : samples.plan->sources) jobs.insert(source.jobs[a]);
    std::vector<std::uint32_t> job;
    std::vector<std::uint64_t> first;
    std::vector<std::vector<double>> values(wanted.size() + 1);
    for (const std::uint32_t id : jobs) {
      const JobResult& result = samples.results[id];
      if (!result.ok) continue;
      job.push_back(id);
      first.push_back(values[0].size());
      for (std::size_t k = 0; k < values.size(); ++k)
        values[k].insert(values[k].end(), result.waveforms[k].begin(), result.waveforms[k].end());
    }
    const std::string& unit = bench.analyses[a].scale_unit;
    store::Group own = group.group(names::kWaveforms).group(bench.analyses[a].name);
    own.dimension("run", job.size());
    own.dimension("sample", values[0].size());
    own.dataset(names::kJob, {"run"}, job).attribute("long_name", "simulation of this run");
    own.dataset("first", {"run"}, first).attribute("long_name", "its first sample");
    own.dataset(scale_name(bench.analyses[a]), {"sample"}, values[0], storage(values[0].size()))
        .attribute("units", unit);
    for (std::size_t k = 0; k < wanted.size(); ++k)
      own.dataset(wanted[k]->name, {"sample"}, values[k + 1], storage(values[k + 1].size()))
          .attribute("units", wanted[k]->unit)
          .attribute("long_name", wanted[k]->signal);
  }
}

void write_requests(store::Group& group, const Bench& bench) {
  store::Group tables = group.group(names::kTables);
  for (const TableRequest& table : bench.tables) {
    store::Group one = tables.group(table.name);
    one.attribute(names::kOf, table.of)
        .attribute(names::kOver, fmt::format("{}", fmt::join(table.over, " ")))
        .attribute("long_name", table.long_name.empty() ? table.name : table.long_name);
    if (!table.interpolation.empty())
      one.attribute(names::kInterpolation, fmt::format("{}", fmt::join(table.interpolation, " ")));
    for (const auto& [name, limit] : table.limits) one.attribute("limit_" + name, limit);
  }
  store::Group constants = group.group(names::kConstants);
  for (const ConstantRequest& constant : bench.constants)
    constants.scalar(constant.name, constant.value)
        .attribute("units", constant.unit)
        .attribute("long_name", constant.long_name.empty() ? constant.name : constant.long_name);
  if (bench.spreads.empty()) return;
  store::Group spreads = group.group(names::kSpreads);
  for (const SpreadRequest& spread : bench.spreads)
    spreads.group(spread.name)
        .attribute(names::kOf, spread.of)
        .attribute(names::kRelative, spread.relative ? 1 : 0)
        .attribute(names::kDeviation, spread.deviation ? 1 : 0)
        .attribute("long_name", spread.long_name.empty() ? spread.name : spread.long_name);
}

// One row a failed simulation, or a failed measurement of a good one.
void write_failures(store::Group& group, const BenchSamples& samples) {
  std::vector<std::uint32_t> job;
  std::vector<std::uint32_t> point;
  std::vector<std::string> reason;
  std::vector<std::string> log_tail;
  std::vector<std::string> conditions;
  for (std::size_t p = 0; p < samples.points.size(); ++p) {
    const PointResult& result = samples.points[p];
    if (result.ok) continue;
    job.push_back(samples.plan->sources[p].jobs.front());
    point.push_back(static_cast<std::uint32_t>(p));
    reason.push_back(result.reason);
    log_tail.push_back(result.log_tail);
    conditions.push_back(label_of(*samples.bench, samples.plan->points[p]));
  }
  store::Group failures = group.group(names::kFailures);
  failures.dimension("failure", job.size());
  failures.dataset(names::kJob, {"failure"}, job);
  failures.dataset(names::kPoint, {"failure"}, point);
  failures.dataset(names::kReason, {"failure"}, reason);
  failures.dataset("log_tail", {"failure"}, log_tail);
  failures.dataset(names::kConditions, {"failure"}, conditions);
}

}  // namespace

void write_samples(const std::filesystem::path& path, std::span<const BenchSamples> benches,
                   const std::string& ngspice_version) {
  store::Writer writer(path);
  store::Group root = writer.root();
  store::write_format(root, store::kSamplesFormat);
  root.attribute(store::kProgramVersion, kVersion)
      .attribute(store::kNgspiceVersion, ngspice_version);
  store::Group all = root.group(names::kBenches);
  for (const BenchSamples& samples : benches) {
    store::Group group = all.group(samples.bench->name);
    write_attributes(group, *samples.bench);
    group.dimension(names::kPoint, samples.points.size());
    write_conditions(group, *samples.bench, *samples.plan);
    write_results(group, samples);
    write_waveforms(group, samples);
    write_requests(group, *samples.bench);
    write_failures(group, samples);
  }
  writer.commit();
}

}  // namespace gaincell::characterize
