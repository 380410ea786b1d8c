#pragma once

#include <optional>
#include <string>
#include <vector>

#include "lut/device_file.h"

namespace gaincell::exports {

// A subcircuit as the netlists behind a device declare it.
struct Subcircuit {
  std::string name;
  std::vector<std::string> ports;

  bool has(const std::string& port) const;
};

// Those of the netlist that a bench was simulated with, in their order; none where the device does
// not say.
std::vector<Subcircuit> subcircuits_of(const lut::DeviceFile& device, const std::string& bench);

// The last one of `bench` that has all these ports.
std::optional<Subcircuit> find_subcircuit(const lut::DeviceFile& device, const std::string& bench,
                                          const std::vector<std::string>& ports);

// The circuits behind a gain-cell device, by the ports that they have; where the device does not
// say (it has no netlists), one of the usual name and ports. No converter where its tables are
// missing.
struct GainCellCircuits {
  Subcircuit cell;
  std::optional<Subcircuit> relu, relu_start, signed_, signed_start;
};
GainCellCircuits gain_cell_circuits(const lut::DeviceFile& device);

}  // namespace gaincell::exports
