#pragma once

#include <algorithm>
#include <cmath>

#include "attention/circuit.h"

namespace gaincell::attention {

// The charge of a read of smooth_circuit().
struct SmoothCell {
  // What follows from the voltages alone; a column asks for two widths of it in turn.
  struct At {
    double v_store = std::nan(""), bitline = 0, current_a = 0, edge_c = 0;
  };
  static At at(double v_store, double bitline) {
    const double z = v_store - 0.45;
    const double drive = 17e-6 * z + 9e-6 * z * z * z + 0.3e-6;  // A
    // The sink needs bitline above ground, the source needs it below the supply.
    const double room = drive > 0 ? bitline : 0.9 - bitline;
    const double knee = 0.08 + 0.1 * std::abs(z);
    const double compress = std::tanh(std::max(room, 0.0) / knee);
    return {v_store, bitline, drive * compress, 0.2e-15 * std::sin(3 * z)};
  }
  static double read_charge_c(double v_store, double width_s, double bitline) {
    thread_local At last;
    if (last.v_store != v_store || last.bitline != bitline) last = at(v_store, bitline);
    return last.current_a * width_s + last.edge_c * std::min(1.0, width_s / 0.2e-9);
  }
};

// A gain cell in closed form with everything a real one has: current that saturates with the
// bitline and is not odd in the stored voltage, charge of the word line's edges, a pedestal,
// leakage, a converter with dead zone, soft knee and offset, a bitline capacitance that is not
// constant.
inline Circuit smooth_circuit(int dim = 64) {
  Circuit circuit;
  const double t_max = circuit.t_max_s, full_scale = 1.1e-12 * dim / 64;
  circuit.pulse_nodes_s = {0.0, 0.05e-9, 0.2e-9, 1e-9, 2e-9, 4e-9, 8e-9, t_max};
  circuit.read_charge_c = [nodes = circuit.pulse_nodes_s](double v_store, std::size_t node,
                                                          double bitline) {
    return node == 0 ? 0.0 : SmoothCell::read_charge_c(v_store, nodes[node], bitline);
  };
  circuit.written_v = [](double target, double) { return target - 0.006 - 0.008 * (0.9 - target); };
  circuit.retained_v = [](double initial, double age) {
    return 0.45 + (initial - 0.45) * std::exp(-age / 5e-3) - 0.5 * age * (initial > 0.6);
  };
  const double capacitance = full_scale / 0.225;  // half of the supply is left at full scale
  const auto bitline = [=](double charge) {
    const double v = charge / capacitance;
    return 0.448 - v + 0.1 * v * v;
  };
  circuit.relu.bitline_v = bitline;
  circuit.relu.pulse_s = [=](double charge) {
    const double share = (charge - 0.004 * full_scale) / full_scale;
    if (share <= 0) return 0.0;
    return t_max * std::min(1.0, share - 0.01 * share * (1 - share));
  };
  circuit.relu.full_scale_s = t_max;
  circuit.relu.charge_low_c = -1.5 * full_scale;
  circuit.relu.charge_high_c = 1.5 * full_scale;
  circuit.differential.bitline_v = [=](double charge) { return bitline(2 * charge); };
  circuit.differential.pulse_s = [=](double charge) {
    const double share = 2 * charge / full_scale;
    return t_max * std::clamp(share + 0.002 + 0.01 * std::sin(2 * share), -1.0, 1.0);
  };
  circuit.differential.full_scale_s = t_max;
  circuit.differential.charge_low_c = -0.75 * full_scale;
  circuit.differential.charge_high_c = 0.75 * full_scale;
  return circuit;
}

}  // namespace gaincell::attention
