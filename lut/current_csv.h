#pragma once

#include <filesystem>
#include <string>

#include "lut/ideal_device.h"
#include "lut/table.h"

namespace gaincell::lut {

// A measured or foreign read current over stored voltage and read voltage.
struct CurrentSurface {
  Table current;     // A over (v_store V, v_in V)
  std::string text;  // the file
  std::string place;

  double highest_v_in() const { return current.axis(1).back(); }
  // At one read voltage, between the nodes by interpolation. Throws Error outside the table.
  CellCurrent at(double v_in) const;
};

// CSV with a header that names V_store, V_in and I in any order, in V and A; current is positive
// where it flows out of the bitline. The points form a full grid, in any order of rows; other
// columns are ignored, lines that begin with # as well. Throws Error with file and line.
CurrentSurface read_current_csv(const std::filesystem::path& path);

}  // namespace gaincell::lut
