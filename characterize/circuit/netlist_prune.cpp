#include <fmt/format.h>

#include <algorithm>

#include "characterize/circuit/code_models.h"
#include "characterize/circuit/netlist.h"
#include "characterize/circuit/netlist_parts.h"

namespace gaincell::characterize {
namespace {

// The file of "folder/file.lib:12".
std::string file_of(const std::string& place) { return place.substr(0, place.rfind(':')); }

}  // namespace

std::vector<Library::Unit> Library::units() const {
  std::vector<Unit> all;
  int conditional = 0;
  for (std::size_t k = 0; k < lines_.size(); ++k) {
    const auto words = circuit_words(lines_[k].text);
    const std::string& first = words[0];
    // What stands in a conditional block may or may not be there: it stays.
    if (first == ".if") ++conditional;
    const bool always = conditional > 0;
    if (first == ".endif") --conditional;
    Unit unit{k, k, {}};
    if (first == ".subckt") {
      unit.last = scopes_[0].subcircuits.at(words[1]).last_line;
      unit.names = {words[1]};
      k = unit.last;
    } else if (first == ".model") {
      unit.names = {words[1]};
      if (const std::size_t dot = words[1].rfind('.'); dot != std::string::npos)
        unit.names.push_back(words[1].substr(0, dot));  // one bin of a card
    } else if (first == ".param") {
      unit.names = parameter_names(words, 1);
    } else if (first == ".func" && words.size() > 1) {
      unit.names = {words[1].substr(0, words[1].find_first_of("(="))};
    }
    if (always) unit.names.clear();
    all.push_back(std::move(unit));
  }
  return all;
}

// A stray line in a part that is needed is an error, since the simulator would make something of
// it; elsewhere it is named and left out.
void Library::settle_strays(const std::vector<Unit>& all, const std::vector<bool>& kept) {
  if (strays_.empty()) return;
  std::set<std::string> files;
  for (std::size_t u = 0; u < all.size(); ++u) {
    if (kept[u] && !all[u].names.empty()) files.insert(file_of(lines_[all[u].first].place));
  }
  for (const Stray& stray : strays_) {
    const auto unit =
        std::upper_bound(all.begin(), all.end(), stray.at,
                         [](std::size_t line, const Unit& one) { return line <= one.last; });
    const bool needed =
        stray.file.empty() ? unit != all.end() && kept[static_cast<std::size_t>(unit - all.begin())]
                           : files.contains(stray.file);
    if (needed) throw stray.error;
    if (stray.file.empty()) continue;  // it goes with a part that nobody asked for
    warnings_.push_back(
        fmt::format("{} (left out: nothing else of that file is needed)", stray.error.what()));
  }
  strays_.clear();
}

void Library::prune(std::string_view text) {
  const std::vector<Unit> all = units();
  std::multimap<std::string, std::size_t> defines;
  for (std::size_t u = 0; u < all.size(); ++u) {
    for (const std::string& name : all[u].names) defines.emplace(name, u);
  }
  std::vector<bool> kept(all.size(), false);
  std::vector<std::size_t> open;
  const auto need = [&](const std::string& name) {
    const auto [begin, end] = defines.equal_range(name);
    for (auto at = begin; at != end; ++at) {
      if (kept[at->second]) continue;
      kept[at->second] = true;
      open.push_back(at->second);
    }
  };
  for (std::size_t u = 0; u < all.size(); ++u) {
    if (!all[u].names.empty()) continue;
    kept[u] = true;
    open.push_back(u);
  }
  for_each_name(text, need);
  while (!open.empty()) {
    const Unit& unit = all[open.back()];
    open.pop_back();
    for (std::size_t k = unit.first; k <= unit.last; ++k) for_each_name(lines_[k].text, need);
  }
  settle_strays(all, kept);
  // Indices into the lines move.
  std::vector<std::size_t> moved(lines_.size(), kGone);
  std::vector<CircuitLine> lines;
  for (std::size_t u = 0; u < all.size(); ++u) {
    for (std::size_t k = all[u].first; kept[u] && k <= all[u].last; ++k) {
      moved[k] = lines.size();
      lines.push_back(std::move(lines_[k]));
    }
  }
  lines_ = std::move(lines);
  for (Scope& scope : scopes_) {
    for (auto& [name, subcircuit] : scope.subcircuits) {
      subcircuit.first_line = moved[subcircuit.first_line];
      subcircuit.last_line = moved[subcircuit.last_line];
    }
  }
  std::erase_if(elements_, [&](Element& element) {
    element.at = moved[element.at];
    return element.at == kGone && !element.strict;
  });
}

// The compatibility modes of PSpice and LTspice turn switches, diodes and gates into code models.
bool Library::needs_code_models() const {
  return dialect_.pspice || dialect_.ltspice ||
         std::any_of(lines_.begin(), lines_.end(), needs_code_model);
}

}  // namespace gaincell::characterize
