#include "liberty/library.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <stdexcept>
#include <utility>

#include "base/error.h"
#include "base/files.h"
#include "base/sha256.h"
#include "base/suggest.h"
#include "base/text.h"
#include "base/units.h"
#include "characterize/yaml/item.h"

namespace gaincell::liberty {
namespace {

namespace fs = std::filesystem;
using characterize::Block;
using characterize::Item;
namespace form = characterize::form;

constexpr std::size_t kMostInputs = 8;
constexpr std::size_t kMostCells = 1000;
constexpr std::size_t kMostGrid = 12;

const Block& section_block() {
  static const Block block{"Library sections",
                           "A file with sections, of which one is taken.",
                           {{"file", form::text(), form::kRequired, "path"},
                            {"section", form::text(), form::kRequired, "its name"}}};
  return block;
}

characterize::Form texts_form() { return form::either({form::text(), form::list(form::text())}); }

characterize::Form files_form() {
  return form::list(form::either({form::text(), form::block(section_block())}));
}

const Block& conditions_block() {
  static const Block block{
      "Conditions",
      "At which the library is made; `--at` takes others.",
      {{"flavour", form::name(), form::kOptional, "one of `flavours`"},
       {"corner", form::name(), form::kOptional, "one of `corners`"},
       {"temperature", form::constant("degC"), form::kRequired, "of the simulation"},
       {"v_dd", form::constant("V"), form::kRequired, "supply"}}};
  return block;
}

const Block& supply_block() {
  static const Block block{
      "Supply",
      "",
      {{"power", texts_form(), form::kRequired, "ports of the cells on the supply"},
       {"ground", texts_form(), form::kOptional, "ports of the cells on ground"}}};
  return block;
}

const Block& wire_block() {
  static const Block block{
      "Wire",
      "",
      {{"base", form::constant("F"), form::kRequired, "of every net"},
       {"per_terminal", form::constant("F"), form::kRequired, "for each device terminal on it"}}};
  return block;
}

const Block& area_block() {
  static const Block block{
      "Area",
      "",
      {{"pitch", form::constant("m"), form::kRequired, "of a transistor in its row"},
       {"extra", form::constant(""), form::kRequired, "pitches that every cell has beside"},
       {"height", form::constant("m"), form::kRequired, "of all cells"}}};
  return block;
}

const Block& thresholds_block() {
  static const Block block{"Thresholds",
                           "",
                           {{"lower", form::constant(""), form::kRequired, "of the supply"},
                            {"upper", form::constant(""), form::kRequired, "of the supply"}}};
  return block;
}

const Block& holdout_block() {
  static const Block block{
      "Hold-out points",
      "",
      {{"slews", form::integer(1), form::kRequired, "so many between those of the grid"},
       {"loads", form::integer(1), form::kRequired, "so many"},
       {"seed", form::integer(0), form::kRequired, "draws them"}}};
  return block;
}

const Block& flip_flop_block() {
  static const Block block{
      "Flip-flop",
      "",
      {{"clock", form::text(), form::kRequired, "a pin, or !pin where it takes at falling edges"},
       {"data", form::text(), form::kRequired, "a pin"},
       {"clear", form::text(), form::kOptional, "a pin, or !pin: state low while it is on"},
       {"preset", form::text(), form::kOptional, "the same, state high"}}};
  return block;
}

const Block& latch_block() {
  static const Block block{
      "Latch",
      "",
      {{"enable", form::text(), form::kRequired, "a pin, or !pin: transparent while it is on"},
       {"data", form::text(), form::kRequired, "a pin"}}};
  return block;
}

const Block& clock_gate_block() {
  static const Block block{
      "Clock gate",
      "",
      {{"clock", form::text(), form::kRequired, "a pin; the latch is transparent while it is low"},
       {"enable", form::text(), form::kRequired, "a pin"}}};
  return block;
}

const Block& cell_block() {
  static const Block block{
      "Cell",
      "",
      {{"subcircuit", form::text(), form::kOptional, "default: the cell's name in lower case"},
       {"inputs", form::list(form::name()), form::kRequired, "pins"},
       {"outputs", form::map(form::text()), form::kRequired, "pin: Boolean function"},
       {"drive", form::constant(""), form::kOptional, "loads are multiplied by it; default 1"},
       {"area", form::constant(""), form::kOptional, "um2, in place of the rule"},
       {"flip_flop", form::block(flip_flop_block()), form::kOptional, ""},
       {"latch", form::block(latch_block()), form::kOptional, ""},
       {"clock_gate", form::block(clock_gate_block()), form::kOptional, ""}},
      {"flip_flop", "latch", "clock_gate"}};
  return block;
}

const Block& library_block() {
  static const Block block{
      "Library",
      "",
      {{"gaincell_library", form::integer(1), form::kRequired, "version of this form: 1"},
       {"name", form::name(), form::kRequired, "of the library"},
       {"description", form::prose(), form::kOptional, "for people"},
       {"netlist", texts_form(), form::kRequired, "files with the cells' .subckt"},
       {"flavours", form::map(texts_form()), form::kOptional,
        "netlists of which one kind is put ahead of the cells"},
       {"models", files_form(), form::kRequired, "device cards"},
       {"corners", form::map(files_form()), form::kOptional, "files read behind the models"},
       {"conditions", form::block(conditions_block()), form::kRequired, ""},
       {"supply", form::block(supply_block()), form::kRequired, ""},
       {"wire", form::block(wire_block()), form::kRequired, "what wires add to each net"},
       {"area", form::block(area_block()), form::kRequired, ""},
       {"thresholds", form::block(thresholds_block()), form::kOptional, "0.2 and 0.8"},
       {"slews", form::list(form::constant("s")), form::kRequired, "of inputs, rising"},
       {"loads", form::list(form::constant("F")), form::kRequired, "of drive 1, rising"},
       {"constraint_slews", form::list(form::constant("s")), form::kOptional,
        "of data and clock, for setup and hold; default: first, middle and last of the slews"},
       {"settle", form::constant("s"), form::kOptional, "longest time of an edge; default 1n"},
       {"holdout", form::block(holdout_block()), form::kRequired, ""},
       {"cells", form::map(form::block(cell_block())), form::kRequired, "by name"}}};
  return block;
}

// Rising numbers above 0.
std::vector<double> grid(const Item& item, std::string_view unit) {
  std::vector<double> values;
  for (const Item& one : item.list()) {
    const double value = one.constant(unit);
    if (!(value > 0)) one.refuse("must be greater than 0");
    if (!values.empty() && !(value > values.back()))
      one.refuse("must be greater than the value before it");
    values.push_back(value);
  }
  if (values.size() < 2 || values.size() > kMostGrid)
    item.refuse(fmt::format("must hold 2 to {} values", kMostGrid));
  return values;
}

class LibraryReader {
 public:
  LibraryReader(const Item& root, CellLibrary& library) : root_(root), library_(library) {}

  void read() {
    if (const Item version = root_["gaincell_library"]; version.integer() != 1)
      version.refuse("is not a version that this program reads", "it reads 1");
    library_.name = root_.text("name");
    library_.description = root_.text("description");
    read_files();
    read_process();
    read_grid();
    for (const auto& [name, item] : root_["cells"].map()) read_cell(name, item);
    if (library_.cells.empty() || library_.cells.size() > kMostCells)
      root_["cells"].refuse(fmt::format("must hold 1 to {} cells", kMostCells));
  }

 private:
  fs::path beside(const Item& item, const std::string& name) const {
    if (name.empty()) item.refuse("names no file");
    const fs::path named = name;
    const fs::path found =
        fs::absolute(named.is_absolute() ? named : library_.path.parent_path() / named);
    std::error_code error;
    if (!fs::is_regular_file(found, error))
      item.refuse("there is no such file", "paths begin at the folder of the library");
    return found.lexically_normal();
  }
  std::vector<Section> sections(const Item& items) const {
    std::vector<Section> sections;
    for (const Item& item : items.list()) {
      if (item.is_map()) {
        sections.push_back({beside(item["file"], item.text("file")), item.text("section")});
      } else {
        sections.push_back({beside(item, item.text()), ""});
      }
    }
    return sections;
  }
  std::vector<fs::path> files(const Item& items) const {
    std::vector<fs::path> files;
    for (const Item& item : items.list()) files.push_back(beside(item, item.text()));
    return files;
  }

  void read_files() {
    library_.netlists = files(root_["netlist"]);
    if (library_.netlists.empty()) root_["netlist"].refuse("must name a file");
    if (root_.has("flavours"))
      for (const auto& [name, item] : root_["flavours"].map())
        library_.flavours[name] = files(item);
    library_.models = sections(root_["models"]);
    if (root_.has("corners"))
      for (const auto& [name, item] : root_["corners"].map())
        library_.corners[name] = sections(item);
  }

  template <class Map>
  static void choose(const Item& conditions, const std::string& key, const Map& among,
                     std::string& into) {
    if (among.empty()) {
      if (conditions.has(key)) conditions[key].refuse(fmt::format("there are no `{}s`", key));
      return;
    }
    if (!conditions.has(key))
      conditions.refuse(fmt::format("needs `{}`", key), fmt::format("name one of `{}s`", key));
    into = conditions.text(key);
    std::vector<std::string> names;
    for (const auto& [name, unused] : among) names.push_back(name);
    if (!among.contains(into)) conditions[key].refuse("is not there", suggest_remedy(into, names));
  }

  void read_process() {
    const Item conditions = root_["conditions"];
    choose(conditions, "flavour", library_.flavours, library_.conditions.flavour);
    choose(conditions, "corner", library_.corners, library_.conditions.corner);
    library_.conditions.temperature_degc = conditions["temperature"].constant("degC");
    library_.conditions.v_dd = positive(conditions["v_dd"], "V");
    const Item supply = root_["supply"];
    for (const Item& port : supply["power"].list()) library_.power.push_back(lower(port.text()));
    if (supply.has("ground"))
      for (const Item& port : supply["ground"].list())
        library_.ground.push_back(lower(port.text()));
    const Item wire = root_["wire"];
    library_.wire_base_f = not_negative(wire["base"], "F");
    library_.wire_per_terminal_f = not_negative(wire["per_terminal"], "F");
    const Item area = root_["area"];
    library_.pitch_m = positive(area["pitch"], "m");
    library_.extra_columns = not_negative(area["extra"], "");
    library_.height_m = positive(area["height"], "m");
  }

  void read_grid() {
    if (root_.has("thresholds")) {
      const Item thresholds = root_["thresholds"];
      library_.lower = positive(thresholds["lower"], "");
      library_.upper = positive(thresholds["upper"], "");
      if (!(library_.lower < 0.5)) thresholds["lower"].refuse("must be less than 0.5");
      if (!(library_.upper > 0.5 && library_.upper < 1))
        thresholds["upper"].refuse("must lie between 0.5 and 1");
    }
    library_.slews_s = grid(root_["slews"], "s");
    library_.loads_f = grid(root_["loads"], "F");
    const auto& slews = library_.slews_s;
    library_.constraint_slews_s = {slews.front(), slews[slews.size() / 2], slews.back()};
    if (slews.size() == 2) library_.constraint_slews_s = slews;
    if (root_.has("constraint_slews"))
      library_.constraint_slews_s = grid(root_["constraint_slews"], "s");
    if (root_.has("settle")) library_.settle_s = positive(root_["settle"], "s");
    const Item holdout = root_["holdout"];
    library_.holdout_slews = static_cast<std::size_t>(few(holdout["slews"]));
    library_.holdout_loads = static_cast<std::size_t>(few(holdout["loads"]));
    library_.holdout_seed = static_cast<std::uint64_t>(holdout["seed"].integer());
  }

  static long few(const Item& item) {
    if (item.integer() > 10) item.refuse("must be at most 10");
    return item.integer();
  }
  static double positive(const Item& item, std::string_view unit) {
    const double value = item.constant(unit);
    if (!(value > 0)) item.refuse("must be greater than 0");
    return value;
  }
  static double not_negative(const Item& item, std::string_view unit) {
    const double value = item.constant(unit);
    if (!(value >= 0)) item.refuse("must not be negative");
    return value;
  }

  void read_cell(const std::string& name, const Item& item) {
    Cell cell;
    cell.name = name;
    cell.place = item.where().place;
    cell.subcircuit = lower(item.text("subcircuit", name));
    std::set<std::string> pins{std::string(kState), std::string(kInverseState)};
    for (const Item& one : item["inputs"].list()) {
      if (!pins.insert(one.text()).second) one.refuse("is the name of another pin or of the state");
      cell.inputs.push_back(one.text());
    }
    if (cell.inputs.empty() || cell.inputs.size() > kMostInputs)
      item["inputs"].refuse(fmt::format("must name 1 to {} pins", kMostInputs));
    if (item.has("drive")) cell.drive = positive(item["drive"], "");
    if (item.has("area")) cell.area_m2 = positive(item["area"], "") * 1e-12;
    read_state(cell, item);
    for (const auto& [pin, function] : item["outputs"].map()) {
      if (!pins.insert(pin).second) function.refuse("is the name of another pin or of the state");
      cell.outputs.push_back({pin, read_function(cell, function)});
    }
    if (cell.outputs.empty())
      item["outputs"].refuse("holds no pin", "give each output its Boolean function");
    library_.cells.push_back(std::move(cell));
  }

  void read_state(Cell& cell, const Item& item) {
    if (item.has("flip_flop")) {
      const Item state = item["flip_flop"];
      cell.kind = Kind::kFlipFlop;
      cell.clock = control(cell, state["clock"]);
      cell.data = plain(cell, state["data"]);
      if (state.has("clear")) cell.clear = control(cell, state["clear"]);
      if (state.has("preset")) cell.preset = control(cell, state["preset"]);
    } else if (item.has("latch")) {
      cell.kind = Kind::kLatch;
      cell.clock = control(cell, item["latch"]["enable"]);
      cell.data = plain(cell, item["latch"]["data"]);
    } else if (item.has("clock_gate")) {
      cell.kind = Kind::kClockGate;
      cell.clock = {plain(cell, item["clock_gate"]["clock"]), true};
      cell.data = plain(cell, item["clock_gate"]["enable"]);
    }
    if (cell.kind != Kind::kCombinational && cell.clock.pin == cell.data)
      item.refuse("has one pin for clock and data");
  }

  static std::size_t plain(const Cell& cell, const Item& item) {
    const auto found = std::find(cell.inputs.begin(), cell.inputs.end(), item.text());
    if (found == cell.inputs.end())
      item.refuse("is no input of this cell", suggest_remedy(item.text(), cell.inputs));
    return static_cast<std::size_t>(found - cell.inputs.begin());
  }
  static Control control(const Cell& cell, const Item& item) {
    const std::string text = item.text();
    if (!text.starts_with('!')) return {plain(cell, item), true};
    const auto found = std::find(cell.inputs.begin(), cell.inputs.end(), text.substr(1));
    if (found == cell.inputs.end())
      item.refuse("is no input of this cell", suggest_remedy(text.substr(1), cell.inputs));
    return {static_cast<std::size_t>(found - cell.inputs.begin()), false};
  }

  static Function read_function(const Cell& cell, const Item& item) {
    std::vector<std::string> known = cell.inputs;
    if (cell.kind != Kind::kCombinational) {
      known.emplace_back(kState);
      known.emplace_back(kInverseState);
    }
    if (item.text().find_first_not_of(" \t") == std::string::npos)
      item.refuse("an output needs a Boolean function", "such as \"!(A & B)\"");
    std::optional<Function> function;
    try {
      function.emplace(item.text());
    } catch (const std::invalid_argument& wrong) {
      item.refuse(wrong.what(), "write ! & | ^, brackets and names of pins");
    }
    for (const std::string& name : function->names())
      if (std::find(known.begin(), known.end(), name) == known.end())
        item.refuse(fmt::format("names `{}`, which is no input of this cell", name),
                    suggest_remedy(name, known));
    if (cell.kind == Kind::kCombinational && function->names().empty())
      item.refuse("depends on no input", "cells of constant output are not characterized");
    return *function;
  }

  const Item& root_;
  CellLibrary& library_;
};

// One `name=value` of --at.
void take_condition(CellLibrary& library, const std::string& setting,
                    std::set<std::string>& taken) {
  const auto refuse = [&](std::string rule, std::string remedy) {
    throw Error(
        {.place = "--at", .value = setting, .rule = std::move(rule), .remedy = std::move(remedy)});
  };
  const std::size_t equals = setting.find('=');
  const std::string name = setting.substr(0, equals);
  static const std::vector<std::string> kNames{"flavour", "corner", "temperature", "v_dd"};
  if (equals == std::string::npos || std::find(kNames.begin(), kNames.end(), name) == kNames.end())
    refuse("is no condition of a library", suggest_remedy(name, kNames));
  if (!taken.insert(name).second) refuse("is named twice", "give each condition once");
  const std::string value = setting.substr(equals + 1);
  const auto choose = [&](const auto& among, std::string& into) {
    std::vector<std::string> names;
    for (const auto& [one, unused] : among) names.push_back(one);
    if (!among.contains(value))
      refuse("is not in the library",
             names.empty() ? fmt::format("it has no `{}s`", name) : suggest_remedy(value, names));
    into = value;
  };
  if (name == "flavour") {
    choose(library.flavours, library.conditions.flavour);
  } else if (name == "corner") {
    choose(library.corners, library.conditions.corner);
  } else {
    const bool supply = name == "v_dd";
    const auto number = parse_quantity(value, supply ? "V" : "degC");
    if (!number || (supply && !(*number > 0)))
      refuse(supply ? "is no voltage above 0" : "is no temperature", "such as v_dd=0.81");
    (supply ? library.conditions.v_dd : library.conditions.temperature_degc) = *number;
  }
}

}  // namespace

CellLibrary read_library(const std::string& path, const std::vector<std::string>& at) {
  CellLibrary library;
  library.path = fs::absolute(path).lexically_normal();
  const std::string text = read_file(path);
  library.sha256 = sha256(text);
  const Item root = characterize::parse_yaml(text, path);
  characterize::validate(root, form::block(library_block()));
  LibraryReader(root, library).read();
  std::set<std::string> taken;
  for (const std::string& settings : at)
    for (std::size_t from = 0; from <= settings.size();) {
      const std::size_t comma = std::min(settings.find(',', from), settings.size());
      take_condition(library, settings.substr(from, comma - from), taken);
      from = comma + 1;
    }
  return library;
}

}  // namespace gaincell::liberty
