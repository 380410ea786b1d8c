#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/files.h"
#include "base/units.h"
#include "cli/commands.h"
#include "cli/published_variant.h"
#include "cli/say.h"
#include "lut/current_csv.h"
#include "lut/gain_cell_device.h"
#include "lut/ideal_device.h"

namespace gaincell::cli {
namespace {

struct ImportOptions {
  std::string source;
  std::filesystem::path output;
  std::optional<double> v_in, s_sat_first_a, s_sat_second_a;
  lut::IdealPeriphery periphery;
  lut::CurrentCsvOptions csv;
  std::vector<std::string> columns;  // NAME=HEADER
  std::string voltage_unit, current_unit;
  std::vector<std::string> published_variant;
};

void take_dialect(ImportOptions& o) {
  lut::CsvDialect& dialect = o.csv.dialect;
  for (const std::string& word : o.columns) {
    const std::size_t equal = word.find('=');
    if (equal == std::string::npos || equal + 1 == word.size())
      throw Error({.key = "--columns",
                   .value = word,
                   .rule = "must be a column and its header's text or number",
                   .remedy = "give e.g. --columns V_store=vg,V_in=vd,I=id"});
    dialect.columns[word.substr(0, equal)] = word.substr(equal + 1);
  }
  if (!o.voltage_unit.empty()) dialect.units["V"] = o.voltage_unit;
  if (!o.current_unit.empty()) dialect.units["A"] = o.current_unit;
  if (!(o.csv.grid_tolerance_v >= 0 && o.csv.grid_tolerance_v <= 0.1))
    throw Error({.key = "--grid-tolerance",
                 .value = fmt::format("{}", o.csv.grid_tolerance_v),
                 .rule = "must lie in 0 .. 0.1 V"});
}

// Published full scales of the converters over the published cell's slope: 80 and 40 uA over
// 19.3 uA/V.
constexpr double kFirstFullScaleV = 80 / 19.3, kSecondFullScaleV = 40 / 19.3;

// What the user or the file says of units is taken, and what no cell has is told.
void warn_of_implausible(const std::string& source, const lut::CellCurrent& current,
                         const lut::IdealPeriphery& p) {
  double largest_a = 0;
  for (const double a : current.current_a) largest_a = std::max(largest_a, std::abs(a));
  constexpr double kImplausibleFullScaleA = 64 * lut::kImplausibleCurrentA;  // 64 cells on one
  const double full_scale_a = std::max(p.s_sat_first_a, p.s_sat_second_a);
  if (largest_a > lut::kImplausibleCurrentA || full_scale_a > kImplausibleFullScaleA)
    note(
        "gaincell: warning: {}: {} in one cell and a full scale of {} are implausible: no "
        "cell draws more than {}; check the unit\n",
        source, format_si(largest_a, "A"), format_si(full_scale_a, "A"),
        format_si(lut::kImplausibleCurrentA, "A"));
}

lut::DeviceFile imported(ImportOptions& o) {
  take_dialect(o);
  const lut::CurrentSurface surface = lut::read_current_csv(o.source, o.csv);
  require_output(o.output);
  const lut::CellCurrent current = surface.at(o.v_in.value_or(surface.highest_v_in()));
  lut::IdealPeriphery& p = o.periphery;
  const double slope = lut::slope_a_per_v(current, p.v_zero);
  if (!(slope > 0) && !(o.s_sat_first_a && o.s_sat_second_a))
    throw Error({.place = o.source,
                 .key = "I",
                 .value = fmt::format("slope {}", format_si(slope, "A/V")),
                 .rule = "the current must rise with V_store for the converters to be scaled by it",
                 .remedy = "turn its sign (positive is out of the bitline), or give "
                           "--s-sat-first and --s-sat-second"});
  p.s_sat_first_a = o.s_sat_first_a.value_or(kFirstFullScaleV * slope);
  p.s_sat_second_a = o.s_sat_second_a.value_or(kSecondFullScaleV * slope);
  lut::DeviceFile device = lut::ideal_device(current, p);
  say("read {}\n", surface.understood);
  warn_of_implausible(o.source, current, p);
  say("{}: {} stored voltages, slope {}, full scales {} and {}\n", current.comment,
      current.v_store.size(), format_si(slope, "A/V"), format_si(p.s_sat_first_a, "A"),
      format_si(p.s_sat_second_a, "A"));
  return device;
}

// The published device is what was published; nothing of it can be set but which of its variants.
void refuse_all_but_output(const Arguments& app) {
  for (const std::string& name : app.given())
    if (name != "source" && name != "--output" && name != "--published-variant")
      throw Error({.place = name,
                   .rule = "has no effect on the published device",
                   .remedy = "drop it, or import a CSV"});
}

int import(ImportOptions& o) {
  for (const auto& [value, name] : {std::pair{o.periphery.t_max_s, "--t-max"},
                                    {o.periphery.v_dd, "--v-dd"},
                                    {o.periphery.v_zero, "--v-zero"},
                                    {o.periphery.retention_tau_s, "--tau"},
                                    {o.periphery.latency_s, "--latency"},
                                    {o.s_sat_first_a.value_or(1), "--s-sat-first"},
                                    {o.s_sat_second_a.value_or(1), "--s-sat-second"}})
    if (!(value > 0 && std::isfinite(value)))
      throw Error({.key = name, .value = fmt::format("{}", value), .rule = "must be positive"});
  const bool published = o.source == "published";
  if (!published && !o.published_variant.empty())
    throw Error({.place = "--published-variant",
                 .rule = "has no effect on an imported current",
                 .remedy = "drop it, or import `published`"});
  lut::DeviceFile device =
      published ? lut::published_device(parse_published_variant(o.published_variant)) : imported(o);
  device.write(o.output);
  say("wrote {}\n", o.output.string());
  return 0;
}

}  // namespace

Run cmd_import(Arguments& app) {
  auto o = std::make_shared<ImportOptions>();
  app.add_option("source", o->source,
                 "CSV with columns V_store, V_in and I (V and A where the header names no unit; I "
                 "positive out of the bitline); or `published`: the authors' cubic")
      .required();
  app.add_option("-o,--output", o->output, "device file to write").required();
  declare_published_variant(app, o->published_variant);
  app.add_option("--v-in", o->v_in, "read voltage, V (default: the highest in the table)");
  app.add_option("--s-sat-first", o->s_sat_first_a,
                 "full scale of the first converter, A (default: 4.145 V x the current's slope)");
  app.add_option("--s-sat-second", o->s_sat_second_a,
                 "full scale of the second converter, A (default: 2.073 V x the slope)");
  app.add_option("--tau", o->periphery.retention_tau_s, "time constant of the stored voltage, s");
  app.add_option("--t-max", o->periphery.t_max_s, "longest input pulse, s");
  app.add_option("--v-dd", o->periphery.v_dd, "supply, V");
  app.add_option("--v-zero", o->periphery.v_zero, "stored voltage that means zero, V");
  app.add_option("--latency", o->periphery.latency_s, "both stages of one token, s");
  app.add_option("--columns", o->columns,
                 "which columns of the CSV are meant, by name or number: V_store=vg,V_in=vd,I=id")
      .delimiter(',');
  app.add_option("--voltage-unit", o->voltage_unit, "of a header without: V, mV ..");
  app.add_option("--current-unit", o->current_unit, "of a header without: A, mA, uA, nA ..");
  app.add_option("--separator", o->csv.dialect.separator, "comma, semicolon, tab or blank");
  app.add_option("--decimal", o->csv.dialect.decimal, "point or comma");
  app.add_option("--encoding", o->csv.dialect.encoding, "utf-8, utf-16le, utf-16be or latin-1");
  app.add_option("--grid-tolerance", o->csv.grid_tolerance_v,
                 "V that voltages which were read back may lie apart and mean one");
  app.footer(
      "The device has the given current and ideal surroundings: a bitline that does not move, "
      "converters\nthat are clamps, exact writes, the published latency. A current says nothing of "
      "energies: only\n`published` has them, its own.");
  return [o, &app] {
    if (o->source == "published") refuse_all_but_output(app);
    return import(*o);
  };
}

}  // namespace gaincell::cli
