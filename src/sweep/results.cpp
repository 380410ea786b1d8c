#include "sweep/results.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <utility>

#include "base/error.h"
#include "base/json.h"
#include "base/store/formats.h"
#include "base/store/reader.h"
#include "base/store/writer.h"
#include "base/version.h"
#include "sweep/command.h"

namespace gaincell::sweep {
namespace {

namespace names = store::study;

store::Storage storage(std::size_t size) {
  return size > 20'000 ? store::Storage::kCompressed : store::Storage::kPlain;
}

void write_parameters(store::Group& root, const StudyPlan& plan) {
  store::Group group = root.group(names::kParameters);
  std::string order;
  for (std::size_t a = 0; a < plan.axes.size(); ++a) {
    const Axis& axis = plan.axes[a];
    std::vector<double> values;
    for (const Point& point : plan.points) values.push_back(point[a]);
    store::Node written = group.dataset(axis.name, {names::kPoint}, values, storage(values.size()))
                              .attribute("units", axis.unit)
                              .attribute("long_name", axis.what)
                              .attribute(names::kValues, std::span<const double>(axis.values))
                              .attribute(names::kWhole, axis.whole ? 1 : 0)
                              .attribute(names::kRange, axis.range ? 1 : 0)
                              .attribute("spacing", axis.logarithmic ? "logarithmic" : "linear");
    if (!axis.words.empty()) written.attribute(names::kWords, axis.words);
    order += (order.empty() ? "" : " ") + axis.name;
  }
  group.attribute(names::kOrder, order);
}

void write_figures(store::Group& root, const StudyPlan& plan, std::span<const RunResult> runs) {
  store::Group group = root.group(names::kFigures);
  for (std::size_t f = 0; f < figures().size(); ++f) {
    std::vector<double> values;
    for (const RunResult& run : runs)
      values.push_back(run.ok ? run.values[f] : std::numeric_limits<double>::quiet_NaN());
    group.dataset(figures()[f].name, {names::kPoint, names::kSeed}, values, storage(plan.runs()))
        .attribute("units", figures()[f].unit)
        .attribute("long_name", figures()[f].what);
  }
}

void write_failures(store::Group& root, const StudyPlan& plan, std::span<const RunResult> runs) {
  std::vector<std::uint8_t> status;
  std::vector<std::uint32_t> failed;
  std::vector<std::string> reasons, what;
  for (std::size_t run = 0; run < runs.size(); ++run) {
    status.push_back(runs[run].ok ? 0 : 1);
    if (runs[run].ok) continue;
    failed.push_back(static_cast<std::uint32_t>(run));
    reasons.push_back(runs[run].reason);
    what.push_back(plan.run_name(run));
  }
  root.dataset(names::kStatus, {names::kPoint, names::kSeed}, status, storage(status.size()))
      .attribute("long_name", "0 = measured, 1 = failed");
  store::Group group = root.group(names::kFailures);
  group.dimension("failure", failed.size());
  group.dataset(names::kRun, {"failure"}, failed)
      .attribute("long_name", "point x number of seeds + seed, from 0");
  group.dataset(names::kReason, {"failure"}, reasons);
  group.dataset(names::kConditions, {"failure"}, what);
}

std::vector<Axis> read_axes(const store::ReadGroup& group, std::vector<Point>& points) {
  std::vector<Axis> axes;
  const std::string order = group.text_attribute(names::kOrder);
  for (std::size_t at = 0; at < order.size();) {
    const std::size_t end = std::min(order.find(' ', at), order.size());
    const std::string name = order.substr(at, end - at);
    at = end + 1;
    const store::ReadDataset dataset = group.dataset(name);
    Axis axis{.name = name,
              .unit = dataset.text_attribute("units"),
              .what = dataset.text_attribute("long_name"),
              .parameter = find_parameter(name),
              .words = {},
              .values = dataset.numbers_attribute(names::kValues),
              .whole = dataset.number_attribute(names::kWhole) != 0,
              .logarithmic = dataset.text_attribute("spacing") == "logarithmic",
              .range = dataset.number_attribute(names::kRange) != 0};
    if (dataset.has_attribute(names::kWords)) axis.words = dataset.texts_attribute(names::kWords);
    const auto values = dataset.read_vector<double>();
    points.resize(std::max(points.size(), values.size()));
    const auto words = static_cast<double>(axis.words.size());
    for (std::size_t p = 0; p < points.size(); ++p) {
      const double value = p < values.size() ? values[p] : -1;
      if (!axis.words.empty() && !(value >= 0 && value < words && value == std::floor(value)))
        throw Error({.place = dataset.file(),
                     .key = dataset.path(),
                     .value = fmt::format("{}", value),
                     .rule = "is none of its words"});
      points[p].push_back(value);
    }
    axes.push_back(std::move(axis));
  }
  return axes;
}

[[noreturn]] void refuse_size(const store::ReadNode& node) {
  throw Error({.place = node.file(),
               .key = node.path(),
               .rule = "is of another number of points or seeds than the file's"});
}

}  // namespace

std::size_t StudyResults::failed() const {
  return static_cast<std::size_t>(
      std::count_if(runs.begin(), runs.end(), [](const RunResult& run) { return !run.ok; }));
}

double StudyResults::value(std::size_t point, std::size_t seed, std::size_t figure) const {
  return runs[point * plan.seed_count() + seed].values[figure];
}

void write_results(const std::filesystem::path& path, const StudyPlan& plan,
                   std::span<const RunResult> runs) {
  store::Writer writer(path);
  store::Group root = writer.root();
  store::write_format(root, store::kStudyFormat);
  root.attribute(store::kProgramVersion, kVersion)
      .attribute(names::kName, plan.name)
      .attribute(names::kDescription, plan.description)
      .attribute(names::kDesign, plan.design)
      .attribute(names::kHasSeeds, plan.seeds.empty() ? 0 : 1);
  root.text(names::kText, plan.yaml);
  root.text(names::kIdentity, json_text(plan.identity));
  root.dimension(names::kPoint, plan.points.size());
  std::vector<double> seeds(plan.seeds.begin(), plan.seeds.end());
  if (seeds.empty()) seeds.push_back(1);
  root.axis(names::kSeed, seeds)
      .attribute("units", "1")
      .attribute("long_name", "of chip and noise, where the parameters do not say");
  write_parameters(root, plan);
  write_figures(root, plan, runs);
  root.dataset(names::kCommand, {names::kPoint, names::kSeed}, plan.commands)
      .attribute("long_name", "gives the same figures by itself");
  if (!plan.adaptations.empty())
    root.dataset(names::kAdaptation, {names::kPoint}, plan.adaptations)
        .attribute("long_name", "goes before the point's other command");
  write_failures(root, plan, runs);
  writer.commit();
}

StudyResults read_results(const std::filesystem::path& path) {
  const store::ReadGroup root = store::Reader(path).root();
  store::require_format(root, store::kStudyFormat);
  StudyResults results;
  results.path = path;
  results.program_version = root.text_attribute(store::kProgramVersion);
  StudyPlan& plan = results.plan;
  plan.name = root.text_attribute(names::kName);
  plan.description = root.text_attribute(names::kDescription);
  plan.design = root.text_attribute(names::kDesign);
  plan.yaml = root.dataset(names::kText).read_scalar<std::string>();
  plan.identity = nlohmann::ordered_json::parse(
      parse_json(root.dataset(names::kIdentity).read_scalar<std::string>(), path.string()).dump());
  plan.axes = read_axes(root.group(names::kParameters), plan.points);
  const auto seeds = root.dataset(names::kSeed).read_vector<double>();
  if (root.number_attribute(names::kHasSeeds) != 0)
    for (const double seed : seeds) plan.seeds.push_back(static_cast<std::uint64_t>(seed));
  const auto commands = root.dataset(names::kCommand).read<std::string>();
  plan.commands = commands.values;
  if (root.has(names::kAdaptation))
    plan.adaptations = root.dataset(names::kAdaptation).read_vector<std::string>();
  const std::size_t runs = plan.runs();
  const store::ReadDataset status = root.dataset(names::kStatus);
  const auto failed = status.read<std::uint8_t>();
  if (failed.values.size() != runs || commands.values.size() != runs) refuse_size(status);
  results.runs.assign(
      runs, {.ok = false,
             .reason = {},
             .values = Figures(figures().size(), std::numeric_limits<double>::quiet_NaN())});
  for (std::size_t run = 0; run < runs; ++run) results.runs[run].ok = failed.values[run] == 0;
  const store::ReadGroup group = root.group(names::kFigures);
  for (std::size_t f = 0; f < figures().size(); ++f) {
    if (!group.has(figures()[f].name)) continue;
    const store::ReadDataset dataset = group.dataset(figures()[f].name);
    const auto values = dataset.read<double>();
    if (values.values.size() != runs) refuse_size(dataset);
    for (std::size_t run = 0; run < runs; ++run) results.runs[run].values[f] = values.values[run];
  }
  const store::ReadGroup failures = root.group(names::kFailures);
  const auto which = failures.dataset(names::kRun).read_vector<std::uint32_t>();
  const auto reasons = failures.dataset(names::kReason).read_vector<std::string>();
  for (std::size_t k = 0; k < std::min(which.size(), reasons.size()); ++k)
    if (which[k] < runs) results.runs[which[k]].reason = reasons[k];
  store::warn_if_unsealed(root);
  return results;
}

}  // namespace gaincell::sweep
