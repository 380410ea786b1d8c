#include "audit/device_bench.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <map>
#include <sstream>

#include "base/error.h"

namespace gaincell::audit {
namespace {

// Lines of a provenance attribute that is a list.
std::vector<std::string> lines_of(const lut::Provenance& provenance, const std::string& name) {
  std::vector<std::string> lines;
  const auto found = provenance.attributes.find(name);
  if (found == provenance.attributes.end()) return lines;
  if (const auto* text = std::get_if<std::string>(&found->second)) {
    std::istringstream in(*text);
    for (std::string line; std::getline(in, line);) lines.push_back(line);
  }
  return lines;
}

// The column bench at the conditions that the device was made at: corner, supply, temperature.
std::unique_ptr<const characterize::Bench> bench_at(const std::filesystem::path& path,
                                                    const lut::GainCellDevice& device) {
  const std::string& cell_bench = device.file().find_table("cell_read_charge")->bench;
  const auto& all = device.file().provenance();
  const auto cell = std::find_if(all.begin(), all.end(),
                                 [&](const auto& one) { return one.bench == cell_bench; });
  if (cell == all.end()) return characterize::read_bench(path);
  const std::map<std::string, std::string> fixed = cell->fixed();
  for (const lut::Provenance& other : all)
    for (const auto& [name, value] : other.fixed())
      if (const auto same = fixed.find(name); same != fixed.end() && same->second != value)
        throw Error(
            {.place = device.file().place(),
             .key = name,
             .value = fmt::format("{} ({}), {} ({})", same->second, cell_bench, value, other.bench),
             .rule = "parts of the device were made at different conditions, and a column "
                     "has one",
             .remedy = "characterize all of them at the same"});
  const auto bench = characterize::read_bench(path);
  characterize::BenchOptions options;
  for (const auto& [name, value] : fixed) {
    const bool known =
        std::any_of(bench->conditions.begin(), bench->conditions.end(),
                    [&, &name = name](const auto& condition) { return condition.name == name; });
    if (!known)
      throw Error({.place = bench->path,
                   .key = "conditions." + name,
                   .value = value,
                   .rule = "the device was made at this value, and the column bench has no such "
                           "condition",
                   .remedy = "give it one, as netlists/column/column_relu.yaml has"});
    options.at.push_back(fmt::format("{}={}", name, value));
  }
  return characterize::read_bench(path, options);
}

// A device made of other models or another cell than the bench would make every error look like the
// engine's.
void require_same_models(const characterize::Bench& bench, const lut::GainCellDevice& device) {
  std::map<std::string, std::string> ours;
  for (const auto& file : bench.corners.front().library->files())
    ours[std::filesystem::path(file.path).filename().string()] = file.sha256;
  bool any = false;
  for (const lut::Provenance& provenance : device.file().provenance()) {
    const auto names = lines_of(provenance, "model_files");
    const auto hashes = lines_of(provenance, "model_sha256");
    for (std::size_t i = 0; i < std::min(names.size(), hashes.size()); ++i) {
      const auto same = ours.find(names[i]);
      if (same == ours.end()) continue;
      any = true;
      if (same->second != hashes[i])
        throw Error({.place = device.file().place(),
                     .key = "provenance/" + provenance.bench,
                     .value = names[i],
                     .rule = "the device was made with another version of this file than the one "
                             "that " +
                             bench.path + " uses",
                     .remedy = "characterize and compile the device again"});
    }
  }
  const std::string remedy = "give the column benches of this device's cell with --benches";
  if (!any)
    throw Error({.place = device.file().place(),
                 .key = "provenance",
                 .rule = "the device has no file in common with " + bench.path,
                 .remedy = remedy});
  const std::string& cell_bench = device.file().find_table("cell_read_charge")->bench;
  for (const lut::Provenance& provenance : device.file().provenance())
    for (const std::string& name : lines_of(provenance, "model_files"))
      if (provenance.bench == cell_bench && !ours.contains(name))
        throw Error({.place = device.file().place(),
                     .key = "provenance/" + provenance.bench,
                     .value = name,
                     .rule = "the device's cell is made of this file, and " + bench.path +
                             " does not use it",
                     .remedy = remedy});
}

}  // namespace

DeviceBench::DeviceBench(const std::filesystem::path& path, const lut::GainCellDevice& device,
                         std::string example)
    : bench_(bench_at(path, device)), example_(std::move(example)) {
  require_same_models(*bench_, device);
}

void DeviceBench::refuse(const std::string& key, const std::string& rule) const {
  throw Error(
      {.place = bench_->path, .key = key, .rule = rule, .remedy = "give a bench like " + example_});
}

bool DeviceBench::has(const std::string& condition) const {
  return std::any_of(bench_->conditions.begin(), bench_->conditions.end(),
                     [&](const auto& one) { return one.name == condition; });
}

std::size_t DeviceBench::vector(const std::string& condition, std::size_t count) const {
  for (std::size_t i = 0; i < bench_->conditions.size(); ++i)
    if (bench_->conditions[i].name == condition && bench_->conditions[i].count == count) return i;
  refuse("conditions." + condition, fmt::format("must be a vector of {} numbers", count));
}

std::size_t DeviceBench::number(const std::string& condition) const {
  for (std::size_t i = 0; i < bench_->conditions.size(); ++i)
    if (bench_->conditions[i].name == condition && bench_->conditions[i].count == 0) return i;
  refuse("conditions." + condition, "must be a condition of one number");
}

bool DeviceBench::measures(const std::string& measurement) const {
  return std::any_of(bench_->measurements.begin(), bench_->measurements.end(),
                     [&](const auto& m) { return m.name == measurement; });
}

void DeviceBench::require_measurement(const std::string& measurement) const {
  if (!measures(measurement)) refuse("measurements." + measurement, "is not measured");
}

double DeviceBench::measured(const characterize::PointResult& result,
                             const std::string& measurement) const {
  for (std::size_t i = 0; i < bench_->measurements.size(); ++i)
    if (bench_->measurements[i].name == measurement) return result.values[i];
  return std::nan("");
}

characterize::Point DeviceBench::point() const {
  characterize::Point point;
  for (const characterize::Condition& condition : bench_->conditions) {
    point.values.push_back(condition.count == 0 ? condition.values.front() : 0.0);
    point.vectors.emplace_back();
  }
  return point;
}

std::vector<characterize::PointResult> DeviceBench::simulate(
    std::vector<characterize::Point> points, const characterize::SimulateOptions& options) const {
  const characterize::Plan plan = characterize::make_plan(*bench_, std::move(points));
  return characterize::simulate(*bench_, plan, options);
}

std::string DeviceBench::deck(const characterize::Point& point) const {
  return characterize::make_plan(*bench_, {point}).jobs.front().deck(false);
}

}  // namespace gaincell::audit
