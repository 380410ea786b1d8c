#pragma once

#include <optional>
#include <string>
#include <vector>

#include "lut/device_file.h"

namespace gaincell::lut {

// A column's share of a conversion, cells included.
struct ColumnEnergies {
  double first_j = 0, second_j = 0;
  std::string source;
};

// Everything but the cell's current, of a device that is given by its current alone: bitlines that
// do not move, converters that are clamps, exact writes, and a stored voltage that decays to v_zero
// with one time constant. Where not said otherwise the figures are those of Leroux et al., Nature
// Computational Science 5, 813 (2025) and its code.
struct IdealPeriphery {
  int q_levels = 16, kv_levels = 8, output_levels = 32, tile = 64;
  double t_max_s = 15e-9;
  double v_dd = 0.9, v_zero = 0.45;                      // V
  double s_sat_first_a = 80e-6, s_sat_second_a = 40e-6;  // A x (pulse / longest pulse)
  double retention_tau_s = 5e-3;
  double latency_s = 65e-9;  // both stages; how it is split is not published: in halves
  // None: the device has no energies. A current says nothing of them.
  std::optional<ColumnEnergies> column;
};

// A cell's static read current on a grid, positive out of the bitline (V_store above zero).
struct CellCurrent {
  std::vector<double> v_store, current_a;  // equal sizes, v_store rising
  std::string name;                        // of the provenance: "published", "import"
  std::string comment;                     // where it is from, for every table made of it
  std::string text;                        // what it was read from, kept in the provenance
  std::string text_sha256{};               // of the file that it was read from
};

// Tables and constants of a gain-cell device, so that everything that takes a device file takes it.
// No table has a measured error: there is no simulation behind it. Throws Error where the current
// does not cover 0 .. 2 v_zero.
DeviceFile ideal_device(const CellCurrent& current, const IdealPeriphery& periphery);

// The authors' device: f(z) = 0.5213636139 + 13.612260634 z - 2.620445619 z^2 + 46.05483778 z^3 uA,
// z = V_store - 0.45 V, S_sat 80 and 40 uA.
DeviceFile published_device();

// Least-squares slope of the current over the stored voltages 0 .. 2 v_zero, A/V.
double slope_a_per_v(const CellCurrent& current, double v_zero);

}  // namespace gaincell::lut
