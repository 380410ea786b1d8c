#pragma once

#include <optional>
#include <string>
#include <vector>

#include "lut/device_file.h"
#include "lut/published.h"

namespace gaincell::lut {

// A column's share of a conversion, cells included.
struct ColumnEnergies {
  double first_j = 0, second_j = 0;
  std::string source;
};

// Everything but the cell's current, of a device that is given by its current alone: bitlines that
// do not move, converters that are clamps, exact writes, and a stored voltage that decays to v_zero
// with one time constant (or a read's charge that fades with it). Where not said otherwise the
// figures are the published ones.
struct IdealPeriphery {
  int q_levels = kPublished.q_levels, kv_levels = kPublished.kv_levels;
  int output_levels = kPublished.output_levels, tile = kPublished.tile;
  double t_max_s = kPublished.t_max_s;
  double v_dd = kPublished.v_max, v_zero = kPublished.v_zero;  // V
  // A x (pulse / longest pulse)
  double s_sat_first_a = kPublished.s_sat_first_a, s_sat_second_a = kPublished.s_sat_second_a;
  double retention_tau_s = kPublished.retention_tau_s;
  // What decays with it: the stored voltage, or the charge of a read, whatever the voltage.
  PublishedVariant::Decay decay = PublishedVariant::Decay::kPower;
  double latency_s = kPublished.latency_s;  // in halves
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

// The authors' device: the cubic current and S_sat of `kPublished`. Constants `current_off_rms` and
// `current_off_max` say how far the cubic is off the simulations that it was fitted to.
// `periphery`: other figures than the published ones; decay and energies are the variant's.
DeviceFile published_device(const PublishedVariant& variant = {}, IdealPeriphery periphery = {});

// Least-squares slope of the current over the stored voltages 0 .. 2 v_zero, A/V.
double slope_a_per_v(const CellCurrent& current, double v_zero);

}  // namespace gaincell::lut
