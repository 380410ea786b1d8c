#include "audit/replay.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
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

}  // namespace

ColumnBench::ColumnBench(const std::filesystem::path& path, const lut::GainCellDevice& device,
                         int cells)
    : bench_(bench_at(path, device)), write_offset_v_(device.write_offset_v()) {
  const auto refuse = [&](const std::string& key, const std::string& rule) {
    throw Error({.place = bench_->path,
                 .key = key,
                 .rule = rule,
                 .remedy = "give a bench like netlists/column/column_relu.yaml"});
  };
  const auto vector_condition = [&](const char* name) {
    for (std::size_t i = 0; i < bench_->conditions.size(); ++i)
      if (bench_->conditions[i].name == name &&
          bench_->conditions[i].count == static_cast<std::size_t>(cells))
        return i;
    refuse(std::string("conditions.") + name,
           fmt::format("a column bench has this vector, one number for each of {} cells", cells));
    return std::size_t{0};
  };
  const auto has = [&](const char* name) {
    return std::any_of(bench_->conditions.begin(), bench_->conditions.end(),
                       [&](const auto& condition) { return condition.name == name; });
  };
  cell_v_ = vector_condition(has("v_target") ? "v_target" : "v_store");
  if (has("v_target")) {
    const auto age = std::find_if(bench_->conditions.begin(), bench_->conditions.end(),
                                  [](const auto& condition) { return condition.name == "age"; });
    if (age == bench_->conditions.end() || age->count != 0)
      refuse("conditions.age", "a column bench that writes its cells has this number");
    age_ = static_cast<std::size_t>(age - bench_->conditions.begin());
  }
  pulse_width_ = vector_condition("pulse_width");
  if (!measures("pulse_width_out"))
    refuse("measurements.pulse_width_out", "a column bench measures its output pulse");
  require_same_models(device);
}

bool ColumnBench::measures(const std::string& name) const {
  return std::any_of(bench_->measurements.begin(), bench_->measurements.end(),
                     [&](const auto& m) { return m.name == name; });
}

// A device made of other models or another cell than the column would make every error look like
// the engine's.
void ColumnBench::require_same_models(const lut::GainCellDevice& device) const {
  std::map<std::string, std::string> ours;
  for (const auto& file : bench_->corners.front().library->files())
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
                             bench_->path + " uses",
                     .remedy = "characterize and compile the device again"});
    }
  }
  const std::string remedy = "give the column benches of this device's cell with --benches";
  if (!any)
    throw Error({.place = device.file().place(),
                 .key = "provenance",
                 .rule = "the device has no file in common with " + bench_->path,
                 .remedy = remedy});
  const std::string& cell_bench = device.file().find_table("cell_read_charge")->bench;
  for (const lut::Provenance& provenance : device.file().provenance())
    for (const std::string& name : lines_of(provenance, "model_files"))
      if (provenance.bench == cell_bench && !ours.contains(name))
        throw Error({.place = device.file().place(),
                     .key = "provenance/" + provenance.bench,
                     .value = name,
                     .rule = "the device's cell is made of this file, and " + bench_->path +
                             " does not use it",
                     .remedy = remedy});
}

characterize::Point ColumnBench::point_of(const ColumnCase& column) const {
  characterize::Point point;
  for (const characterize::Condition& condition : bench_->conditions) {
    point.values.push_back(condition.count == 0 ? condition.values.front() : 0.0);
    point.vectors.emplace_back();
  }
  point.vectors[cell_v_] = column.v_store;
  if (age_) {
    point.values[*age_] = column.age_s;
    point.vectors[cell_v_] = column.target_v;
    for (double& level : point.vectors[cell_v_]) level += write_offset_v_;
  }
  point.vectors[pulse_width_] = column.width_s;
  return point;
}

std::vector<Replayed> ColumnBench::run(std::span<const ColumnCase> columns,
                                       const characterize::SimulateOptions& options) {
  std::vector<characterize::Point> points;
  for (const ColumnCase& column : columns) points.push_back(point_of(column));
  const characterize::Plan plan = characterize::make_plan(*bench_, std::move(points));
  std::vector<Replayed> replayed;
  for (const characterize::PointResult& result : characterize::simulate(*bench_, plan, options)) {
    const auto measured = [&](const char* name) {
      for (std::size_t i = 0; i < bench_->measurements.size(); ++i)
        if (bench_->measurements[i].name == name) return result.values[i];
      return std::nan("");
    };
    if (!result.ok)
      replayed.push_back({false, 0.0, result.reason});
    else
      replayed.push_back({true, measured("pulse_width_out"), "", measured("bitline_voltage"),
                          measured("cell_energy"), measured("converter_energy")});
  }
  return replayed;
}

std::string ColumnBench::deck(const ColumnCase& column) {
  return characterize::make_plan(*bench_, {point_of(column)}).jobs.front().deck(false);
}

}  // namespace gaincell::audit
