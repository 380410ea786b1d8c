#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "base/error.h"
#include "page/sections.h"
#include "plot/samples_charts.h"

namespace gaincell::page {
namespace {

using characterize::BenchDatasheet;
using characterize::DatasheetRow;

// One limit of one measurement, against the worst that was measured.
struct Held {
  const char* kind;
  double limit, worst;
  std::string at;
  bool holds;
};

std::vector<Held> held_limits(const DatasheetRow& row) {
  std::vector<Held> all;
  if (row.points == 0) return all;
  if (row.spec.minimum)
    all.push_back({"at least", *row.spec.minimum, row.minimum, row.minimum_at,
                   row.minimum >= *row.spec.minimum});
  if (row.spec.maximum)
    all.push_back({"at most", *row.spec.maximum, row.maximum, row.maximum_at,
                   row.maximum <= *row.spec.maximum});
  if (row.spec.sigma && row.sigma)
    all.push_back({"sigma at most", *row.spec.sigma, *row.sigma, row.sigma_at,
                   *row.sigma <= *row.spec.sigma});
  return all;
}

// What all of a bench's points have in common.
std::string fixed_words(const BenchDatasheet& bench) {
  std::string text;
  for (const characterize::DatasheetCondition& one : bench.conditions)
    if (one.numbers.size() == 1)
      text += fmt::format("{}{} {}", text.empty() ? "" : ", ", one.name, one.values);
  return text;
}

std::string limits_html(const characterize::Datasheet& sheet) {
  Table rows({"limit of", "bench", "limit", "value", "worst case", "room", "at", "everywhere at",
              "verdict"});
  for (const BenchDatasheet& bench : sheet.benches)
    for (const DatasheetRow& row : bench.rows) {
      for (const Held& one : held_limits(row)) {
        const double room = one.kind == std::string_view("at least") ? one.worst - one.limit
                                                                     : one.limit - one.worst;
        rows.row({code(row.name), code(bench.name), words(one.kind), number(one.limit, row.unit),
                  number(one.worst, row.unit), number(room, row.unit), words(one.at),
                  words(fixed_words(bench)), verdict(one.holds)});
      }
      if (row.specified && row.failed > 0)
        rows.row({code(row.name), code(bench.name), words("a number at every point"), none(),
                  words(fmt::format("{} points without", row.failed)), none(), words(row.failed_at),
                  verdict(false)});
    }
  return rows.empty() ? paragraph("The benches state no limits.") : rows.html();
}

std::string range_words(const DatasheetRow& row) {
  if (row.points <= 1 || !(row.minimum < row.maximum)) return "";
  return fmt::format("least at {}, greatest at {}", row.minimum_at, row.maximum_at);
}

std::string rows_html(const BenchDatasheet& bench) {
  std::vector<std::string> head{"parameter", "min", "typ", "max"};
  if (bench.draws > 1) head.insert(head.end(), {"mean", "sigma"});
  head.insert(head.end(), {"where", "what"});
  Table rows(head);
  const auto value = [](const DatasheetRow& row, const std::optional<double>& one) {
    return one && row.points > 0 ? number(*one, row.unit) : none();
  };
  for (const DatasheetRow& row : bench.rows) {
    std::vector<Cell> cells{code(row.name), value(row, row.minimum), value(row, row.median),
                            value(row, row.maximum)};
    if (bench.draws > 1) {
      cells.push_back(value(row, row.mean));
      cells.push_back(value(row, row.sigma));
    }
    std::string where = range_words(row);
    if (row.failed > 0)
      where +=
          fmt::format("{}{} of {} points without a number, first {}", where.empty() ? "" : "; ",
                      row.failed, row.failed + row.points, row.failed_at);
    cells.push_back(words(where));
    cells.push_back(words(row.description == row.name ? "" : row.description));
    rows.row(std::move(cells));
  }
  return rows.html();
}

std::string bench_html(const BenchDatasheet& bench) {
  std::string text = heading(4, bench.name);
  if (!bench.description.empty()) text += paragraph(bench.description);
  std::vector<std::string> conditions;
  for (const characterize::DatasheetCondition& one : bench.conditions)
    conditions.push_back(fmt::format("{}: {}{}", one.name, one.values,
                                     one.description.empty() ? "" : ", " + one.description));
  if (bench.draws > 1) conditions.push_back(fmt::format("{} draws a point", bench.draws));
  return text + list(conditions) + rows_html(bench);
}

// What tables and spreads are made of, and what has a limit.
std::vector<std::string> drawn_names(const lut::SamplesFile& samples,
                                     const characterize::Datasheet& sheet) {
  std::vector<std::string> names = plot::main_chart_names(samples);
  for (const BenchDatasheet& bench : sheet.benches)
    for (const DatasheetRow& row : bench.rows) {
      const std::string name = bench.name + "." + row.name;
      if (row.specified && row.points > 1 &&
          std::find(names.begin(), names.end(), name) == names.end())
        names.push_back(name);
    }
  return names;
}

std::string pictures_html(const lut::SamplesFile& samples, const characterize::Datasheet& sheet,
                          const std::string& id) {
  Gallery gallery(id);
  std::vector<std::string> without;
  for (const std::string& name : drawn_names(samples, sheet)) {
    try {
      gallery.add(plot::samples_chart(samples, name));
    } catch (const Error& error) {
      // Said instead of drawn: a measurement that is the same at every draw has no spread.
      if (error.complaint().place == "gnuplot") throw;
      without.push_back(fmt::format("{}: no picture, it {}", name, error.complaint().rule));
    }
  }
  return gallery.html() + list(without);
}

}  // namespace

Section campaign_section(const lut::SamplesFile& samples, const characterize::Datasheet& sheet,
                         const Source& source, const std::string& id) {
  std::size_t points = 0, failed = 0;
  for (const lut::SampledBench& bench : samples.benches) {
    points += bench.points();
    failed += bench.failed();
  }
  const std::vector<std::string> misses = sheet.misses();
  std::string body = paragraph(fmt::format(
      "{} benches, {} points, {} of them without a result; gaincell {}, ngspice {}. SHA-256 of the "
      "file: {}",
      samples.benches.size(), points, failed, samples.program_version, samples.ngspice_version,
      source.sha256));
  body += heading(3, "Limits");
  if (!misses.empty()) body += paragraph(fmt::format("{} missed:", misses.size())) + list(misses);
  body += limits_html(sheet);
  body += heading(3, "Pictures") + pictures_html(samples, sheet, id);
  body += heading(3, "Datasheet");
  body += paragraph(
      "min and max over all points but those that are kept from tables; typ is their median.");
  for (const BenchDatasheet& bench : sheet.benches) body += bench_html(bench);
  return {.id = id, .title = "Campaign " + source.file, .body = std::move(body)};
}

}  // namespace gaincell::page
