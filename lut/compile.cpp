#include "lut/compile.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/error.h"
#include "base/units.h"
#include "lut/retention.h"

namespace gaincell::lut {
namespace {

constexpr double kMissing = std::numeric_limits<double>::quiet_NaN();

// "v_store = 450 mV, pulse_width = 1 ns"
std::string coordinates(std::span<const Axis> axes, std::span<const double> x) {
  std::string text;
  for (std::size_t a = 0; a < axes.size(); ++a)
    text += fmt::format("{}{} = {}", a == 0 ? "" : ", ", axes[a].name(),
                        format_si(x[a], axes[a].unit()));
  return text;
}

std::string format_percent(double percent) {
  return percent > 0 && percent < 0.001 ? "<0.001" : fmt::format("{:.3f}", percent);
}

// Node of an axis at this value, or its size where there is none. Values come from the same bench
// as the axis, so they agree but for rounding.
std::size_t node_at(const Axis& axis, double x) {
  const auto nodes = axis.nodes();
  const auto nearest = std::min_element(nodes.begin(), nodes.end(), [x](double a, double b) {
    return std::abs(a - x) < std::abs(b - x);
  });
  const double span = axis.back() - axis.front();
  return std::abs(*nearest - x) <= 1e-9 * span ? static_cast<std::size_t>(nearest - nodes.begin())
                                               : nodes.size();
}

std::vector<Axis> axes_of(const SampledBench& bench, const TableOrder& request) {
  std::vector<Axis> axes;
  for (const std::string& name : request.over)
    axes.push_back(*std::find_if(bench.axes.begin(), bench.axes.end(),
                                 [&](const Axis& axis) { return axis.name() == name; }));
  return axes;
}

std::vector<double> coordinates_of(const SampledBench& bench, const TableOrder& request,
                                   std::size_t point) {
  std::vector<double> x;
  for (const std::string& name : request.over) x.push_back(bench.conditions.at(name).values[point]);
  return x;
}

bool simulated(const SampledBench& bench, const TableOrder& request, std::size_t point) {
  return bench.status[point] == 0 && std::isfinite(bench.measurements.at(request.of).values[point]);
}

// Every node of the table, or nothing and the list of what is missing in `report`.
std::optional<Table> tabulate(const SampledBench& bench, const TableOrder& request,
                              const CompileOptions& options, TableReport& report) {
  const std::vector<Axis> axes = axes_of(bench, request);
  std::size_t nodes = 1;
  for (const Axis& axis : axes) nodes *= axis.size();
  std::vector<double> values(nodes, kMissing);
  std::vector<bool> planned(nodes, false);
  std::vector<std::string> reasons(nodes);
  const std::vector<double>& measured = bench.measurements.at(request.of).values;
  for (std::size_t point = 0; point < bench.points(); ++point) {
    if (bench.hold_out[point] != 0) continue;
    const std::vector<double> x = coordinates_of(bench, request, point);
    std::size_t index = 0;
    bool on_grid = true;
    for (std::size_t a = 0; a < axes.size(); ++a) {
      const std::size_t node = node_at(axes[a], x[a]);
      on_grid = on_grid && node < axes[a].size();
      index = index * axes[a].size() + node;
    }
    if (!on_grid) {
      report.problems.push_back(
          fmt::format("point {} lies beside the grid ({})", point, coordinates(axes, x)));
      return std::nullopt;
    }
    if (planned[index]) {
      // A condition that changes nothing here is no axis, and its points are one simulation's.
      if (!simulated(bench, request, point) || values[index] == measured[point]) continue;
      report.problems.push_back(
          fmt::format("{} is simulated more than once: `over` must name every swept condition",
                      coordinates(axes, x)));
      return std::nullopt;
    }
    planned[index] = true;
    if (simulated(bench, request, point)) {
      values[index] = measured[point];
    } else {
      const auto failure = bench.failures.find(point);
      reasons[index] = failure == bench.failures.end() ? "failed" : "failed: " + failure->second;
    }
  }

  std::size_t missing = 0;
  std::string list;
  for (std::size_t i = 0; i < nodes; ++i) {
    if (std::isfinite(values[i])) continue;
    if (++missing > options.listed_points) continue;
    std::vector<double> x(axes.size());
    for (std::size_t a = axes.size(), rest = i; a-- > 0; rest /= axes[a].size())
      x[a] = axes[a].nodes()[rest % axes[a].size()];
    list += fmt::format("\n    {} ({})", coordinates(axes, x),
                        planned[i] ? reasons[i] : "not in the file");
  }
  report.nodes = nodes;
  if (missing > 0) {
    if (missing > options.listed_points)
      list += fmt::format("\n    and {} more", missing - options.listed_points);
    report.problems.push_back(
        fmt::format("{} of its {} points are missing:{}", missing, nodes, list));
    return std::nullopt;
  }
  return Table(request.quantity, axes, std::move(values), request.interpolation);
}

struct Measured {
  HoldOut hold_out;
  std::size_t failed = 0;
};

// The points that test a table: the hold-out ones, or all.
Measured collect(const SampledBench& bench, const TableOrder& request, bool all) {
  Measured result;
  result.hold_out.coordinates.resize(request.over.size());
  for (std::size_t point = 0; point < bench.points(); ++point) {
    if (!all && bench.hold_out[point] == 0) continue;
    if (!simulated(bench, request, point)) {
      ++result.failed;
      continue;
    }
    const std::vector<double> x = coordinates_of(bench, request, point);
    for (std::size_t a = 0; a < x.size(); ++a) result.hold_out.coordinates[a].push_back(x[a]);
    result.hold_out.measured.push_back(bench.measurements.at(request.of).values[point]);
    result.hold_out.working.push_back(bench.hold_out[point] == 2 ? 1 : 0);
  }
  std::vector<double>& working = result.hold_out.working;
  if (std::find(working.begin(), working.end(), 1) == working.end()) working.clear();
  return result;
}

void check_limit(const std::optional<double>& limit, double value, const char* what,
                 const std::string& unit, TableReport& report) {
  if (!limit || value <= *limit) return;
  const auto format = [&unit](double v) {
    return unit == "%" ? fmt::format("{:.3g} % of full scale", v) : format_si(v, unit, 3);
  };
  report.problems.push_back(fmt::format("{} error {} exceeds the limit of {}; largest at {}", what,
                                        format(value), format(*limit), report.worst));
}

// Fills entry and report with the difference between the table and the points.
void measure(Measured points, TableEntry& entry, TableReport& report) {
  const Table& table = entry.table;
  HoldOut& hold_out = points.hold_out;
  const std::size_t n = hold_out.measured.size();
  hold_out.predicted = predict(table, hold_out);
  const Accuracy accuracy = accuracy_of(table, hold_out, hold_out.predicted);
  for (std::size_t i = 0; i < n; ++i) {
    if (std::abs(hold_out.predicted[i] - hold_out.measured[i]) < accuracy.max_abs) continue;
    std::vector<double> x;
    for (const std::vector<double>& along : hold_out.coordinates) x.push_back(along[i]);
    const std::string& unit = table.quantity().unit;
    report.worst = fmt::format("{} (simulated {}, table {})", coordinates(table.axes(), x),
                               format_si(hold_out.measured[i], unit, 6),
                               format_si(hold_out.predicted[i], unit, 6));
    break;
  }
  entry.accuracy = report.accuracy = accuracy;
  report.working = working_accuracy(table, hold_out);
  entry.hold_out = std::move(hold_out);
  report.hold_out_failed = points.failed;
  report.limit = entry.limit;
  if (points.failed > 0)
    report.notes.push_back(
        fmt::format("{} hold-out simulations failed and test nothing", points.failed));
  if (n == 0) {
    if (entry.limit.any())
      report.problems.push_back(
          "it has a limit but no hold-out point to check it on; add `holdout` to the bench");
    return;
  }
  check_limit(entry.limit.max_abs, accuracy.max_abs, "largest", table.quantity().unit, report);
  check_limit(entry.limit.rms_abs, accuracy.rms_abs, "rms", table.quantity().unit, report);
  check_limit(entry.limit.max_percent, accuracy.max_percent, "largest", "%", report);
  check_limit(entry.limit.rms_percent, accuracy.rms_percent, "rms", "%", report);
}

struct Request {
  const SampledBench* bench;
  const TableOrder* table;
};

const Request* find(const std::vector<Request>& requests, const std::string& name) {
  const auto found = std::find_if(requests.begin(), requests.end(),
                                  [&](const Request& r) { return r.table->quantity.name == name; });
  return found == requests.end() ? nullptr : &*found;
}

void sampled(const Request& request, const CompileOptions& options, Compiled& result) {
  TableReport report{.name = request.table->quantity.name,
                     .unit = request.table->quantity.unit,
                     .bench = request.bench->name};
  if (const auto table = tabulate(*request.bench, *request.table, options, report)) {
    TableEntry entry{.table = *table, .bench = request.bench->name, .limit = request.table->limit};
    measure(collect(*request.bench, *request.table, false), entry, report);
    result.device.add(std::move(entry));
  }
  result.report.tables.push_back(std::move(report));
}

// cell_retention, from leakage and capacitance where both tables are there. `check` is the bench of
// long transients, if any.
void retention(const Request* check, Compiled& result) {
  const TableEntry* leakage = result.device.find_table("cell_leakage_current");
  const TableEntry* capacitance = result.device.find_table("cell_storage_capacitance");
  TableReport report{
      .name = "cell_retention", .unit = "V", .bench = leakage->bench + " + " + capacitance->bench};
  RetentionOptions options;
  if (check != nullptr)
    for (const Axis& axis : check->bench->axes)
      if (axis.name() == "age") options.longest_age_s = axis.back();
  const Retention made = integrate_retention(leakage->table, capacitance->table, options);
  TableEntry entry{
      .table = made.table,
      .bench = report.bench,
      .comment =
          "integrated: C dV/dt = -I_leak, Dormand-Prince; hold-out points are transients of "
          "bench " +
          std::string(check != nullptr ? check->bench->name : "retention, which was not run")};
  report.nodes = made.table.values().size();
  report.notes.push_back(
      fmt::format("integrated from leakage and capacitance; at most {} off between its nodes",
                  format_si(made.grid_error_v, "V", 2)));
  if (made.leaves_axis)
    report.notes.push_back(
        "some start drifts beyond the voltages of cell_leakage_current and is held at its end");
  Measured points;
  if (check != nullptr) {
    entry.limit = check->table->limit;
    points = collect(*check->bench, *check->table, true);
    if (check->table->over != std::vector<std::string>{"v_initial", "age"})
      throw Error({.place = "bench " + check->bench->name,
                   .key = "tables.cell_retention.over",
                   .value = fmt::format("[{}]", fmt::join(check->table->over, ", ")),
                   .rule = "must be [v_initial, age]"});
  }
  measure(std::move(points), entry, report);
  result.device.add(std::move(entry));
  result.report.tables.push_back(std::move(report));
}

void spread(const SampledBench& bench, const SpreadOrder& request, Compiled& result) {
  const Series& of = bench.measurements.at(request.of);
  SpreadReport report{.name = "spread_" + request.name,
                      .unit = request.relative ? "1" : of.quantity.unit,
                      .bench = bench.name};
  std::vector<double> good;
  for (std::size_t point = 0; point < bench.points(); ++point)
    if (bench.status[point] == 0 && std::isfinite(of.values[point]))
      good.push_back(of.values[point]);
  report.draws = good.size();
  report.failed = bench.points() - good.size();
  if (request.deviation) {
    report.draws = 0;
    if (bench.points() != 1)
      report.problems.push_back(
          fmt::format("a measured deviation is of one point, and there are {}", bench.points()));
    else if (good.empty())
      report.problems.push_back("its simulation gave no value");
    else if (good.front() < 0)
      report.problems.push_back("a standard deviation cannot be negative");
    if (report.problems.empty()) {
      report.value = good.front();
      result.device.add(Constant{
          {report.name, report.unit,
           fmt::format("{}: standard deviation, measured as {}", request.long_name, request.of)},
          report.value,
          bench.name});
    }
    result.report.spreads.push_back(std::move(report));
    return;
  }
  double square = 0;
  for (const double value : good) report.mean += value / static_cast<double>(good.size());
  for (const double value : good) square += (value - report.mean) * (value - report.mean);
  if (good.size() < 2)
    report.problems.push_back(
        fmt::format("{} of {} draws gave a value; two are needed", good.size(), bench.points()));
  else if (request.relative && report.mean == 0)
    report.problems.push_back("it is relative, and the mean is 0");
  if (report.problems.empty()) {
    report.value = std::sqrt(square / static_cast<double>(good.size() - 1));
    if (request.relative) report.value /= std::abs(report.mean);
    const auto seed = bench.provenance.attributes.find("seed");
    std::string drawn = fmt::format("{} draws", good.size());
    if (seed != bench.provenance.attributes.end())
      if (const auto* number = std::get_if<double>(&seed->second))
        drawn += fmt::format(", seed {:.0f}", *number);
    result.device.add(Constant{
        {report.name, report.unit,
         fmt::format("{}: standard deviation of {} over {}", request.long_name, request.of, drawn)},
        report.value,
        bench.name});
  }
  result.report.spreads.push_back(std::move(report));
}

struct Source {
  const SamplesFile* file;
  const SampledBench* bench;
};

// By the benches' names, so that the order of files, and of benches in them, changes no byte.
std::vector<Source> sources_of(const std::vector<SamplesFile>& files) {
  std::vector<Source> sources;
  for (const SamplesFile& file : files) {
    for (const SampledBench& bench : file.benches) sources.push_back({&file, &bench});
  }
  std::stable_sort(sources.begin(), sources.end(),
                   [](const Source& a, const Source& b) { return a.bench->name < b.bench->name; });
  const auto twice = std::adjacent_find(
      sources.begin(), sources.end(),
      [](const Source& a, const Source& b) { return a.bench->name == b.bench->name; });
  if (twice != sources.end())
    throw Error({.place = (twice + 1)->file->place,
                 .key = "/benches/" + twice->bench->name,
                 .rule = "this bench is in another file as well",
                 .remedy = "give one of them"});
  return sources;
}

}  // namespace

bool CompileReport::ok() const {
  const auto good = [](const auto& made) { return made.problems.empty(); };
  return std::all_of(tables.begin(), tables.end(), good) &&
         std::all_of(spreads.begin(), spreads.end(), good);
}

std::string CompileReport::brief() const {
  std::string text;
  std::size_t width = 5;
  for (const TableReport& table : tables) width = std::max(width, table.name.size());
  text += fmt::format("{:{}}  {:>6}  {:>8}  {:>10}  {:>10}  {:>8}  {:>8}\n", "table", width,
                      "points", "hold-out", "max error", "rms error", "max %", "rms %");
  for (const TableReport& table : tables) {
    text +=
        fmt::format("{:{}}  {:>6}  {:>8}", table.name, width, table.nodes, table.accuracy.points);
    if (table.accuracy.points > 0)
      text += fmt::format(
          "  {:>10}  {:>10}  {:>8}  {:>8}", format_si(table.accuracy.max_abs, table.unit, 3),
          format_si(table.accuracy.rms_abs, table.unit, 3),
          format_percent(table.accuracy.max_percent), format_percent(table.accuracy.rms_percent));
    text += table.problems.empty() ? "\n" : "  FAILS\n";
  }
  for (const SpreadReport& one : spreads)
    if (one.problems.empty() && one.draws == 0)
      text += fmt::format("{}: {}, measured (bench {})\n", one.name,
                          one.unit == "1" ? fmt::format("{:.3g} %", 100 * one.value)
                                          : format_si(one.value, one.unit, 3),
                          one.bench);
    else if (one.problems.empty())
      text += fmt::format(
          "{}: {} over {} draws{}, mean {} (bench {})\n", one.name,
          one.unit == "1" ? fmt::format("{:.3g} %", 100 * one.value)
                          : format_si(one.value, one.unit, 3),
          one.draws, one.failed > 0 ? fmt::format(", {} failed", one.failed) : "",
          one.unit == "1" ? fmt::format("{:.4g}", one.mean) : format_si(one.mean, one.unit, 3),
          one.bench);
  for (const TableReport& table : tables)
    for (const std::string& note : table.notes)
      text += fmt::format("note: {}: {}\n", table.name, note);
  for (const TableReport& table : tables)
    for (const std::string& problem : table.problems)
      text += fmt::format("fails: {} (bench {}): {}\n", table.name, table.bench, problem);
  for (const SpreadReport& one : spreads)
    for (const std::string& problem : one.problems)
      text += fmt::format("fails: {} (bench {}): {}\n", one.name, one.bench, problem);
  return text;
}

nlohmann::json CompileReport::to_json() const {
  nlohmann::json json{{"ok", ok()}, {"tables", nlohmann::json::object()}};
  for (const TableReport& table : tables) {
    nlohmann::json& out = json["tables"][table.name];
    out = {{"bench", table.bench},
           {"units", table.unit},
           {"points", table.nodes},
           {"holdout_points", table.accuracy.points},
           {"holdout_failed", table.hold_out_failed},
           {"problems", table.problems},
           {"notes", table.notes}};
    if (table.accuracy.points == 0) continue;
    out["error_max_abs"] = table.accuracy.max_abs;
    out["error_rms_abs"] = table.accuracy.rms_abs;
    out["error_max_percent"] = table.accuracy.max_percent;
    out["error_rms_percent"] = table.accuracy.rms_percent;
    out["worst"] = table.worst;
    if (table.working.points == 0) continue;
    out["working_points"] = table.working.points;
    out["working_error_max_abs"] = table.working.max_abs;
    out["working_error_rms_abs"] = table.working.rms_abs;
  }
  for (const SpreadReport& one : spreads)
    json["spreads"][one.name] = {{"bench", one.bench},      {"units", one.unit},
                                 {"draws", one.draws},      {"failed", one.failed},
                                 {"mean", one.mean},        {"value", one.value},
                                 {"problems", one.problems}};
  return json;
}

Compiled compile(const std::vector<SamplesFile>& files, const CompileOptions& options) {
  Compiled result;
  std::vector<Request> requests;
  const std::vector<Source> sources = sources_of(files);
  for (const auto& [file, bench] : sources) {
    for (const TableOrder& table : bench->tables) {
      if (const Request* other = find(requests, table.quantity.name))
        throw Error({.place = file->place,
                     .key = "/benches/" + bench->name + "/tables/" + table.quantity.name,
                     .rule = fmt::format("bench {} makes a table of this name as well",
                                         other->bench->name)});
      requests.push_back({bench, &table});
    }
  }

  const bool integrated = find(requests, "cell_leakage_current") != nullptr &&
                          find(requests, "cell_storage_capacitance") != nullptr;
  for (const Request& request : requests)
    if (!(integrated && request.table->quantity.name == "cell_retention"))
      sampled(request, options, result);
  if (integrated) {
    if (result.device.find_table("cell_leakage_current") != nullptr &&
        result.device.find_table("cell_storage_capacitance") != nullptr) {
      retention(find(requests, "cell_retention"), result);
    } else {
      result.report.tables.push_back({.name = "cell_retention",
                                      .unit = "V",
                                      .bench = "leakage + storage_capacitance",
                                      .problems = {"what it is integrated from has no table"}});
    }
  }

  for (const auto& [file, bench] : sources) {
    for (const SpreadOrder& request : bench->spreads) {
      if (result.device.find_constant("spread_" + request.name) != nullptr)
        throw Error({.place = file->place,
                     .key = "/benches/" + bench->name + "/spreads/" + request.name,
                     .rule = "another bench makes a spread of this name as well",
                     .remedy = "give the samples of one of them"});
      spread(*bench, request, result);
    }
    for (const Constant& constant : bench->constants) {
      const Constant* known = result.device.find_constant(constant.quantity.name);
      if (known == nullptr) {
        result.device.add(constant);
      } else if (known->value != constant.value || known->quantity.unit != constant.quantity.unit) {
        throw Error({.place = file->place,
                     .key = "/benches/" + bench->name + "/constants/" + constant.quantity.name,
                     .value = format_si(constant.value, constant.quantity.unit),
                     .rule = fmt::format("bench {} says {}", known->bench,
                                         format_si(known->value, known->quantity.unit))});
      }
    }
    result.device.add(bench->provenance);
  }
  return result;
}

}  // namespace gaincell::lut
