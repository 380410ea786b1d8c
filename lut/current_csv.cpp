#include "lut/current_csv.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

#include "base/error.h"
#include "base/files.h"
#include "base/sha256.h"
#include "base/units.h"

namespace gaincell::lut {
namespace {

const std::vector<WantedColumn> kColumns{{"V_store", "V"}, {"V_in", "V"}, {"I", "A"}};

constexpr double kNoReading = 1e9;  // V, A: 9.9e37, be it in nA

// A number without a unit is taken for SI; where that gives what no cell has, it was none.
void require_plausible(const CsvTable& table, const std::string& place) {
  for (std::size_t c = 0; c < kColumns.size(); ++c) {
    const bool current = kColumns[c].unit == "A";
    const double most = current ? kImplausibleCurrentA : kImplausibleVoltageV;
    const auto& values = table.columns[c];
    const auto worst = std::max_element(
        values.begin(), values.end(), [](double a, double b) { return std::abs(a) < std::abs(b); });
    const std::string line =
        fmt::format("{}:{}", place, table.lines[static_cast<std::size_t>(worst - values.begin())]);
    if (std::abs(*worst) > kNoReading)
      throw Error({.place = line,
                   .key = kColumns[c].name,
                   .value = fmt::format("{} {}", *worst, kColumns[c].unit),
                   .rule =
                       "is no reading: instruments write such a number for one that they do not "
                       "have (overflow, compliance)",
                   .remedy = "measure that point again, or leave its voltage out"});
    if (table.unit_known[c] || std::abs(*worst) <= most) continue;
    throw Error({.place = line,
                 .key = kColumns[c].name,
                 .value = fmt::format("{} {}", *worst, kColumns[c].unit),
                 .rule = fmt::format("is implausible for one cell (more than {}), and the header "
                                     "names no unit",
                                     format_si(most, kColumns[c].unit)),
                 .remedy = current ? "say the column's unit, e.g. --current-unit uA"
                                   : "say the columns' unit, e.g. --voltage-unit mV"});
  }
}

std::vector<double> distinct(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  values.erase(std::unique(values.begin(), values.end()), values.end());
  return values;
}

// Nodes of a grid, and what stands for each value that was read.
struct Snapped {
  std::vector<double> nodes;
  std::map<double, double> node_of;
  double furthest = 0;  // V between a value and its node
  bool whole_millivolts = false;
};

Snapped as_read(const std::vector<double>& values) {
  Snapped snapped;
  snapped.nodes = distinct(values);
  for (const double v : snapped.nodes) snapped.node_of[v] = v;
  return snapped;
}

// Values within the tolerance of each other are one node: the whole millivolt beside them all,
// else their mean. As read where the groups are not set well apart.
Snapped snap(const std::vector<double>& values, double tolerance) {
  constexpr double kBesideV = 0.1e-3, kApart = 10;
  std::vector<std::vector<double>> groups;
  for (const double v : distinct(values)) {
    if (groups.empty() || v - groups.back().back() > tolerance) groups.emplace_back();
    groups.back().push_back(v);
  }
  double widest = 0, narrowest = HUGE_VAL;
  for (std::size_t i = 0; i < groups.size(); ++i) {
    widest = std::max(widest, groups[i].back() - groups[i].front());
    if (i > 0) narrowest = std::min(narrowest, groups[i].front() - groups[i - 1].back());
  }
  if (widest > tolerance || widest * kApart > narrowest) return as_read(values);
  Snapped snapped;
  const auto millivolt = [](double v) { return std::round(v * 1e3) / 1e3 + 0.0; };  // no -0
  snapped.whole_millivolts = tolerance >= kBesideV;
  for (std::size_t i = 0; i < groups.size(); ++i) {
    const double node = millivolt(groups[i].front());
    for (const double v : groups[i])
      if (std::abs(v - node) > kBesideV || (i > 0 && node == millivolt(groups[i - 1].front())))
        snapped.whole_millivolts = false;
  }
  for (const auto& group : groups) {
    double mean = 0;
    for (const double v : group) mean += v / static_cast<double>(group.size());
    const double node = snapped.whole_millivolts ? millivolt(mean)
                        : group.size() == 1      ? group.front()
                                                 : mean;
    snapped.nodes.push_back(node);
    for (const double v : group) {
      snapped.node_of[v] = node;
      snapped.furthest = std::max(snapped.furthest, std::abs(v - node));
    }
  }
  return snapped;
}

std::string told(const Snapped& snapped, const std::string& name) {
  constexpr double kRounding = 1e-12;  // 0.30000000000000004 is no reading
  if (snapped.furthest < kRounding) return {};
  return fmt::format("; {} taken as {}{}, which it lies within {} of", name, snapped.nodes.size(),
                     snapped.whole_millivolts ? " whole millivolts" : " means of its readings",
                     format_si(snapped.furthest, "V", 2));
}

// The current at every node, V_in fastest.
std::vector<double> on_grid(const CsvTable& table, const Snapped& store, const Snapped& in,
                            const std::string& place) {
  std::map<std::pair<double, double>, std::size_t> row_of;
  for (std::size_t row = 0; row < table.lines.size(); ++row) {
    const std::pair at{store.node_of.at(table.columns[0][row]),
                       in.node_of.at(table.columns[1][row])};
    const auto [other, added] = row_of.emplace(at, row);
    if (!added)
      throw Error({.place = fmt::format("{}:{}", place, table.lines[row]),
                   .key = "V_store, V_in",
                   .value = fmt::format("{}, {}", at.first, at.second),
                   .rule = fmt::format("this point stands in the table already, in line {}",
                                       table.lines[other->second]),
                   .remedy = "keep one row a point"});
  }
  std::vector<double> values;
  for (const double v_store : store.nodes)
    for (const double v_in : in.nodes) {
      const auto found = row_of.find({v_store, v_in});
      if (found == row_of.end())
        throw Error(
            {.place = place,
             .key = "V_store, V_in",
             .value = fmt::format("{}, {}", v_store, v_in),
             .rule = fmt::format("must be a full grid, and this point is missing: {} points "
                                 "of {} x {} voltages",
                                 row_of.size(), store.nodes.size(), in.nodes.size()),
             .remedy = "measure every V_store at every V_in; voltages that were read back "
                       "may lie --grid-tolerance apart"});
      values.push_back(table.columns[2][found->second]);
    }
  return values;
}

}  // namespace

CurrentSurface read_current_csv(const std::filesystem::path& path,
                                const CurrentCsvOptions& options) {
  const std::string bytes = read_file(path), place = path.string();
  CsvTable table = read_csv_table(bytes, place, kColumns, options.dialect);
  require_plausible(table, place);
  // Voltages as they stand where they are a grid; else those that were read back, on the grid that
  // they were read of.
  Snapped store = as_read(table.columns[0]), in = as_read(table.columns[1]);
  std::string understood = table.understood;
  if (store.nodes.size() * in.nodes.size() != table.lines.size()) {
    store = snap(table.columns[0], options.grid_tolerance_v);
    in = snap(table.columns[1], options.grid_tolerance_v);
    understood += told(store, "V_store") + told(in, "V_in");
  }
  std::vector<double> values = on_grid(table, store, in, place);
  if (store.nodes.size() < 2)
    throw Error({.place = place,
                 .key = "points",
                 .value = std::to_string(table.lines.size()),
                 .rule = "at least 2 stored voltages are needed",
                 .remedy = "measure the current at several V_store"});
  if (in.nodes.size() == 1) {
    // One curve: a surface that does not depend on V_in over a hair's breadth.
    in.nodes.push_back(in.nodes.front() + 1e-9);
    std::vector<double> twice;
    for (const double value : values) twice.insert(twice.end(), 2, value);
    values = std::move(twice);
  }
  Table current({"current", "A", "read current"},
                {Axis("v_store", "V", std::move(store.nodes), "stored voltage"),
                 Axis("v_in", "V", std::move(in.nodes), "read voltage")},
                std::move(values));
  return {std::move(current), std::move(table.text), sha256(bytes), place, std::move(understood)};
}

CellCurrent CurrentSurface::at(double v_in) const {
  const Axis& axis = current.axis(1);
  if (axis.locate(v_in).outside)
    throw Error({.place = place,
                 .key = "V_in",
                 .value = fmt::format("{} V", v_in),
                 .rule = fmt::format("the table has {} to {} V", axis.front(), axis.back()),
                 .remedy = "choose --v-in within"});
  CellCurrent cell;
  for (const double v_store : current.axis(0).nodes()) {
    cell.v_store.push_back(v_store);
    cell.current_a.push_back(current.at(v_store, v_in));
  }
  cell.name = "import";
  cell.comment = fmt::format("imported: I(V_store) at V_in = {:g} V of {}", v_in,
                             std::filesystem::path(place).filename().string());
  cell.text = text;
  cell.text_sha256 = sha256;
  return cell;
}

}  // namespace gaincell::lut
