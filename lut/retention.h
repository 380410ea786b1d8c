#pragma once

#include <optional>

#include "lut/device_file.h"
#include "lut/table.h"

namespace gaincell::lut {

struct RetentionOptions {
  // Longest age of the table, s. Without it: when no start voltage moves by more than a millivolt
  // in another e-fold of time.
  std::optional<double> longest_age_s{};
  // The age grid, logarithmic from the first millivolt on, is made denser until the table lies
  // within this of the integration between its nodes.
  double tolerance_v = 20e-6;
};

struct Retention {
  Table table;          // V over (v_initial V, age s); age 0 is a node
  double grid_error_v;  // measured between the nodes, against the integration
  bool leaves_axis;  // some start drifts out of the range of the given tables, and is held at its
                     // end
};

// Stored voltage against its start and age: C(V) dV/dt = -I_leak(V), integrated with Boost.Odeint
// (Dormand-Prince 5, dense output, controlled to 1e-9 V).
//
// leakage: A out of the storage node over v_store; capacitance: F of that node over v_store. Start
// voltages are the leakage table's nodes inside the capacitance table's range, and points between.
// Throws Error where the capacitance isn't positive, the ranges hardly overlap, or nothing leaks
// (no age scale, unless given).
Retention integrate_retention(const Table& leakage, const Table& capacitance,
                              const RetentionOptions& options);

// Half of what lies between two levels of a stored value, V; none where the device does not say.
std::optional<double> half_a_level_v(const DeviceFile& device);
// When a cell that began at `start_v` is `lost_v` away from there, s; none where the table, over
// (v_initial, age), never has it so far.
std::optional<double> age_of_loss_s(const Table& retention, double start_v, double lost_v);

}  // namespace gaincell::lut
