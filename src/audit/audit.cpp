#include "audit/audit.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

#include "attention/quantiser.h"
#include "base/error.h"
#include "base/json.h"
#include "base/store/formats.h"
#include "base/store/writer.h"
#include "base/version.h"

namespace gaincell::audit {
namespace {

constexpr std::size_t kWorst = 5;
constexpr int kBins = 21;  // of a histogram, -1.05 .. 1.05 of its range

double column_pulse_s(const attention::Circuit& circuit,
                      const attention::Circuit::Converter& converter, const ColumnCase& column) {
  return converter.pulse_s(
      attention::column_charge_c(circuit, converter, column.v_store, column.width_s));
}

Comparison compare(std::vector<ColumnCase> cases, const std::vector<Replayed>& spice,
                   const std::vector<double>& column_s) {
  Comparison comparison;
  for (std::size_t i = 0; i < cases.size(); ++i)
    comparison.columns.push_back({cases[i].place, spice[i].ok, spice[i].reason, spice[i].pulse_s,
                                  column_s[i], cases[i].fast_pulse_s});
  comparison.cases = std::move(cases);
  return comparison;
}

// The drawn columns of one stage, all levels on the fast level's inputs.
Comparison replay_columns(const std::vector<ColumnCase>& cases, const attention::Circuit& circuit,
                          const attention::Circuit::Converter& converter, ColumnBench& bench,
                          const characterize::SimulateOptions& options) {
  std::vector<double> column_s;
  for (const ColumnCase& column : cases)
    column_s.push_back(column_pulse_s(circuit, converter, column));
  return compare(cases, bench.run(cases, options), column_s);
}

using Arrays = std::vector<std::vector<ColumnCase>>;

// All columns of some arrays: in arrays where there is a bench for them, and by themselves.
Comparison replay_arrays(const Arrays& arrays, const std::vector<double>& column_s,
                         ColumnBench& column_bench, const std::optional<ArrayBench>& array_bench,
                         const characterize::SimulateOptions& options) {
  std::vector<ColumnCase> columns;
  for (const auto& array : arrays) columns.insert(columns.end(), array.begin(), array.end());
  const auto alone = column_bench.run(columns, options);
  if (!array_bench) return compare(std::move(columns), alone, column_s);
  Comparison comparison = compare(std::move(columns), array_bench->run(arrays, options), column_s);
  for (std::size_t i = 0; i < alone.size(); ++i) {
    Compared& column = comparison.columns[i];
    column.alone_s = alone[i].pulse_s;
    if (!column.ok || alone[i].ok) continue;
    column.ok = false;
    column.reason = alone[i].reason;
  }
  return comparison;
}

void replay_tiles(Audit& audit, const std::vector<TileCase>& tiles,
                  const attention::Circuit& circuit, ColumnBenches& benches,
                  const characterize::SimulateOptions& options) {
  Arrays first, second;
  std::vector<double> first_s, second_s;  // of the column level
  for (const TileCase& tile : tiles) {
    first.push_back(tile.first);
    for (const ColumnCase& column : tile.first)
      first_s.push_back(column_pulse_s(circuit, circuit.relu, column));
  }
  audit.tile_first = replay_arrays(first, first_s, benches.first, benches.first_array, options);
  // Each level goes on with its own pulses; a sub-tile that SPICE could not finish is left out.
  std::size_t at = 0;
  for (const TileCase& tile : tiles) {
    const auto begin = audit.tile_first.columns.begin() + static_cast<std::ptrdiff_t>(at);
    const auto end = begin + static_cast<std::ptrdiff_t>(tile.first.size());
    at += tile.first.size();
    if (!std::all_of(begin, end, [](const Compared& c) { return c.ok; })) continue;
    std::vector<ColumnCase> array;
    for (ColumnCase column : tile.second) {
      for (std::size_t i = 0; i < tile.first.size(); ++i) column.width_s[i] = begin[i].column_s;
      second_s.push_back(column_pulse_s(circuit, circuit.differential, column));
      for (std::size_t i = 0; i < tile.first.size(); ++i) column.width_s[i] = begin[i].spice_s;
      array.push_back(std::move(column));
    }
    second.push_back(std::move(array));
  }
  audit.tile_second =
      replay_arrays(second, second_s, benches.second, benches.second_array, options);
  audit.whole_arrays = benches.first_array.has_value();
}

std::vector<double> errors(const Comparison& comparison, double Compared::*level, double unit_s) {
  std::vector<double> all;
  for (const Compared& c : comparison.columns)
    if (c.ok) all.push_back((c.*level - c.spice_s) / unit_s);
  return all;
}

nlohmann::ordered_json histogram(const std::vector<double>& errors, const char* unit) {
  double range = 0;
  for (const double e : errors) range = std::max(range, std::abs(e));
  std::vector<double> edges;
  std::vector<std::size_t> count(kBins, 0);
  for (int i = 0; i <= kBins; ++i) edges.push_back(range * (2.0 * i / kBins - 1));
  for (const double e : errors) {
    const double share = range > 0 ? (e / range + 1) / 2 : 0.5;
    ++count[static_cast<std::size_t>(std::clamp(static_cast<int>(share * kBins), 0, kBins - 1))];
  }
  return {{"unit", unit}, {"edges", edges}, {"count", count}};
}

nlohmann::ordered_json place_json(const Place& p) {
  return {{"layer", p.layer},
          {"head", p.head},
          {"token", p.token},
          {"sub_tile", p.sub_tile},
          {"column", p.column}};
}

nlohmann::ordered_json worst_json(const Comparison& comparison) {
  auto all = nlohmann::ordered_json::array();
  for (const std::size_t i : comparison.worst(&Compared::column_s, kWorst)) {
    const Compared& c = comparison.columns[i];
    nlohmann::ordered_json json = place_json(c.place);
    json["index"] = i;
    json["spice_s"] = c.spice_s;
    json["column_s"] = c.column_s;
    json["fast_s"] = c.fast_s;
    all.push_back(std::move(json));
  }
  return all;
}

nlohmann::ordered_json failures_json(const Comparison& comparison) {
  auto all = nlohmann::ordered_json::array();
  for (const Compared& c : comparison.columns)
    if (!c.ok) {
      nlohmann::ordered_json json = place_json(c.place);
      json["reason"] = c.reason;
      all.push_back(std::move(json));
    }
  return all;
}

// Bars of a histogram, for a terminal.
std::string bars(const std::vector<double>& errors, const char* unit) {
  const auto json = histogram(errors, unit);
  const auto counts = json["count"].get<std::vector<std::size_t>>();
  const auto edges = json["edges"].get<std::vector<double>>();
  const std::size_t most =
      std::max<std::size_t>(1, *std::max_element(counts.begin(), counts.end()));
  std::string text;
  for (int i = 0; i < kBins; ++i)
    text += fmt::format("  {:>9.4f} {:<40} {}\n", (edges[i] + edges[i + 1]) / 2,
                        std::string(counts[i] * 40 / most, '#'), counts[i]);
  return text;
}

std::string worst_text(const char* name, const Comparison& comparison) {
  std::string text;
  for (const std::size_t i : comparison.worst(&Compared::column_s, 3)) {
    const Compared& c = comparison.columns[i];
    text += fmt::format(
        "{} stage, index {}: layer {} head {} token {} sub-tile {} column {}: SPICE {:.4f} ns, "
        "column {:+.2f} ps, fast {:+.2f} ps\n",
        name, i, c.place.layer, c.place.head, c.place.token, c.place.sub_tile, c.place.column,
        c.spice_s * 1e9, (c.column_s - c.spice_s) * 1e12, (c.fast_s - c.spice_s) * 1e12);
  }
  for (const Compared& c : comparison.columns)
    if (!c.ok) text += fmt::format("{} stage: no pulse from SPICE: {}\n", name, c.reason);
  return text;
}

}  // namespace

std::size_t Comparison::failed() const {
  return static_cast<std::size_t>(
      std::count_if(columns.begin(), columns.end(), [](const Compared& c) { return !c.ok; }));
}

Deviation Comparison::of(double Compared::*level, double unit_s) const {
  return Deviation::of(errors(*this, level, unit_s));
}

double Comparison::counts_that_differ(double Compared::*level, double full_scale_s,
                                      int levels) const {
  const attention::Quantiser counter(-1.0, 1.0, levels);
  std::size_t differ = 0, all = 0;
  for (const Compared& c : columns) {
    if (!c.ok) continue;
    ++all;
    if (counter.index(c.*level / full_scale_s) != counter.index(c.spice_s / full_scale_s)) ++differ;
  }
  return all > 0 ? static_cast<double>(differ) / static_cast<double>(all) : 0.0;
}

std::vector<std::size_t> Comparison::worst(double Compared::*level, std::size_t n) const {
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i < columns.size(); ++i)
    if (columns[i].ok) order.push_back(i);
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return std::abs(columns[a].*level - columns[a].spice_s) >
           std::abs(columns[b].*level - columns[b].spice_s);
  });
  order.resize(std::min(n, order.size()));
  return order;
}

namespace {

void require_any(const Comparison& comparison, const std::string& bench) {
  if (comparison.columns.empty() || comparison.failed() < comparison.columns.size()) return;
  throw Error({.place = "gaincell audit",
               .value = comparison.columns.front().reason,
               .rule = "not one column could be simulated",
               .remedy = "run " + bench + " by `gaincell characterize` to see why"});
}

}  // namespace

Audit replay(const Cases& cases, const attention::Circuit& circuit, ColumnBenches& benches,
             const characterize::SimulateOptions& options) {
  ColumnBench& first = benches.first_written ? *benches.first_written : benches.first;
  ColumnBench& second = benches.second;
  Audit audit;
  audit.written_cells = first.writes_cells();
  audit.t_max_s = circuit.t_max_s;
  audit.full_scale_s = circuit.differential.full_scale_s;
  audit.output_levels = circuit.output_levels;
  audit.first = replay_columns(cases.first, circuit, circuit.relu, first, options);
  audit.second = replay_columns(cases.second, circuit, circuit.differential, second, options);
  if (!cases.tiles.empty()) replay_tiles(audit, cases.tiles, circuit, benches, options);
  require_any(audit.tile_first,
              benches.first_array ? benches.first_array->path() : benches.first.path());
  for (const auto& [comparison, bench] :
       {std::pair{&audit.first, &first}, {&audit.second, &second}}) {
    if (comparison->columns.empty()) continue;
    require_any(*comparison, bench->path());
    audit.worst_decks.push_back(
        bench->deck(comparison->cases[comparison->worst(&Compared::column_s, 1).front()]));
  }
  return audit;
}

std::pair<const Comparison*, const Comparison*> Audit::shown() const {
  if (first.columns.empty()) return {&tile_first, &tile_second};
  return {&first, &second};
}

nlohmann::ordered_json Audit::to_json() const {
  const double percent_s = t_max_s / 100;
  nlohmann::ordered_json json{{"columns", first.columns.size()},
                              {"first_stage_cells", written_cells ? "written" : "set"},
                              {"failed", {{"first", first.failed()}, {"second", second.failed()}}},
                              {"lsb_s", lsb_s()}};
  const auto level = [&](double Compared::*of, const Comparison& one, const Comparison& two) {
    const Deviation pulse = one.of(of, percent_s), output = two.of(of, lsb_s());
    return nlohmann::ordered_json{
        {"pulse_rms_percent", pulse.rms},
        {"pulse_max_percent", pulse.max},
        {"pulse_bias_percent", pulse.bias},
        {"output_rms_lsb", output.rms},
        {"output_max_lsb", output.max},
        {"output_bias_lsb", output.bias},
        {"counts_that_differ", two.counts_that_differ(of, full_scale_s, output_levels)}};
  };
  if (!first.columns.empty()) {
    json["column"] = level(&Compared::column_s, first, second);
    json["fast"] = level(&Compared::fast_s, first, second);
  }
  if (!tile_first.columns.empty()) {
    json["sub_tiles"] = {
        {"simulated", whole_arrays ? "arrays" : "columns"},
        {"columns_first", tile_first.columns.size()},
        {"columns_second", tile_second.columns.size()},
        {"failed", {{"first", tile_first.failed()}, {"second", tile_second.failed()}}},
        {"column", level(&Compared::column_s, tile_first, tile_second)},
        {"fast", level(&Compared::fast_s, tile_first, tile_second)}};
    if (whole_arrays)
      json["sub_tiles"]["alone"] = level(&Compared::alone_s, tile_first, tile_second);
  }
  const auto [one, two] = shown();
  json["histogram"] = {
      {"pulse", histogram(errors(*one, &Compared::column_s, percent_s), "percent of T_max")},
      {"output", histogram(errors(*two, &Compared::column_s, lsb_s()), "LSB")}};
  json["worst"] = {{"first", worst_json(*one)}, {"second", worst_json(*two)}};
  json["failures"] = {{"first", failures_json(*one)}, {"second", failures_json(*two)}};
  return json;
}

std::string Audit::brief() const {
  const auto json = to_json();
  std::string text = fmt::format("{}\nLSB = {:.4g} ns\n", title, lsb_s() * 1e9);
  const auto row = [&](const std::string& name, const nlohmann::ordered_json& level,
                       const std::string& what, const char* unit) {
    text += fmt::format("{:<26}{:>12.4f}{:>12.4f}{:>12.4f}  {}\n", name,
                        level.at(what + "_rms_" + unit).get<double>(),
                        level.at(what + "_max_" + unit).get<double>(),
                        level.at(what + "_bias_" + unit).get<double>(),
                        std::string(unit) == "lsb" ? "LSB" : "% of T_max");
  };
  const auto table = [&](const std::string& head, const nlohmann::ordered_json& of) {
    text += fmt::format("\n{}\n{:<26}{:>12}{:>12}{:>12}\n", head, "against SPICE", "rms", "max",
                        "bias");
    for (const char* level : {"column", "fast", "alone"}) {
      if (!of.contains(level)) continue;
      row(fmt::format("first, {}", level), of.at(level), "pulse", "percent");
      row(fmt::format("second, {}", level), of.at(level), "output", "lsb");
    }
    for (const char* level : {"column", "fast", "alone"})
      if (of.contains(level))
        text += fmt::format("counts that differ, {}: {:.2f} %\n", level,
                            100 * of.at(level).at("counts_that_differ").get<double>());
  };
  if (!first.columns.empty())
    table(fmt::format("{} columns of each stage, transistor by transistor\n"
                      "cells of the first stage: {}",
                      first.columns.size(),
                      written_cells ? "written through their drivers, held for their age, and read"
                                    : "set to what the tables say they hold"),
          json);
  if (!tile_first.columns.empty())
    table(
        fmt::format("whole sub-tiles, both arrays in a chain: {} and {} columns, {}",
                    tile_first.columns.size(), tile_second.columns.size(),
                    whole_arrays ? "whole arrays with all that their columns share; `alone`: each "
                                   "column by itself in SPICE"
                                 : "each by itself"),
        json.at("sub_tiles"));
  const auto [one, two] = shown();
  text += "\nfirst stage, column level, % of T_max\n" +
          bars(errors(*one, &Compared::column_s, t_max_s / 100), "");
  text +=
      "\nsecond stage, column level, LSB\n" + bars(errors(*two, &Compared::column_s, lsb_s()), "");
  text += worst_text("first", *one) + worst_text("second", *two);
  return text;
}

void Audit::write(const std::filesystem::path& path, const std::string& settings) const {
  store::Writer writer(path);
  store::Group root = writer.root();
  store::write_format(root, store::kAuditFormat);
  root.attribute(store::kProgramVersion, kVersion);
  root.attribute("settings", settings);
  root.attribute("summary", json_text(to_json()));
  root.attribute("lsb_s", lsb_s());
  root.attribute("t_max_s", t_max_s);
  const std::pair<const char*, const Comparison*> groups[] = {{"first", &first},
                                                              {"second", &second},
                                                              {"sub_tile_first", &tile_first},
                                                              {"sub_tile_second", &tile_second}};
  for (const auto& [name, group_of] : groups) {
    const Comparison* comparison = group_of;  // lambdas cannot capture a binding
    if (comparison->columns.empty()) continue;
    store::Group group = root.group(name);
    group.dimension("case", comparison->columns.size());
    group.dimension("cell", comparison->cases.front().v_store.size());
    const auto numbers = [&](const char* dataset, const char* unit, const char* long_name,
                             auto of) {
      std::vector<double> values;
      for (const Compared& c : comparison->columns) values.push_back(of(c));
      group.dataset(dataset, {"case"}, values)
          .attribute("units", unit)
          .attribute("long_name", long_name);
    };
    numbers("spice_pulse", "s", "output pulse, transistor by transistor; NaN: no result",
            [](const Compared& c) { return c.ok ? c.spice_s : std::nan(""); });
    numbers("column_pulse", "s", "output pulse, column level",
            [](const Compared& c) { return c.column_s; });
    numbers("fast_pulse", "s", "output pulse, fast level",
            [](const Compared& c) { return c.fast_s; });
    if (whole_arrays && comparison != &first && comparison != &second)
      numbers("alone_pulse", "s", "output pulse of the column by itself in SPICE",
              [](const Compared& c) { return c.ok ? c.alone_s : std::nan(""); });
    numbers("layer", "1", "layer", [](const Compared& c) { return c.place.layer; });
    numbers("head", "1", "head", [](const Compared& c) { return c.place.head; });
    numbers("token", "1", "token",
            [](const Compared& c) { return static_cast<double>(c.place.token); });
    numbers("sub_tile", "1", "sub-tile", [](const Compared& c) { return c.place.sub_tile; });
    numbers("column", "1", "slot of the sub-tile, or dimension",
            [](const Compared& c) { return c.place.column; });
    const auto cells = [&](const char* dataset, const char* unit, const char* long_name,
                           std::vector<double> ColumnCase::*of) {
      std::vector<double> values;
      for (const ColumnCase& c : comparison->cases)
        values.insert(values.end(), (c.*of).begin(), (c.*of).end());
      group.dataset(dataset, {"case", "cell"}, values, store::Storage::kCompressed)
          .attribute("units", unit)
          .attribute("long_name", long_name);
    };
    cells("v_store", "V", "stored voltage", &ColumnCase::v_store);
    if (!comparison->cases.front().target_v.empty()) {
      cells("v_target", "V", "level that the cell was written to, without the DAC's offset",
            &ColumnCase::target_v);
      std::vector<double> ages;
      for (const ColumnCase& c : comparison->cases) ages.push_back(c.age_s);
      group.dataset("age", {"case"}, ages)
          .attribute("units", "s")
          .attribute("long_name", "time since the token's own read");
    }
    cells("pulse_width", "s", "pulse at half height; 0: none", &ColumnCase::width_s);
  }
  if (!worst_decks.empty())
    root.group("first")
        .text("worst_deck", worst_decks.front())
        .attribute("long_name", "the worst column of the column level, for `ngspice -b`");
  if (worst_decks.size() > 1)
    root.group("second")
        .text("worst_deck", worst_decks.back())
        .attribute("long_name", "the worst column of the column level, for `ngspice -b`");
  writer.commit();
}

}  // namespace gaincell::audit
