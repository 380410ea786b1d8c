#include "liberty/netlists.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/error.h"
#include "base/suggest.h"
#include "base/text.h"
#include "liberty/group.h"

namespace gaincell::liberty {
namespace {

bool is_one_of(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

}  // namespace

Netlists::Netlists(const CellLibrary& library)
    : library_(library), circuits_(library.path.parent_path()) {
  const auto add = [&](const std::vector<std::filesystem::path>& files) {
    for (const auto& file : files) {
      circuits_.allow(file.parent_path());
      circuits_.add(file, "", library.path.string());
    }
  };
  if (!library.conditions.flavour.empty()) add(library.flavours.at(library.conditions.flavour));
  add(library.netlists);
  for (const Cell& cell : library.cells) check(cell);
}

void Netlists::check(const Cell& cell) const {
  const auto refuse = [&](std::string rule, std::string remedy) {
    throw Error({.place = cell.place,
                 .key = "cells." + cell.name,
                 .rule = std::move(rule),
                 .remedy = std::move(remedy)});
  };
  const auto* subcircuit = circuits_.subcircuit(cell.subcircuit);
  if (subcircuit == nullptr)
    refuse(fmt::format("there is no subcircuit `{}` in the netlists", cell.subcircuit),
           suggest_remedy(cell.subcircuit, circuits_.subcircuit_names()));
  std::set<std::string> pins;
  const auto take = [&](const std::string& pin) {
    const std::string port = lower(pin);
    pins.insert(port);
    if (!is_one_of(subcircuit->ports, port))
      refuse(fmt::format("its subcircuit has no port `{}`", port),
             suggest_remedy(port, subcircuit->ports));
  };
  for (const std::string& pin : cell.inputs) take(pin);
  for (const Output& output : cell.outputs) take(output.pin);
  for (const std::string& port : subcircuit->ports)
    if (!pins.contains(port) && !is_supply(port))
      refuse(fmt::format("its subcircuit has a port `{}` that is neither a pin nor a supply", port),
             "name it under inputs or outputs, or under `supply`");
}

const std::vector<std::string>& Netlists::ports(const Cell& cell) const {
  return circuits_.subcircuit(cell.subcircuit)->ports;
}

bool Netlists::is_supply(const std::string& net) const {
  return is_one_of(library_.power, net) || is_one_of(library_.ground, net) || net == "0";
}

// Of transistors as elements or as subcircuits of four ports: drain, gate, source, bulk. Other
// elements count with all their nets.
Netlists::Counted Netlists::count(const characterize::Subcircuit& subcircuit) const {
  Counted counted;
  for (const characterize::CircuitLine& line : circuits_.body(subcircuit)) {
    const std::vector<std::string> words = characterize::circuit_words(line.text);
    if (words.empty() || words[0].empty() || words[0][0] == '.') continue;
    const std::size_t plain = characterize::first_parameter(words);
    const bool instance = words[0][0] == 'x';
    if (!instance && words[0][0] != 'm' && words[0][0] != 'c' && words[0][0] != 'r') continue;
    // Behind the nets stands the model's or the subcircuit's name, or a value.
    const std::size_t nets = words[0][0] == 'm' ? 4 : instance ? plain - 2 : 2;
    const bool transistor = words[0][0] == 'm' || (instance && nets == 4);
    for (std::size_t k = 1; k <= nets && k < words.size(); ++k) {
      if (transistor && k == 4) {
        (is_one_of(library_.power, words[k]) ? counted.on_power : counted.on_ground) += 1;
        continue;
      }
      if (is_supply(words[k])) continue;
      Net& net = counted.nets[words[k]];
      ++net.terminals;
      if (!transistor || k == 2) ++net.gates;
    }
  }
  return counted;
}

double Netlists::area_m2(const Cell& cell) const {
  if (cell.area_m2) return *cell.area_m2;
  const Counted counted = count(*circuits_.subcircuit(cell.subcircuit));
  const auto columns = static_cast<double>(std::max(counted.on_power, counted.on_ground));
  return library_.pitch_m * (columns + library_.extra_columns) * library_.height_m;
}

std::string Netlists::wired_text() const {
  // Behind which line of the library what is put: ahead of the .ends of a cell.
  std::map<std::size_t, std::string> wires;
  for (const Cell& cell : library_.cells) {
    const characterize::Subcircuit& subcircuit = *circuits_.subcircuit(cell.subcircuit);
    const Counted counted = count(subcircuit);
    std::string text;
    for (const auto& [name, net] : counted.nets) {
      const bool port = is_one_of(subcircuit.ports, name);
      // Between two devices in series is a diffusion that they share, and no wire.
      if (!port && net.terminals == 2 && net.gates == 0) continue;
      const double farad =
          library_.wire_base_f + library_.wire_per_terminal_f * static_cast<double>(net.terminals);
      if (farad > 0) text += fmt::format("cwire_{} {} 0 {}\n", name, name, number_text(farad));
    }
    wires[subcircuit.last_line] = std::move(text);
  }
  std::string text;
  const auto& lines = circuits_.lines();
  for (std::size_t k = 0; k < lines.size(); ++k) {
    if (const auto here = wires.find(k); here != wires.end()) text += here->second;
    text += lines[k].text + "\n";
  }
  return text;
}

}  // namespace gaincell::liberty
