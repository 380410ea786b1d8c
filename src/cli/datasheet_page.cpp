#include "cli/datasheet_page.h"

#include <fmt/format.h>

#include <array>
#include <cstddef>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/files.h"
#include "base/json.h"
#include "base/si_prefix.h"
#include "base/text.h"
#include "base/units.h"
#include "base/version.h"
#include "cli/say.h"
#include "report/markdown_table.h"

namespace gaincell::cli {
namespace {

using characterize::BenchDatasheet;
using characterize::DatasheetRow;

std::string for_people(const std::optional<double>& value, const std::string& unit) {
  return value ? told(*value, unit) : "";
}

std::string bench_page(const BenchDatasheet& bench) {
  std::string text = fmt::format("## {}\n\n", bench.name);
  if (!bench.description.empty()) text += bench.description + "\n\n";
  report::MarkdownTable conditions({"condition", "values", "what"});
  for (const auto& one : bench.conditions) conditions.row({one.name, one.values, one.description});
  if (!bench.conditions.empty()) text += conditions.text() + "\n";
  report::MarkdownTable results({"parameter", "min", "typ", "max", "limit", "status"});
  for (const DatasheetRow& row : bench.rows) {
    const bool any = row.points > 0;
    results.row({row.name, any ? told(row.minimum, row.unit) : "",
                 any ? told(row.median, row.unit) : "", any ? told(row.maximum, row.unit) : "",
                 row.limit(), row.status()});
  }
  text += results.text();
  if (bench.draws > 1) {
    text += fmt::format("\nSpread over {} draws; of several points the widest:\n\n", bench.draws);
    report::MarkdownTable spread({"parameter", "mean", "sigma"});
    for (const DatasheetRow& row : bench.rows)
      spread.row({row.name, for_people(row.mean, row.unit), for_people(row.sigma, row.unit)});
    text += spread.text();
  }
  std::string notes;
  for (const DatasheetRow& row : bench.rows) {
    if (row.failed > 0)
      notes += fmt::format("- `{}`: {} of {} points have no number, first {}\n", row.name,
                           row.failed, row.failed + row.points, row.failed_at);
    if (row.points > 1 && row.minimum < row.maximum)
      notes += fmt::format("- `{}`: least at {}, greatest at {}\n", row.name, row.minimum_at,
                           row.maximum_at);
    if (row.description != row.name)
      notes += fmt::format("- `{}`: {}\n", row.name, row.description);
  }
  return notes.empty() ? text : text + "\n" + notes;
}

nlohmann::ordered_json or_null(const std::optional<double>& value) {
  return value ? nlohmann::ordered_json(*value) : nlohmann::ordered_json(nullptr);
}

nlohmann::ordered_json row_json(const DatasheetRow& row) {
  const bool any = row.points > 0;
  nlohmann::ordered_json out{{"units", row.unit},
                             {"long_name", row.description},
                             {"points", row.points},
                             {"failed", row.failed}};
  const auto value = [any](double number) { return any ? number_or_null(number) : nullptr; };
  out["minimum"] = value(row.minimum);
  out["minimum_at"] = row.minimum_at;
  out["typical"] = value(row.median);
  out["maximum"] = value(row.maximum);
  out["maximum_at"] = row.maximum_at;
  out["mean"] = or_null(row.mean);
  out["sigma"] = or_null(row.sigma);
  out["limit"] = {{"minimum", or_null(row.spec.minimum)},
                  {"typical", or_null(row.spec.typical)},
                  {"maximum", or_null(row.spec.maximum)},
                  {"sigma", or_null(row.spec.sigma)}};
  out["status"] = row.status();
  return out;
}

nlohmann::ordered_json condition_json(const characterize::DatasheetCondition& condition) {
  nlohmann::ordered_json out{{"units", condition.unit}, {"long_name", condition.description}};
  if (condition.words.empty()) {
    out["values"] = condition.numbers;
    return out;
  }
  out["values"] = nlohmann::ordered_json::array();
  for (const double number : condition.numbers)
    if (number >= 0 && number < static_cast<double>(condition.words.size()))
      out["values"].push_back(condition.words[static_cast<std::size_t>(number)]);
  return out;
}

// RFC 4180.
std::string csv_field(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string out = "\"";
  for (const char c : text) out += c == '"' ? std::string("\"\"") : std::string(1, c);
  return out + "\"";
}

}  // namespace

std::string datasheet_json(const characterize::Datasheet& sheet) {
  nlohmann::ordered_json out{{"program_version", kVersion},
                             {"ngspice_version", sheet.ngspice_version},
                             {"missed", sheet.misses()},
                             {"benches", nlohmann::ordered_json::object()}};
  for (const BenchDatasheet& bench : sheet.benches) {
    auto& to = out["benches"][bench.name];
    to = {{"description", bench.description}, {"draws", bench.draws}};
    to["conditions"] = to["measurements"] = nlohmann::ordered_json::object();
    for (const auto& one : bench.conditions) to["conditions"][one.name] = condition_json(one);
    for (const DatasheetRow& row : bench.rows) to["measurements"][row.name] = row_json(row);
  }
  return json_text(out, 2) + "\n";
}

std::string datasheet_csv(const characterize::Datasheet& sheet) {
  std::string text =
      "bench,measurement,unit,points,failed,minimum,minimum_at,typical,maximum,maximum_at,mean,"
      "sigma,limit_minimum,limit_typical,limit_maximum,limit_sigma,status,what\n";
  const auto exact = [](const std::optional<double>& value) {
    return value ? format_exact(*value) : "";
  };
  for (const BenchDatasheet& bench : sheet.benches)
    for (const DatasheetRow& row : bench.rows) {
      const auto value = [&](double number) { return row.points > 0 ? format_exact(number) : ""; };
      const std::array fields{bench.name,
                              row.name,
                              row.unit,
                              std::to_string(row.points),
                              std::to_string(row.failed),
                              value(row.minimum),
                              row.minimum_at,
                              value(row.median),
                              value(row.maximum),
                              row.maximum_at,
                              exact(row.mean),
                              exact(row.sigma),
                              exact(row.spec.minimum),
                              exact(row.spec.typical),
                              exact(row.spec.maximum),
                              exact(row.spec.sigma),
                              row.status(),
                              row.description};
      std::string line;
      for (const std::string& field : fields) line += (line.empty() ? "" : ",") + csv_field(field);
      text += line + "\n";
    }
  return text;
}

std::string datasheet_for(const characterize::Datasheet& sheet, const std::filesystem::path& file) {
  const std::string ending = lower(file.extension().string());
  if (ending == ".json") return datasheet_json(sheet);
  if (ending == ".csv") return datasheet_csv(sheet);
  return datasheet_page(sheet);
}

std::string datasheet_page(const characterize::Datasheet& sheet) {
  std::string text = "# Datasheet\n\n";
  text += fmt::format(
      "gaincell {}, ngspice {}. `min` and `max` over all points but the hold-out points, `typ` is "
      "their median. In full precision: `gaincell datasheet --json`, or `-o X.csv`.\n",
      kVersion, sheet.ngspice_version);
  for (const BenchDatasheet& bench : sheet.benches) text += fmt::format("\n{}", bench_page(bench));
  return text;
}

bool check_specifications(const DatasheetRequest& request) {
  const characterize::Datasheet sheet = characterize::read_datasheet(request.samples);
  if (!request.page.empty()) {
    write_file(request.page, datasheet_for(sheet, request.page));
    if (!request.quiet) say("wrote {}\n", request.page);
  }
  const auto misses = sheet.misses();
  if (!request.quiet) {
    for (const std::string& miss : misses) say("specification missed: {}\n", miss);
  }
  return misses.empty();
}

}  // namespace gaincell::cli
