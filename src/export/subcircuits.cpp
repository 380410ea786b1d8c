#include "export/subcircuits.h"

#include <algorithm>
#include <sstream>

#include "base/store/formats.h"
#include "base/text.h"
#include "export/macro_model.h"

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

// One that has all of `ports` and not `out`: what begins the pulses of the converters.
std::optional<Subcircuit> start_in(const lut::DeviceFile& device, const std::string& bench,
                                   const std::vector<std::string>& ports, const std::string& out) {
  for (const Subcircuit& one : subcircuits_of(device, bench)) {
    const bool all = std::all_of(ports.begin(), ports.end(),
                                 [&](const std::string& port) { return one.has(port); });
    if (all && !one.has(out)) return one;
  }
  return std::nullopt;
}

std::string bench_of(const lut::DeviceFile& device, const std::string& table) {
  const lut::TableEntry* entry = device.find_table(table);
  return entry == nullptr ? "" : entry->bench.substr(0, entry->bench.find(" + "));
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

GainCellCircuits gain_cell_circuits(const lut::DeviceFile& device) {
  const std::string read =
      bench_of(device, device.find_table("cell_read_charge") != nullptr ? "cell_read_charge"
                                                                        : "cell_static_current");
  GainCellCircuits circuits{
      find_subcircuit(device, read, {"bl", "en", "enb", "sn"})
          .value_or(Subcircuit{"gain_cell", {"wbl", "wwl", "bl", "en", "enb", "sn", "vdd"}}),
      {},
      {},
      {},
      {}};
  if (has_converter(device, "relu")) {
    const std::string bench = bench_of(device, "relu_pulse_width");
    circuits.relu =
        find_subcircuit(device, bench, {"bl", "vref", "reset_hv", "convert", "start", "out"})
            .value_or(
                Subcircuit{"converter_relu",
                           {"bl", "vref", "reset_hv", "convert", "start", "out", "out_b", "vdd"}});
    circuits.relu_start =
        start_in(device, bench, {"bl", "vref", "convert", "start"}, "out")
            .value_or(Subcircuit{"relu_start", {"bl", "vref", "convert", "start", "vdd"}});
  }
  if (has_converter(device, "signed")) {
    const std::string bench = bench_of(device, "signed_pulse_width");
    circuits.signed_ =
        find_subcircuit(device, bench,
                        {"bl", "vref", "reset_hv", "convert", "start_p", "start_n", "outp", "outn"})
            .value_or(Subcircuit{"converter_signed",
                                 {"bl", "vref", "reset_hv", "convert", "start_p", "start_n", "outp",
                                  "outn", "sign", "vdd"}});
    circuits.signed_start =
        start_in(device, bench, {"bl_p", "bl_n", "convert", "start_p", "start_n"}, "outp")
            .value_or(Subcircuit{"signed_start",
                                 {"bl_p", "bl_n", "convert", "start_p", "start_n", "vdd"}});
  }
  return circuits;
}

}  // namespace gaincell::exports
