#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include "base/error.h"
#include "base/suggest.h"
#include "base/units.h"
#include "characterize/bench_reader.h"

namespace gaincell::characterize {
namespace {

namespace fs = std::filesystem;

void check_net(const Item& item, const std::string& net) {
  if (net.empty() || net.find_first_of(" \t\r\n(),='\";") != std::string::npos)
    item.refuse("is not a net", "a net is one word");
}

}  // namespace

fs::path BenchReader::beside(const std::string& path) const {
  const fs::path named = path;
  return named.is_absolute() ? named : fs::path(bench_.path).parent_path() / named;
}

void BenchReader::add_file(Library& library, const Item& item, Library::Use use) const {
  const std::string path = item.is_map() ? item.text("file") : item.text();
  if (path.empty()) item.refuse("must name a file");
  library.add(beside(path), item.is_map() ? item.text("section") : "", item.where().place, use);
}

// One library a corner: the models of all, those of the corner, the netlist. Of that only what this
// bench can name goes to the simulator.
void BenchReader::read_corners() {
  std::vector<std::pair<std::string, std::vector<Item>>> corners;
  if (root_.has("corners")) {
    for (const auto& [name, item] : root_["corners"].map()) corners.emplace_back(name, item.list());
  } else {
    corners.emplace_back("", std::vector<Item>{});
  }
  std::set<std::string> ignored;
  if (root_.has("ignored_parameters")) {
    for (const Item& one : root_["ignored_parameters"].list()) ignored.insert(lower(one.text()));
  }
  for (std::size_t k = 0; k < corners.size(); ++k) {
    const fs::path folder = fs::path(bench_.path).parent_path();
    auto library = std::make_unique<Library>(folder.empty() ? "." : folder);
    library->ignore_parameters(ignored);
    library->permit(options_.allow);
    if (!options_.netlists.empty()) {
      if (options_.netlists.size() != corners.size())
        throw Error({.place = bench_.path, .rule = "has another number of corners than netlists"});
      library->add_text(options_.netlists[k], bench_.path);
    } else {
      if (root_.has("model_folders")) {
        for (const Item& one : root_["model_folders"].list()) library->allow(beside(one.text()));
      }
      if (root_.has("models")) {
        for (const Item& item : root_["models"].list())
          add_file(*library, item, Library::Use::kModels);
      }
      for (const Item& item : corners[k].second) add_file(*library, item, Library::Use::kModels);
      if (root_.has("circuit") && root_["circuit"].has("netlist")) {
        for (const Item& item : root_["circuit"]["netlist"].list())
          add_file(*library, item, Library::Use::kNetlist);
      }
    }
    library->prune(bench_.text);
    library->check();
    bench_.corners.push_back({corners[k].first, std::move(library)});
  }
}

void BenchReader::read_library_parameters() {
  bench_.behaviour = root_.text("ngbehavior");
  if (!root_.has("library_parameters")) return;
  for (const auto& [name, item] : root_["library_parameters"].map())
    bench_.library_parameters.emplace_back(lower(name), quantity(item, ""));
}

void BenchReader::read_circuit() {
  read_corners();
  read_library_parameters();
  if (root_.has("circuit")) read_subcircuit(root_["circuit"]);
  read_mismatch();
}

void BenchReader::read_subcircuit(const Item& circuit) {
  for (const char* key : {"parameters", "ports"}) {
    if (circuit.has(key) && !circuit.has("subcircuit"))
      circuit[key].refuse("goes with `subcircuit`");
  }
  if (!circuit.has("subcircuit")) return;
  bench_.subcircuit = lower(circuit.text("subcircuit"));
  const Subcircuit* found = nullptr;
  for (const Corner& corner : bench_.corners) {
    found = corner.library->subcircuit(bench_.subcircuit);
    if (found != nullptr) continue;
    const auto known = corner.library->subcircuit_names();
    circuit["subcircuit"].refuse("is not defined in the netlist",
                                 known.empty() ? "name the file that defines it under `netlist`"
                                               : suggest_remedy(bench_.subcircuit, known));
  }
  if (circuit.has("parameters")) {
    for (const auto& [name, item] : circuit["parameters"].map()) {
      if (std::find(found->parameters.begin(), found->parameters.end(), lower(name)) ==
          found->parameters.end())
        item.refuse(fmt::format("the subcircuit `{}` has no such parameter", bench_.subcircuit),
                    suggest_remedy(name, found->parameters));
      // A subcircuit's parameters have no declared unit: any suffix, no unit.
      bench_.subcircuit_parameters.emplace_back(lower(name), quantity(item, ""));
    }
  }
  if (circuit.has("ports")) {
    for (const auto& [name, item] : circuit["ports"].map()) {
      if (std::find(found->ports.begin(), found->ports.end(), lower(name)) == found->ports.end())
        item.refuse(fmt::format("the subcircuit `{}` has no such port", bench_.subcircuit),
                    suggest_remedy(lower(name), found->ports));
      check_net(item, item.text());
      bench_.ports[lower(name)] = lower(item.text());
    }
  }
}

void BenchReader::read_mismatch() {
  if (!root_.has("mismatch")) return;
  const Item item = root_["mismatch"];
  const bool library = item.has("library") && item["library"].boolean();
  bench_.mismatch.library_statistics = library;
  if (!library && !item.has("devices"))
    item.refuse("names nothing that is drawn", "give `devices`, or `library: true`");
  if (library && !bench_.corners.front().library->draws())
    item["library"].refuse("the library draws nothing (no agauss, gauss, aunif or unif in it)",
                           "name its statistical section, or give `devices`");
  if (!item.has("devices")) return;
  for (const auto& [name, rule] : item["devices"].map())
    bench_.mismatch.rules.push_back(read_rule(lower(name), rule));
}

PelgromRule BenchReader::read_rule(const std::string& name, const Item& item) const {
  constexpr double kMicrometre = 1e-6;
  const Library& library = *bench_.corners.front().library;
  const bool subcircuit = library.subcircuit(name) != nullptr;
  if (!subcircuit && !library.has_model(name)) {
    auto known = library.model_names();
    for (const std::string& one : library.subcircuit_names()) known.push_back(one);
    item.refuse(fmt::format("there is no model `{}` that this circuit uses", name),
                suggest_remedy(name, known));
  }
  PelgromRule rule;
  rule.model = name;
  const auto coefficient = [&](const char* key, const char* unit) {
    if (!item.has(key)) return 0.0;
    const double value = item[key].constant(unit);
    if (value < 0) item[key].refuse("must not be negative");
    return value * kMicrometre;
  };
  rule.a_vt_v_m = coefficient("a_vt", "V*um");
  rule.a_beta_m = coefficient("a_beta", "um");
  if (subcircuit && !item.has("shift"))
    item.refuse("is a subcircuit: which of its parameters takes the threshold shift?",
                "give `shift`");
  rule.shift = lower(item.text("shift", rule.shift));
  rule.gain = lower(item.text("gain", subcircuit ? "" : rule.gain));
  rule.width = lower(item.text("width", rule.width));
  rule.length = lower(item.text("length", rule.length));
  if (rule.gain.empty() && rule.a_beta_m > 0)
    item["a_beta"].refuse("is of no effect: no parameter takes it", "give `gain`");
  return rule;
}

void BenchReader::read_sources() {
  if (!root_.has("sources")) return;
  for (const auto& [name, item] : root_["sources"].map()) {
    const std::string unit = item.text("kind", "voltage") == "current" ? "A" : "V";
    Source source{.name = lower(name),
                  .current = unit == "A",
                  .net = Template(item.text("net"), bench_.scope, item["net"].where()),
                  .reference = lower(item.text("reference", "0")),
                  .count = 0,
                  .dc = std::nullopt,
                  .ac = std::nullopt,
                  .ramp = std::nullopt,
                  .pulse = std::nullopt,
                  .pwl = {},
                  .wave = {},
                  .where = item.where()};
    if (item.text("net").find('{') == std::string::npos) check_net(item["net"], item.text("net"));
    if (item.has("reference")) check_net(item["reference"], item.text("reference"));
    if (item.has("count")) {
      source.count = static_cast<std::size_t>(item["count"].integer());
      if (source.count > 100'000) item["count"].refuse("must be at most 100,000");
      if (item.text("net").find('{') == std::string::npos)
        item["net"].refuse("so many sources on one net", "number the nets: net{i}");
    }
    read_waveform(item, unit, source);
    if (!source_names_.insert(source.name).second)
      item.refuse("names that differ only in case are one to the simulator");
    for (std::size_t k = 0; k < source.count; ++k) {
      if (!source_names_.insert(fmt::format("{}{}", source.name, k)).second)
        item.refuse(fmt::format("its element {} has the name of another source", k));
    }
    bench_.sources.push_back(std::move(source));
  }
}

void BenchReader::read_waveform(const Item& item, const std::string& unit, Source& source) {
  const auto value = [&](const Item& block, const char* key, const std::string& of) {
    return quantity(block[key], of);
  };
  if (item.has("dc")) source.dc = value(item, "dc", unit);
  if (item.has("ac")) source.ac = value(item, "ac", unit);
  if (item.has("pulse")) {
    const Item p = item["pulse"];
    source.pulse = Pulse{value(p, "initial", unit),
                         value(p, "pulsed", unit),
                         value(p, "delay", "s"),
                         value(p, "rise", "s"),
                         value(p, "fall", "s"),
                         value(p, "width", "s"),
                         std::nullopt};
    if (p.has("period")) source.pulse->period = value(p, "period", "s");
  }
  if (item.has("ramp")) {
    const Item r = item["ramp"];
    source.ramp = Ramp{value(r, "initial", unit), value(r, "final", unit), value(r, "start", "s"),
                       value(r, "duration", "s")};
  }
  if (item.has("pwl") && item["pwl"].is_map()) {
    read_wave_file(item["pwl"], unit, source);
  } else if (item.has("pwl")) {
    const auto rows = item["pwl"].list();
    if (rows.empty()) item["pwl"].refuse("must hold at least one [time, value]");
    for (const Item& row : rows) {
      const auto pair = row.list();
      if (pair.size() != 2) row.refuse("must be [time, value]");
      source.pwl.emplace_back(quantity(pair[0], "s"), quantity(pair[1], unit));
    }
  }
  if (!source.dc && !source.ac && !source.pulse && !source.ramp && source.pwl.empty() &&
      source.wave.empty())
    item.refuse("has no value", "give `dc`, `ac`, `pulse`, `ramp` or `pwl`");
}

void BenchReader::read_elements() {
  if (!root_.has("elements")) return;
  for (const Item& item : root_["elements"].list()) {
    const Item line = item.is_map() ? item["line"] : item;
    const std::string text = line.text();
    if (text.find_first_of("\n\r;") != std::string::npos) line.refuse("must be one line");
    if (text.empty() || !std::isalpha(static_cast<unsigned char>(text[0])))
      line.refuse("is no element", "it begins with the letter of a device: R C L D M X ...");
    const std::size_t count =
        item.has("count") ? static_cast<std::size_t>(item["count"].integer()) : 1;
    if (count > 100'000) item["count"].refuse("must be at most 100,000");
    bench_.elements.push_back({Template(text, bench_.scope, line.where()), count, line.where()});
  }
}

void BenchReader::read_initial_conditions() {
  if (!root_.has("initial_conditions")) return;
  for (const auto& [name, item] : root_["initial_conditions"].map()) {
    if (item.is_map()) {
      bench_.initial_conditions.push_back(
          {Template(item.text("net"), bench_.scope, item["net"].where()),
           quantity(item["value"], "V"), static_cast<std::size_t>(item["count"].integer())});
    } else {
      bench_.initial_conditions.push_back(
          {Template(name, bench_.scope, item.where()), quantity(item, "V"), 1});
    }
  }
}

}  // namespace gaincell::characterize
