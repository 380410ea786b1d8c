#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include "base/error.h"
#include "base/suggest.h"
#include "base/text.h"
#include "base/units.h"
#include "characterize/bench/reader.h"
#include "characterize/circuit/code_models.h"

namespace gaincell::characterize {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMaxLines = 100'000;  // of one kind in one deck

// How often a block with `count` stands in the deck; `lines` counts those of its kind, which are
// bounded together.
std::size_t read_count(const Item& item, std::size_t& lines) {
  const auto count = static_cast<std::size_t>(item.integer());
  if (count > kMaxLines - lines)
    item.refuse("makes more than 100,000 lines of its kind",
                "a circuit of that size is not for a bench");
  lines += count;
  return count;
}

}  // namespace

fs::path BenchReader::beside(const std::string& path) const {
  const fs::path named = path;
  return named.is_absolute() ? named : fs::path(bench_.path).parent_path() / named;
}

void BenchReader::add_file(Library& library, const Item& item, Library::Use use) const {
  const std::string path = item.is_map() ? item.text("file") : item.text();
  if (path.empty()) item.refuse("must name a file");
  refuse_stray_link(item, path);
  library.add(beside(path), item.is_map() ? item.text("section") : "", item.where().place, use);
}

// A link in a folder that came from elsewhere may lead to any file, of which a message would show a
// line. What a bench names openly lies where it says, or where `model_folders` says.
void BenchReader::refuse_stray_link(const Item& item, const std::string& named) const {
  const fs::path path = fs::path(named).lexically_normal();
  if (path.is_absolute()) return;
  const auto real = [](const fs::path& place) {
    std::error_code ignored;
    return fs::weakly_canonical(fs::absolute(place, ignored), ignored);
  };
  const auto leads_below = [&](const fs::path& folder) {
    const fs::path relative = real(beside(named)).lexically_relative(real(folder));
    return !relative.empty() && *relative.begin() != "..";
  };
  fs::path folder = beside(".");
  for (auto part = path.begin(); part != path.end() && *part == ".."; ++part) folder /= "..";
  if (leads_below(folder)) return;
  if (root_.has("model_folders")) {
    for (const Item& one : root_["model_folders"].list()) {
      if (leads_below(beside(one.text()))) return;
    }
  }
  item.refuse("is a link that leads out of its folder",
              "name the file that it leads to, or the folder of that under `model_folders`");
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
    library->speak(dialect_of(bench_.behaviour));
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
    bench_.code_models = bench_.code_models || library->needs_code_models();
    bench_.corners.push_back({corners[k].first, std::move(library)});
  }
}

// In the modes `ps` and `lt` ngspice translates what is included and leaves the deck around it
// alone. The decks written here hold nothing that was not included, so the letter that stands for
// the whole deck is added.
void BenchReader::read_behaviour() {
  bench_.behaviour = root_.text("ngbehavior");
  const Dialect dialect = dialect_of(bench_.behaviour);
  if ((dialect.pspice || dialect.ltspice) && !bench_.behaviour.ends_with("a"))
    bench_.behaviour += "a";
}

void BenchReader::read_library_parameters() {
  if (!root_.has("library_parameters")) return;
  for (const auto& [name, item] : root_["library_parameters"].map())
    bench_.library_parameters.emplace_back(lower(name), quantity(item, ""));
}

void BenchReader::read_circuit() {
  read_behaviour();
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
      check_net(item.text(), item.where());
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
  if (!subcircuit && !library.has_inner_model(name)) {
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
  // Without a parameter of its own that takes the shift, its transistors take it.
  rule.inside = subcircuit && !item.has("shift");
  rule.shift = lower(item.text("shift", rule.shift));
  rule.gain = lower(item.text("gain", subcircuit && !rule.inside ? "" : rule.gain));
  rule.width = lower(item.text("width", rule.width));
  rule.length = lower(item.text("length", rule.length));
  if (rule.gain.empty() && rule.a_beta_m > 0)
    item["a_beta"].refuse("is of no effect: no parameter takes it", "give `gain`");
  return rule;
}

void BenchReader::read_sources() {
  if (!root_.has("sources")) return;
  std::size_t lines = 0;
  for (const auto& [name, item] : root_["sources"].map()) {
    const std::string unit = item.text("kind", "voltage") == "current" ? "A" : "V";
    Source source{.name = lower(name),
                  .current = unit == "A",
                  .net = NetTemplate(item.text("net"), bench_.scope, item["net"].where()),
                  .reference = lower(item.text("reference", "0")),
                  .count = 0,
                  .dc = std::nullopt,
                  .ac = std::nullopt,
                  .ramp = std::nullopt,
                  .pulse = std::nullopt,
                  .pwl = {},
                  .wave = {},
                  .where = item.where()};
    if (item.has("reference")) check_net(item.text("reference"), item["reference"].where());
    if (item.has("count")) {
      source.count = read_count(item["count"], lines);
      if (source.net.is_constant())
        item["net"].refuse("so many sources on one net", "number the nets: net{i}");
    }
    read_waveform(item, unit, source);
    if (!source_names_.emplace(source.name, bench_.sources.size()).second)
      item.refuse("names that differ only in case are one to the simulator");
    for (std::size_t k = 0; k < source.count; ++k) {
      if (!source_names_.emplace(fmt::format("{}{}", source.name, k), bench_.sources.size()).second)
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
  std::size_t lines = 0;
  for (const Item& item : root_["elements"].list()) {
    const Item line = item.is_map() ? item["line"] : item;
    const std::string text = line.text();
    if (text.find(';') != std::string::npos) line.refuse("must be one line, without comments");
    // A simulator joins the next line to it.
    if (text.ends_with('\\')) line.refuse("must be one line; it ends with a continuation");
    bench_.code_models = bench_.code_models || needs_code_model({text, line.where().place});
    if (text.empty() || !std::isalpha(static_cast<unsigned char>(text[0])))
      line.refuse("is no element", "it begins with the letter of a device: R C L D M X ...");
    const std::size_t count = item.has("count") ? read_count(item["count"], lines) : 1;
    if (count > 1 && text.find('{') == std::string::npos)
      line.refuse("so many elements of one name", "number them: R{i} net{i} 0 1k");
    bench_.elements.push_back({Template(text, bench_.scope, line.where()), count, line.where()});
  }
}

void BenchReader::read_net_voltages() {
  bench_.initial_conditions = net_voltages("initial_conditions");
  bench_.starting_guesses = net_voltages("starting_guesses");
}

std::vector<NetVoltage> BenchReader::net_voltages(const std::string& key) const {
  std::vector<NetVoltage> all;
  if (!root_.has(key)) return all;
  std::size_t lines = 0;
  for (const auto& [name, item] : root_[key].map()) {
    if (!item.is_map()) {
      all.push_back({NetTemplate(name, bench_.scope, item.where()), quantity(item, "V"), 1});
      continue;
    }
    NetVoltage one{NetTemplate(item.text("net"), bench_.scope, item["net"].where()),
                   quantity(item["value"], "V"), read_count(item["count"], lines)};
    if (one.count > 1 && one.net.is_constant())
      item["net"].refuse("so many voltages of one net", "number the nets: net{i}");
    all.push_back(std::move(one));
  }
  return all;
}

void BenchReader::refuse_idle_voltages() const {
  const auto any = [this](auto is) {
    return std::any_of(bench_.analyses.begin(), bench_.analyses.end(), is);
  };
  if (!bench_.initial_conditions.empty() &&
      !any([](const Analysis& one) { return one.kind->scale_unit == "s"; }))
    root_["initial_conditions"].refuse(
        "they are what `tran` begins with, and have no effect on the analyses of this bench",
        "`starting_guesses` choose the state of an operating point");
  if (!bench_.starting_guesses.empty() &&
      !any([](const Analysis& one) { return !one.use_initial_conditions; }))
    root_["starting_guesses"].refuse(
        "with `use_initial_conditions` there is no operating point that they could start",
        "give `initial_conditions`");
}

}  // namespace gaincell::characterize
