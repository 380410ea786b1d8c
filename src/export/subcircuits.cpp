#include "export/subcircuits.h"

#include <algorithm>
#include <sstream>

#include "base/store/formats.h"
#include "base/text.h"

namespace gaincell::exports {
namespace {

// Lines of a netlist, those that go on with `+` joined.
std::vector<std::string> whole_lines(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) {
    if (!line.empty() && line.front() == '+' && !lines.empty()) {
      lines.back() += " " + line.substr(1);
    } else {
      lines.push_back(line);
    }
  }
  return lines;
}

}  // namespace

bool Subcircuit::has(const std::string& port) const {
  return std::find(ports.begin(), ports.end(), port) != ports.end();
}

std::vector<Subcircuit> subcircuits_of(const lut::DeviceFile& device, const std::string& bench) {
  std::vector<Subcircuit> found;
  for (const lut::Provenance& provenance : device.provenance()) {
    if (provenance.bench != bench) continue;
    const std::vector<std::string> texts = provenance.texts(store::samples::kNetlistText);
    if (texts.empty()) continue;
    for (const std::string& line : whole_lines(texts.front())) {
      std::istringstream words(lower(line));
      Subcircuit one;
      std::string word;
      if (!(words >> word) || word != ".subckt" || !(words >> one.name)) continue;
      // Ports end where parameters begin.
      while (words >> word && word != "params:" && word.find('=') == std::string::npos)
        one.ports.push_back(word);
      found.push_back(std::move(one));
    }
  }
  return found;
}

std::optional<Subcircuit> find_subcircuit(const lut::DeviceFile& device, const std::string& bench,
                                          const std::vector<std::string>& ports) {
  std::optional<Subcircuit> found;
  for (const Subcircuit& one : subcircuits_of(device, bench))
    if (std::all_of(ports.begin(), ports.end(),
                    [&](const std::string& port) { return one.has(port); }))
      found = one;
  return found;
}

}  // namespace gaincell::exports
