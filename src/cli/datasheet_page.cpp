#include "cli/datasheet_page.h"

#include <fmt/format.h>

#include "base/files.h"
#include "base/units.h"
#include "base/version.h"
#include "cli/say.h"
#include "report/markdown_table.h"

namespace gaincell::cli {
namespace {

using characterize::BenchDatasheet;
using characterize::DatasheetRow;

std::string number(const std::optional<double>& value) { return value ? format_exact(*value) : ""; }

std::string bench_page(const BenchDatasheet& bench) {
  std::string text = fmt::format("## {}\n\n", bench.name);
  if (!bench.description.empty()) text += bench.description + "\n\n";
  report::MarkdownTable conditions({"condition", "values", "unit", "what"});
  for (const auto& one : bench.conditions)
    conditions.row({one.name, one.values, one.unit, one.description});
  if (!bench.conditions.empty()) text += conditions.text() + "\n";
  report::MarkdownTable results({"parameter", "min", "typ", "max", "unit", "limit", "status"});
  for (const DatasheetRow& row : bench.rows) {
    const bool any = row.points > 0;
    results.row({row.name, any ? format_exact(row.minimum) : "",
                 any ? format_exact(row.median) : "", any ? format_exact(row.maximum) : "",
                 row.unit, row.limit(), row.status()});
  }
  text += results.text();
  if (bench.draws > 1) {
    text += fmt::format("\nSpread over {} draws; of several points the widest:\n\n", bench.draws);
    report::MarkdownTable spread({"parameter", "mean", "sigma", "unit"});
    for (const DatasheetRow& row : bench.rows)
      spread.row({row.name, number(row.mean), number(row.sigma), row.unit});
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

}  // namespace

std::string datasheet_page(const characterize::Datasheet& sheet) {
  std::string text = "# Datasheet\n\n";
  text += fmt::format(
      "gaincell {}, ngspice {}. SI units, full precision; `min` and `max` over all points but the "
      "hold-out points, `typ` is their median.\n",
      kVersion, sheet.ngspice_version);
  for (const BenchDatasheet& bench : sheet.benches) text += fmt::format("\n{}", bench_page(bench));
  return text;
}

bool check_specifications(const DatasheetRequest& request) {
  const characterize::Datasheet sheet = characterize::read_datasheet(request.samples);
  if (!request.page.empty()) {
    write_file(request.page, datasheet_page(sheet));
    if (!request.quiet) say("wrote {}\n", request.page);
  }
  const auto misses = sheet.misses();
  if (!request.quiet) {
    for (const std::string& miss : misses) say("specification missed: {}\n", miss);
  }
  return misses.empty();
}

}  // namespace gaincell::cli
