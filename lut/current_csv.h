#pragma once

#include <filesystem>
#include <string>

#include "lut/csv_table.h"
#include "lut/ideal_device.h"
#include "lut/table.h"

namespace gaincell::lut {

// A measured or foreign read current over stored voltage and read voltage.
struct CurrentSurface {
  Table current;       // A over (v_store V, v_in V)
  std::string text;    // the file, as UTF-8
  std::string sha256;  // of the file
  std::string place;
  // How the file was read, for people: rows, separator, units, columns, and what the voltages were
  // taken for.
  std::string understood;

  double highest_v_in() const { return current.axis(1).back(); }
  // At one read voltage, between the nodes by interpolation. Throws Error outside the table.
  CellCurrent at(double v_in) const;
};

struct CurrentCsvOptions {
  CsvDialect dialect;
  // Voltages that were read back lie beside the ones that were set: values no further apart are one
  // node of the grid.
  double grid_tolerance_v = 1e-3;
};

// A cell that draws more is a column in another unit, unless the file or the user names the unit.
inline constexpr double kImplausibleCurrentA = 10e-3, kImplausibleVoltageV = 10;

// CSV (csv_table.h) with the columns V_store, V_in and I in any order, in V and A where the header
// names no unit; current is positive where it flows out of the bitline. The points form a full
// grid, in any order of rows. Throws Error with file and line.
CurrentSurface read_current_csv(const std::filesystem::path& path,
                                const CurrentCsvOptions& options = {});

}  // namespace gaincell::lut
