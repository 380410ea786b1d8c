#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "base/suggest.h"
#include "base/text.h"
#include "characterize/bench/grammar.h"
#include "characterize/bench/reader.h"

namespace gaincell::characterize {

namespace fs = std::filesystem;

fs::path BenchReader::beside(const std::string& path) const {
  const fs::path named = path;
  return named.is_absolute() ? named : fs::path(bench_.path).parent_path() / named;
}

const Block& section_block() {
  using namespace form;
  static const Block table{"Library sections",
                           "A file with `.lib name` ... `.endl` sections, of which one is taken.",
                           {{"file", text(), kRequired, "path, relative to the bench"},
                            {"section", text(), kRequired, "its name"}}};
  return table;
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

const Block& circuit_block() {
  using namespace form;
  static const Block table{
      "Circuit",
      "",
      {{"netlist", either({text(), list(text())}), kOptional,
        "files with `.subckt`, `.model`, `.param`, `.func`; relative to the bench"},
       {"subcircuit", text(), kOptional,
        "stands in the deck as instance `xdut`, so its inner nets are `xdut.name`; without it "
        "`elements` are the circuit"},
       {"parameters", map(own_quantity()), kOptional, "of the subcircuit"},
       {"ports", nets(text()), kOptional,
        "port: net; a port that is not named here is on the net of its own name"}}};
  return table;
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

static const Block& pelgrom_block() {
  using namespace form;
  static const Block table{
      "Mismatch by size",
      "By model card, also one inside a subcircuit, or by a subcircuit that stands for one device: "
      "its transistors are drawn, or with `shift` a parameter of it. Pelgrom's coefficients are of "
      "the difference of a pair; each device is drawn with sigma A/sqrt(2 W L m), sizes in m or in "
      "what `.option scale` says.",
      {{"a_vt", constant("V*um"), kOptional, "A_VT: `1.8m` is 1.8 mV um"},
       {"a_beta", constant("um"), kOptional, "A_beta, of the current factor: `0.01` is 1 % um"},
       {"shift", name(), kOptional,
        "instance parameter that takes the threshold shift; default `delvto` of the transistors"},
       {"gain", name(), kOptional,
        "instance parameter that takes the factor of beta; default `mulu0` of the transistors; "
        "none "
        "beside a `shift` of a subcircuit"},
       {"width", name(), kOptional, "instance parameter of the width; default `w`"},
       {"length", name(), kOptional, "instance parameter of the length; default `l`"}}};
  return table;
}

const Block& mismatch_block() {
  using namespace form;
  static const Block table{
      "Mismatch",
      "Differences between equal devices, drawn `draws.points` times from `draws.seed`; a draw is "
      "the same circuit at every value of the conditions. Every device of a kind named here draws "
      "for itself, and its numbers stand in the deck.",
      {{"devices", nets(block(pelgrom_block())), kOptional, "by kind of device"},
       {"library", boolean(), kOptional,
        "true: the library's own statistics (agauss and the like), seeded for every draw"}}};
  return table;
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

}  // namespace gaincell::characterize
