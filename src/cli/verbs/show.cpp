#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/json.h"
#include "base/store/formats.h"
#include "base/store/reader.h"
#include "base/units.h"
#include "cli/commands.h"
#include "cli/say.h"
#include "cli/study_text.h"
#include "lut/device_file.h"
#include "lut/samples_file.h"
#include "report/text_table.h"

namespace gaincell::cli {
namespace {

using nlohmann::json;
using report::TextTable;
constexpr auto kRight = TextTable::Align::kRight;

struct ShowOptions {
  std::filesystem::path file;
  std::vector<std::string> front;
  bool json = false;
};

std::string quantity_text(double value, const std::string& unit) {
  return unit == "1" ? fmt::format("{}", value) : format_si(value, unit);
}

std::string percent_text(double percent) {
  return percent > 0 && percent < 0.001 ? "<0.001" : fmt::format("{:.3f}", percent);
}

std::string limits_text(const lut::Limit& limit, const std::string& unit) {
  std::string text;
  const auto part = [&text](const char* name, const std::string& value) {
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", name, value);
  };
  if (limit.max_abs) part("max", format_si(*limit.max_abs, unit, 3));
  if (limit.rms_abs) part("rms", format_si(*limit.rms_abs, unit, 3));
  if (limit.max_percent) part("max", fmt::format("{} %", *limit.max_percent));
  if (limit.rms_percent) part("rms", fmt::format("{} %", *limit.rms_percent));
  return text;
}

std::string axes_text(std::span<const lut::Axis> axes) {
  std::string text;
  for (const lut::Axis& axis : axes)
    text += fmt::format("{}{} {}", text.empty() ? "" : " x ", axis.name(), axis.size());
  return text;
}

// Rows of axes that several tables share are told once.
TextTable axes_table(const std::vector<lut::Axis>& axes) {
  TextTable table({{"axis"}, {"from", kRight}, {"to", kRight}, {"points", kRight}, {"what"}});
  for (const lut::Axis& axis : axes)
    table.row({axis.name(), quantity_text(axis.front(), axis.unit()),
               quantity_text(axis.back(), axis.unit()), std::to_string(axis.size()),
               axis.long_name()});
  return table;
}

json axis_json(const lut::Axis& axis) {
  return {{"name", axis.name()},   {"units", axis.unit()}, {"long_name", axis.long_name()},
          {"points", axis.size()}, {"from", axis.front()}, {"to", axis.back()}};
}

json limit_json(const lut::Limit& limit) {
  json out = json::object();
  if (limit.max_abs) out["max_abs"] = *limit.max_abs;
  if (limit.rms_abs) out["rms_abs"] = *limit.rms_abs;
  if (limit.max_percent) out["max_percent"] = *limit.max_percent;
  if (limit.rms_percent) out["rms_percent"] = *limit.rms_percent;
  return out;
}

json provenance_json(const lut::Provenance& provenance) {
  json out = json::object();
  for (const auto& [name, value] : provenance.attributes)
    std::visit([&out, &key = name](const auto& v) { out[key] = v; }, value);
  return out;
}

// Short facts in one line; whole texts (bench, netlist) stay in the file.
std::string provenance_text(const lut::Provenance& provenance) {
  std::string text;
  for (const auto& [name, value] : provenance.attributes) {
    std::string shown = std::holds_alternative<double>(value)
                            ? fmt::format("{}", std::get<double>(value))
                            : std::get<std::string>(value);
    if (name == "description" || name == "retry_options") continue;
    if (name.ends_with("_sha256")) shown.resize(std::min<std::size_t>(shown.size(), 12));
    if (shown.empty() || shown.size() > 60 || shown.find('\n') != std::string::npos) continue;
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", name, shown);
  }
  return text;
}

// What the benches were fixed at. A condition that only some have stands with those alone.
struct FixedCondition {
  std::map<std::string, std::vector<std::string>> values;  // "0.81 V" -> benches
  std::size_t benches = 0;
};

std::map<std::string, FixedCondition> fixed_conditions(const lut::DeviceFile& device) {
  std::map<std::string, FixedCondition> all;
  for (const lut::Provenance& provenance : device.provenance()) {
    for (const auto& [name, value] : provenance.fixed()) {
      all[name].values[value].push_back(provenance.bench);
      ++all[name].benches;
    }
  }
  return all;
}

// Those that hold for the device as a whole: of several benches, or of all that there are.
bool is_of_device(const FixedCondition& condition, std::size_t benches) {
  return condition.benches == benches || condition.values.size() > 1;
}

std::size_t simulated_benches(const lut::DeviceFile& device) {
  return static_cast<std::size_t>(
      std::count_if(device.provenance().begin(), device.provenance().end(),
                    [](const lut::Provenance& one) { return !one.fixed().empty(); }));
}

std::string conditions_text(const lut::DeviceFile& device) {
  std::string text;
  for (const auto& [name, condition] : fixed_conditions(device)) {
    if (!is_of_device(condition, simulated_benches(device))) continue;
    text += fmt::format("{}{} ", text.empty() ? "" : ", ", name);
    if (condition.values.size() == 1) {
      text += condition.values.begin()->first;
      continue;
    }
    std::string each;
    for (const auto& [value, benches] : condition.values)
      each += fmt::format("{}{} ({})", each.empty() ? "" : " / ", value, fmt::join(benches, ", "));
    text += each;
  }
  return text;
}

// {"corner": "slow", "temperature": {"value": -40, "units": "degC"}}; where benches differ, null.
json conditions_json(const lut::DeviceFile& device) {
  json out = json::object();
  for (const auto& [name, condition] : fixed_conditions(device)) {
    if (!is_of_device(condition, simulated_benches(device))) continue;
    const std::string& value = condition.values.begin()->first;
    char* end = nullptr;
    const double number = std::strtod(value.c_str(), &end);
    if (condition.values.size() > 1) {
      out[name] = nullptr;
    } else if (end != value.c_str() && *end == ' ') {
      out[name] = {{"value", number}, {"units", end + 1}};
    } else {
      out[name] = value;
    }
  }
  return out;
}

// Rows of tables whose bench says where they are used most.
TextTable working_table(const lut::DeviceFile& device) {
  TextTable rows({{"in the working range"},
                  {"hold-out", kRight},
                  {"max error", kRight},
                  {"rms error", kRight}});
  for (const lut::TableEntry& entry : device.tables()) {
    const lut::Accuracy working = lut::working_accuracy(entry.table, entry.hold_out);
    if (working.points == 0) continue;
    const std::string& unit = entry.table.quantity().unit;
    rows.row({entry.table.name(), std::to_string(working.points),
              format_si(working.max_abs, unit, 3), format_si(working.rms_abs, unit, 3)});
  }
  return rows;
}

json table_json(const lut::TableEntry& entry) {
  const lut::Table& table = entry.table;
  json t = {{"units", table.quantity().unit},
            {"long_name", table.quantity().long_name},
            {"bench", entry.bench},
            {"axes", json::array()},
            {"interpolation", json::array()},
            {"minimum", table.minimum()},
            {"maximum", table.maximum()},
            {"holdout_points", entry.accuracy.points},
            {"limit", limit_json(entry.limit)}};
  if (!entry.comment.empty()) t["comment"] = entry.comment;
  for (const lut::Axis& axis : table.axes()) t["axes"].push_back(axis_json(axis));
  for (const lut::Interpolation rule : table.interpolation())
    t["interpolation"].push_back(lut::to_string(rule));
  if (entry.accuracy.points == 0) return t;
  t["error_max_abs"] = entry.accuracy.max_abs;
  t["error_rms_abs"] = entry.accuracy.rms_abs;
  t["error_max_percent"] = entry.accuracy.max_percent;
  t["error_rms_percent"] = entry.accuracy.rms_percent;
  const lut::Accuracy working = lut::working_accuracy(table, entry.hold_out);
  if (working.points == 0) return t;
  t["working_points"] = working.points;
  t["working_error_max_abs"] = working.max_abs;
  t["working_error_rms_abs"] = working.rms_abs;
  return t;
}

json json_of(const lut::DeviceFile& device, const std::filesystem::path& path) {
  json out{{"file", path.string()},
           {"format", "device"},
           {"format_version", store::kDeviceFormat.version},
           {"conditions", conditions_json(device)},
           {"tables", json::object()},
           {"constants", json::object()},
           {"provenance", json::object()}};
  for (const lut::TableEntry& entry : device.tables())
    out["tables"][entry.table.name()] = table_json(entry);
  for (const lut::Constant& constant : device.constants())
    out["constants"][constant.quantity.name] = {{"value", constant.value},
                                                {"units", constant.quantity.unit},
                                                {"long_name", constant.quantity.long_name},
                                                {"bench", constant.bench}};
  for (const lut::Provenance& provenance : device.provenance())
    out["provenance"][provenance.bench] = provenance_json(provenance);
  return out;
}

TextTable tables_table(const lut::DeviceFile& device) {
  TextTable tables({{"table"},
                    {"from", kRight},
                    {"to", kRight},
                    {"axes"},
                    {"hold-out", kRight},
                    {"max error", kRight},
                    {"rms error", kRight},
                    {"max %", kRight},
                    {"rms %", kRight},
                    {"limit"}});
  for (const lut::TableEntry& entry : device.tables()) {
    const lut::Table& table = entry.table;
    const std::string& unit = table.quantity().unit;
    std::vector<std::string> row{table.name(), format_si(table.minimum(), unit),
                                 format_si(table.maximum(), unit), axes_text(table.axes()),
                                 std::to_string(entry.accuracy.points)};
    if (entry.accuracy.points > 0) {
      row.push_back(format_si(entry.accuracy.max_abs, unit, 3));
      row.push_back(format_si(entry.accuracy.rms_abs, unit, 3));
      row.push_back(percent_text(entry.accuracy.max_percent));
      row.push_back(percent_text(entry.accuracy.rms_percent));
    } else {
      row.insert(row.end(), 4, "-");
    }
    row.push_back(limits_text(entry.limit, unit));
    tables.row(std::move(row));
  }
  return tables;
}

std::vector<lut::Axis> axes_of(const lut::DeviceFile& device) {
  std::vector<lut::Axis> axes;
  for (const lut::TableEntry& entry : device.tables())
    for (const lut::Axis& axis : entry.table.axes())
      if (std::find(axes.begin(), axes.end(), axis) == axes.end()) axes.push_back(axis);
  return axes;
}

void say_contents(const lut::DeviceFile& device, const std::filesystem::path& path) {
  say("{}: device, format {}\n", path.string(), store::kDeviceFormat.version);
  if (const std::string at = conditions_text(device); !at.empty()) say("at {}\n", at);
  TextTable constants({{"constant"}, {"value", kRight}, {"what"}});
  for (const lut::Constant& constant : device.constants())
    constants.row({constant.quantity.name, quantity_text(constant.value, constant.quantity.unit),
                   constant.quantity.long_name});
  TextTable provenance({{"made by"}, {"from"}});
  for (const lut::Provenance& entry : device.provenance())
    provenance.row({entry.bench, provenance_text(entry)});
  for (const TextTable& part : {tables_table(device), working_table(device),
                                axes_table(axes_of(device)), constants, provenance})
    if (!part.empty()) say("\n{}", part.text());
}

json json_of(const lut::SamplesFile& samples, const std::filesystem::path& path) {
  json out{{"file", path.string()},
           {"format", "samples"},
           {"format_version", store::kSamplesFormat.version},
           {"program_version", samples.program_version},
           {"ngspice_version", samples.ngspice_version},
           {"benches", json::object()}};
  for (const lut::SampledBench& bench : samples.benches) {
    json& b = out["benches"][bench.name];
    b = {{"description", bench.description},
         {"points", bench.points()},
         {"failed", bench.failed()},
         {"holdout_points", std::count_if(bench.hold_out.begin(), bench.hold_out.end(),
                                          [](auto h) { return h != 0; })},
         {"axes", json::array()},
         {"measurements", json::object()},
         {"tables", json::object()},
         {"constants", json::object()},
         {"failures", json::array()},
         {"provenance", provenance_json(bench.provenance)}};
    for (const lut::Axis& axis : bench.axes) b["axes"].push_back(axis_json(axis));
    for (const auto& [name, series] : bench.measurements)
      b["measurements"][name] = {{"units", series.quantity.unit},
                                 {"long_name", series.quantity.long_name}};
    for (const lut::TableOrder& table : bench.tables)
      b["tables"][table.quantity.name] = {
          {"of", table.of}, {"over", table.over}, {"limit", limit_json(table.limit)}};
    for (const lut::Constant& constant : bench.constants)
      b["constants"][constant.quantity.name] = {{"value", constant.value},
                                                {"units", constant.quantity.unit}};
    for (const auto& [point, reason] : bench.failures)
      b["failures"].push_back({{"point", point}, {"reason", reason}});
  }
  return out;
}

void say_contents(const lut::SamplesFile& samples, const std::filesystem::path& path) {
  say("{}: samples, format {}; gaincell {}, ngspice {}\n", path.string(),
      store::kSamplesFormat.version, samples.program_version, samples.ngspice_version);
  for (const lut::SampledBench& bench : samples.benches) {
    say("\n{}: {}\n  {} points, {} failed; {}\n", bench.name, bench.description, bench.points(),
        bench.failed(), provenance_text(bench.provenance));
    TextTable measurements({{"measurement"}, {"unit"}, {"from", kRight}, {"to", kRight}, {"what"}});
    for (const auto& [name, series] : bench.measurements) {
      double low = 0, high = 0;
      bool any = false;
      for (const double value : series.values) {
        if (!std::isfinite(value)) continue;
        low = any ? std::min(low, value) : value;
        high = any ? std::max(high, value) : value;
        any = true;
      }
      const std::string& unit = series.quantity.unit;
      measurements.row({name, unit, any ? format_si(low, unit) : "-",
                        any ? format_si(high, unit) : "-",
                        series.quantity.long_name == name ? "" : series.quantity.long_name});
    }
    TextTable tables({{"table"}, {"of"}, {"over"}, {"limit"}});
    for (const lut::TableOrder& table : bench.tables)
      tables.row({table.quantity.name, table.of, fmt::format("{}", fmt::join(table.over, " ")),
                  limits_text(table.limit, table.quantity.unit)});
    TextTable failures({{"failed point", kRight}, {"reason"}});
    std::size_t listed = 0;
    for (const auto& [point, reason] : bench.failures)
      if (++listed <= 10) failures.row({std::to_string(point), reason});
    for (const TextTable& part : {axes_table(bench.axes), measurements, tables, failures})
      if (!part.empty()) say("{}", part.text(2));
    if (listed > 10) say("  and {} more\n", listed - 10);
  }
}

template <class File>
void show_file(const ShowOptions& options) {
  const File file = File::read(options.file);
  if (options.json) {
    fmt::print("{}\n", json_text(json_of(file, options.file), 2));
  } else {
    say_contents(file, options.file);
  }
}

void show_study(const ShowOptions& options) {
  const sweep::StudyResults study = sweep::read_results(options.file);
  const FrontFigures front = front_figures(study, options.front);
  if (options.json)
    fmt::print("{}\n", json_text(study_json(study, front), 2));
  else
    say("{}", study_text(study, front));
}

int show(const ShowOptions& options) {
  const store::ReadGroup root = store::Reader(options.file).root();
  const std::string format = root.text_attribute(store::kFormatName, "");
  if (format == store::kStudyFormat.name) {
    show_study(options);
    return 0;
  }
  if (!options.front.empty())
    throw Error({.place = "--front",
                 .rule = fmt::format("is of a study, and {} is none", options.file.string())});
  if (format == store::kSamplesFormat.name) {
    show_file<lut::SamplesFile>(options);
  } else if (format == store::kDeviceFormat.name) {
    show_file<lut::DeviceFile>(options);
  } else {
    throw Error({.place = options.file.string(),
                 .key = format.empty() ? "" : store::kFormatName,
                 .value = format,
                 .rule = format.empty()
                             ? "is HDF5, but no device, samples or study file of gaincell"
                             : "must be \"device\", \"samples\" or \"study\"",
                 .remedy = "`gaincell compile`, `gaincell characterize` and `gaincell sweep` write "
                           "such files"});
  }
  return 0;
}

}  // namespace

Run cmd_show(Arguments& app) {
  auto options = std::make_shared<ShowOptions>();
  app.add_option("file", options->file, "device, samples or study file").required();
  app.add_option("--front", options->front,
                 "of a study: the two figures of its Pareto front (default: energy and nats)")
      .delimiter(',')
      .one_at_a_time();
  app.add_flag("--json", options->json, "as JSON");
  return [options] { return show(*options); };
}

}  // namespace gaincell::cli
