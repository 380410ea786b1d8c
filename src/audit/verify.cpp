#include "audit/verify.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <memory>
#include <utility>

#include "audit/met_conditions.h"
#include "base/error.h"
#include "base/random.h"
#include "base/store/formats.h"
#include "base/suggest.h"
#include "base/units.h"

namespace gaincell::audit {
namespace {

using characterize::Bench;
using characterize::DrawnIn;
using characterize::Point;

const char* word_of(DrawnIn where) {
  if (where == DrawnIn::kRange) return "range";
  return where == DrawnIn::kIntervals ? "intervals" : "working";
}

// A bench as the device file holds it.
std::unique_ptr<const Bench> recorded_bench(const lut::Provenance& from, const std::string& place,
                                            const std::vector<std::string>& allow) {
  namespace names = store::samples;
  const auto lines = [&](const char* name) {
    std::vector<std::string> out;
    const std::string text = from.text(name);
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t end = std::min(text.find('\n', at), text.size());
      out.push_back(text.substr(at, end - at));
      at = end + 1;
    }
    return out;
  };
  std::vector<characterize::InputFile> inputs;
  const std::vector<std::string> files = lines(names::kInputFiles);
  const std::vector<std::string> texts = from.texts(names::kInputText);
  for (std::size_t k = 0; k < files.size() && k < texts.size(); ++k)
    inputs.push_back({files[k], texts[k]});
  std::vector<std::string> netlists = from.texts(names::kNetlistText);
  auto bench = characterize::parse_bench(from.text(names::kBenchText),
                                         fmt::format("{}: bench {}", place, from.bench),
                                         {lines(names::kFilters),
                                          std::move(netlists),
                                          {allow.begin(), allow.end()},
                                          inputs,
                                          lines(names::kAt)});
  return bench;
}

struct Drawn {
  std::vector<Point> points;
  std::vector<std::string> where;  // a word each
};

// A point at these values of the swept conditions.
Point point_at(const Bench& bench, const std::map<std::string, double>& values) {
  Random unused(0);
  Point point = characterize::drawn_point(bench, DrawnIn::kRange, unused);
  for (const auto& [name, value] : values) point.values[bench.condition(name)] = value;
  return point;
}

Drawn draw(const Bench& bench, const std::vector<std::string>& over, const MetConditions& met,
           const VerifyOptions& options) {
  const std::vector<DrawnIn> draws = characterize::draws_of(bench);
  const std::size_t ways = draws.size() + (met.knows(over) ? 1 : 0);
  Drawn drawn;
  for (std::size_t n = 0; n < options.points; ++n) {
    Random random(options.seed, "verify " + bench.name, n);
    if (n % ways < draws.size()) {
      drawn.points.push_back(characterize::drawn_point(bench, draws[n % ways], random));
      drawn.where.emplace_back(word_of(draws[n % ways]));
    } else {
      drawn.points.push_back(point_at(bench, met.draw(over, bench.tables.front().name, random)));
      drawn.where.emplace_back("inference");
    }
  }
  return drawn;
}

void compare(const Bench& bench, const Drawn& drawn,
             const std::vector<characterize::PointResult>& results, std::size_t measurement,
             const lut::Table& table, VerifiedTable& out) {
  std::vector<std::size_t> conditions;
  for (const lut::Axis& axis : table.axes()) conditions.push_back(bench.condition(axis.name()));
  lut::HoldOut points;
  points.coordinates.resize(conditions.size());
  for (std::size_t p = 0; p < results.size(); ++p) {
    const double simulated = results[p].values[measurement];
    if (!std::isfinite(simulated)) {
      ++out.failed;
      if (std::find(out.reasons.begin(), out.reasons.end(), results[p].reason) == out.reasons.end())
        out.reasons.push_back(results[p].reason);
      continue;
    }
    VerifiedPoint point{drawn.where[p], {}, simulated, 0};
    for (std::size_t a = 0; a < conditions.size(); ++a) {
      point.at.push_back(drawn.points[p].values[conditions[a]]);
      points.coordinates[a].push_back(point.at[a]);
    }
    point.table = table.at(point.at);
    points.measured.push_back(simulated);
    points.predicted.push_back(point.table);
    out.points.push_back(std::move(point));
  }
  out.found = lut::accuracy_of(table, points, points.predicted);
  const auto error = [](const VerifiedPoint& p) { return std::abs(p.table - p.simulated); };
  const auto worst =
      std::max_element(out.points.begin(), out.points.end(),
                       [&](const auto& a, const auto& b) { return error(a) < error(b); });
  out.worst = static_cast<std::size_t>(worst - out.points.begin());
}

std::size_t measurement_of(const Bench& bench, const std::string& name) {
  const auto at = std::find_if(bench.measurements.begin(), bench.measurements.end(),
                               [&](const auto& one) { return one.name == name; });
  return static_cast<std::size_t>(at - bench.measurements.begin());
}

bool wanted(const VerifyOptions& options, const std::string& table) {
  return options.tables.empty() ||
         std::find(options.tables.begin(), options.tables.end(), table) != options.tables.end();
}

void refuse_unknown_tables(const lut::DeviceFile& device, const VerifyOptions& options) {
  std::vector<std::string> known;
  for (const lut::TableEntry& entry : device.tables()) known.push_back(entry.table.name());
  for (const std::string& name : options.tables)
    if (std::find(known.begin(), known.end(), name) == known.end())
      throw Error({.place = "--table",
                   .value = name,
                   .rule = fmt::format("{} has no such table", device.place()),
                   .remedy = suggest_remedy(name, known)});
}

// Why no condition can be simulated alone; empty where any can.
std::string why_not(const Bench& bench) {
  if (bench.search) return "has a search";
  for (const characterize::Measurement& m : bench.measurements)
    if (m.along) return fmt::format("measures `{}` along a sweep of a condition", m.name);
  return {};
}

// The tables of one bench.
void verify_bench(const lut::DeviceFile& device, const Bench& bench, const MetConditions& met,
                  const VerifyOptions& options, const characterize::SimulateOptions& simulate,
                  Verification& result) {
  std::vector<const characterize::TableRequest*> requests;
  for (const characterize::TableRequest& request : bench.tables)
    if (device.find_table(request.name) != nullptr && wanted(options, request.name))
      requests.push_back(&request);
  if (requests.empty()) return;
  if (const std::string reason = why_not(bench); !reason.empty()) {
    for (const characterize::TableRequest* request : requests)
      result.left_out.push_back({request->name, fmt::format("bench {} {}", bench.name, reason)});
    return;
  }
  const Drawn drawn = draw(bench, requests.front()->over, met, options);
  const characterize::Plan plan = characterize::make_plan(bench, drawn.points);
  const auto results = characterize::simulate(bench, plan, simulate);
  for (const characterize::TableRequest* request : requests) {
    const lut::TableEntry& entry = *device.find_table(request->name);
    VerifiedTable verified{.quantity = entry.table.quantity(),
                           .axes = {entry.table.axes().begin(), entry.table.axes().end()},
                           .bench = bench.name,
                           .stated = entry.accuracy,
                           .found = {},
                           .points = {}};
    compare(bench, drawn, results, measurement_of(bench, request->of), entry.table, verified);
    result.tables.push_back(std::move(verified));
  }
}

std::string place_text(const VerifiedTable& table, const VerifiedPoint& point) {
  std::string text;
  for (std::size_t a = 0; a < table.axes.size(); ++a)
    text += fmt::format("{}{} = {}", a == 0 ? "" : ", ", table.axes[a].name(),
                        format_si(point.at[a], table.axes[a].unit(), 4));
  return text;
}

}  // namespace

std::optional<double> VerifiedTable::ratio() const {
  if (stated.points == 0 || points.empty()) return std::nullopt;
  if (stated.max_abs == 0 && found.max_abs == 0) return 0;
  if (stated.max_abs == 0) return std::nullopt;
  return found.max_abs / stated.max_abs;
}

// Where a table states no error there is nothing to doubt; that it states none is said.
bool VerifiedTable::believed() const {
  if (failed > 0 || points.empty()) return false;
  return stated.points == 0 || found.max_abs <= kBelieved * stated.max_abs;
}

std::string VerifiedTable::verdict() const {
  if (points.empty()) return "no simulation worked";
  if (failed > 0) return fmt::format("{} simulations failed", failed);
  if (stated.points == 0) return "states no error";
  return believed() ? "holds" : fmt::format("beyond {} x stated", kBelieved);
}

bool Verification::ok() const {
  return !tables.empty() &&
         std::all_of(tables.begin(), tables.end(),
                     [](const VerifiedTable& table) { return table.believed(); });
}

nlohmann::ordered_json Verification::to_json() const {
  nlohmann::ordered_json json{{"ok", ok()}, {"tables", nlohmann::ordered_json::object()}};
  for (const VerifiedTable& table : tables) {
    nlohmann::ordered_json& out = json["tables"][table.quantity.name];
    out["units"] = table.quantity.unit;
    out["bench"] = table.bench;
    out["points"] = table.points.size();
    out["failed"] = table.failed;
    out["failures"] = table.reasons;
    const bool any = !table.points.empty(), states = table.stated.points > 0;
    using Json = nlohmann::ordered_json;
    out["found_max_abs"] = any ? Json(table.found.max_abs) : Json();
    out["stated_max_abs"] = states ? Json(table.stated.max_abs) : Json();
    out["found_rms_abs"] = any ? Json(table.found.rms_abs) : Json();
    out["stated_rms_abs"] = states ? Json(table.stated.rms_abs) : Json();
    out["found_max_percent"] = any ? Json(table.found.max_percent) : Json();
    const auto ratio = table.ratio();
    out["ratio"] = ratio ? Json(*ratio) : Json();
    out["verdict"] = table.verdict();
    out["holds"] = table.believed();
    // By the way in which they were drawn.
    Json shares = Json::object();
    for (const VerifiedPoint& point : table.points) {
      Json& share = shares[point.drawn];
      if (share.is_null()) share = {{"points", 0}, {"found_max_abs", 0.0}};
      share["points"] = share["points"].get<int>() + 1;
      share["found_max_abs"] =
          std::max(share["found_max_abs"].get<double>(), std::abs(point.table - point.simulated));
    }
    out["drawn"] = shares;
    if (!any) continue;
    const VerifiedPoint& worst = table.points[table.worst];
    Json at = Json::object();
    for (std::size_t a = 0; a < table.axes.size(); ++a) at[table.axes[a].name()] = worst.at[a];
    out["worst"] = {
        {"at", at}, {"drawn", worst.drawn}, {"simulated", worst.simulated}, {"table", worst.table}};
  }
  json["left_out"] = nlohmann::ordered_json::object();
  for (const LeftOut& one : left_out) json["left_out"][one.table] = one.reason;
  return json;
}

std::string Verification::brief() const {
  std::vector<std::vector<std::string>> rows{{"table", "points", "found max", "stated max", "ratio",
                                              "found rms", "stated rms", "verdict", "worst at"}};
  for (const VerifiedTable& table : tables) {
    const std::string& unit = table.quantity.unit;
    const bool any = !table.points.empty(), states = table.stated.points > 0;
    const auto ratio = table.ratio();
    const auto error = [&](bool known, double value) {
      return known ? format_si(value, unit, 3) : std::string("-");
    };
    rows.push_back({table.quantity.name, std::to_string(table.points.size()),
                    error(any, table.found.max_abs), error(states, table.stated.max_abs),
                    ratio ? fmt::format("{:.2f}", *ratio) : "-", error(any, table.found.rms_abs),
                    error(states, table.stated.rms_abs), table.verdict(),
                    any ? fmt::format("{} ({})", place_text(table, table.points[table.worst]),
                                      table.points[table.worst].drawn)
                        : "-"});
  }
  std::vector<std::size_t> width(rows.front().size());
  for (const auto& row : rows)
    for (std::size_t k = 0; k < row.size(); ++k) width[k] = std::max(width[k], row[k].size());
  std::string text;
  for (const auto& row : rows) {
    std::string line;
    for (std::size_t k = 0; k < row.size(); ++k)
      line += k == 0 || k >= 7 ? fmt::format("{:<{}}  ", row[k], width[k])
                               : fmt::format("{:>{}}  ", row[k], width[k]);
    text += line.substr(0, line.find_last_not_of(' ') + 1) + "\n";
  }
  for (const VerifiedTable& table : tables)
    for (const std::string& reason : table.reasons)
      text += fmt::format("{}: {}\n", table.quantity.name, reason);
  for (const LeftOut& one : left_out)
    text += fmt::format("left out: {}: {}\n", one.table, one.reason);
  return text;
}

Verification verify(const lut::DeviceFile& device, const VerifyOptions& options,
                    const characterize::SimulateOptions& simulate) {
  refuse_unknown_tables(device, options);
  std::vector<std::unique_ptr<const Bench>> benches;
  for (const lut::Provenance& from : device.provenance()) {
    if (from.text(store::samples::kBenchText).empty()) continue;
    if (from.text(store::samples::kNetlistText).empty() &&
        !from.attributes.contains(store::samples::kNetlistText))
      throw Error({.place = device.place(),
                   .key = "/provenance/" + from.bench,
                   .rule = "does not hold the netlist of its bench",
                   .remedy = "compile the device anew"});
    benches.push_back(recorded_bench(from, device.place(), options.allow));
  }
  if (benches.empty())
    throw Error({.place = device.place(),
                 .rule = "holds no bench, so there is nothing to simulate: it was imported",
                 .remedy = "verify a device of `gaincell compile` or `gaincell device`"});
  const MetConditions met(device, options.seed);
  Verification result;
  for (const auto& bench : benches) verify_bench(device, *bench, met, options, simulate, result);
  for (const lut::TableEntry& entry : device.tables()) {
    const std::string& name = entry.table.name();
    const bool seen =
        std::any_of(result.tables.begin(), result.tables.end(),
                    [&](const VerifiedTable& table) { return table.quantity.name == name; }) ||
        std::any_of(result.left_out.begin(), result.left_out.end(),
                    [&](const LeftOut& one) { return one.table == name; });
    if (!seen && wanted(options, name))
      result.left_out.push_back(
          {name, fmt::format("no bench in the file measures it (made of {})", entry.bench)});
  }
  return result;
}

}  // namespace gaincell::audit
