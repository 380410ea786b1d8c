#pragma once

#include <map>
#include <string>
#include <vector>

#include "characterize/circuit/netlist.h"
#include "liberty/library.h"

namespace gaincell::liberty {

// The netlists of a library, held against its cells.
class Netlists {
 public:
  // Throws Error where a subcircuit is missing, lacks a pin or has a port that nobody names.
  explicit Netlists(const CellLibrary& library);

  // Ports of the cell's subcircuit in their order, lower case.
  const std::vector<std::string>& ports(const Cell& cell) const;
  double area_m2(const Cell& cell) const;
  // All subcircuits, with the capacitance of the wires on each net of each cell.
  std::string wired_text() const;

 private:
  // What hangs on a net inside a cell.
  struct Net {
    std::size_t terminals = 0;
    std::size_t gates = 0;
  };
  struct Counted {
    std::map<std::string, Net> nets;
    std::size_t on_power = 0, on_ground = 0;  // transistors, by the net of their bulk
  };
  void check(const Cell& cell) const;
  Counted count(const characterize::Subcircuit& subcircuit) const;
  bool is_supply(const std::string& net) const;

  const CellLibrary& library_;
  characterize::Library circuits_;
};

}  // namespace gaincell::liberty
