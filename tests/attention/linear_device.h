#pragma once

#include "lut/gain_cell_device.h"

namespace gaincell::attention {

// A device whose tables are (piecewise) linear, so that its figures can be worked out by hand:
// cells of 20 uA/V around 0.45 V on a bitline that does not move, exact writes, no leakage, ideal
// converters with full scales of 0.3 pC (ReLU) and 0.2 pC (signed). Four levels of q, k and v.
// Energies: cell 1 uW (1 + v_store / V) during its pulse; ReLU 200 fJ + 0.1 V Q; signed 100 fJ +
// 0.05 V Q; write 1 fJ (1 + v_target / V). Between tokens, after 30 and 20 ns: ReLU 1 uW + 1 MV/s
// Q, signed 2 uW, 3 over the first second; mirror lines 3 and 4 uW; cell 5 pW (1 + v_store / V).
inline lut::GainCellDevice linear_device() {
  using lut::Axis;
  using lut::Interpolation;
  const Axis store("v_store", "V", {-1, 2}), width("pulse_width", "s", {0, 15e-9}),
      bitline("v_bitline", "V", {0, 0.9}), target("v_target", "V", {-1, 2}),
      initial("v_initial", "V", {-1, 2}), age("age", "s", {0, 1});
  lut::DeviceFile file;
  const auto add = [&](const char* name, const char* unit, std::vector<Axis> axes, auto f) {
    std::vector<double> values;
    std::vector<std::size_t> at(axes.size(), 0);
    const auto visit = [&](auto&& self, std::size_t axis, std::vector<double> x) -> void {
      if (axis == axes.size()) {
        values.push_back(f(x));
        return;
      }
      for (const double node : axes[axis].nodes()) {
        x.push_back(node);
        self(self, axis + 1, x);
        x.pop_back();
      }
    };
    visit(visit, 0, {});
    file.add(lut::TableEntry{lut::Table({name, unit}, axes, values, Interpolation::kLinear)});
  };
  using X = const std::vector<double>&;
  add("cell_read_charge", "C", {store, width, bitline},
      [](X x) { return 20e-6 * (x[0] - 0.45) * x[1]; });
  add("cell_read_energy", "J", {store, width, bitline},
      [](X x) { return 1e-6 * (1 + x[0]) * x[1]; });
  add("cell_static_current", "A", {store, bitline}, [](X x) { return 20e-6 * (x[0] - 0.45); });
  add("cell_written_voltage", "V", {target}, [](X x) { return x[0]; });
  add("cell_write_energy", "J", {target}, [](X x) { return 1e-15 * (1 + x[0]); });
  add("cell_retention", "V", {initial, age}, [](X x) { return x[0]; });
  const Axis relu("charge", "C", {-1e-12, 0, 0.3e-12, 1e-12});
  const Axis differential("charge", "C", {-1e-12, -0.2e-12, 0.2e-12, 1e-12});
  add("relu_pulse_width", "s", {relu},
      [](X x) { return x[0] <= 0 ? 0.0 : 15e-9 * std::min(1.0, x[0] / 0.3e-12); });
  add("relu_energy", "J", {relu}, [](X x) { return 200e-15 + 0.1 * x[0]; });
  add("relu_bitline_voltage", "V", {relu}, [](X) { return 0.45; });
  add("signed_pulse_width", "s", {differential},
      [](X x) { return 15e-9 * std::clamp(x[0] / 0.2e-12, -1.0, 1.0); });
  add("signed_energy", "J", {differential}, [](X x) { return 100e-15 + 0.05 * x[0]; });
  add("signed_bitline_voltage", "V", {differential}, [](X) { return 0.45; });
  const Axis idle("idle_time", "s", {0, 1}), period("token_period", "s", {0, 2});
  add("relu_standing_power", "W", {relu, idle}, [](X x) { return 1e-6 + 1e6 * x[0]; });
  add("signed_standing_power", "W", {differential, idle}, [](X x) { return 2e-6 + 1e-6 * x[1]; });
  add("relu_bias_power", "W", {period}, [](X) { return 3e-6; });
  add("signed_bias_power", "W", {period}, [](X) { return 4e-6; });
  add("cell_standing_power", "W", {store}, [](X x) { return 5e-12 * (1 + x[0]); });
  const auto constant = [&](const char* name, const char* unit, double value) {
    file.add(lut::Constant{{name, unit}, value});
  };
  constant("t_max", "s", 15e-9);
  constant("v_dd", "V", 0.9);
  constant("v_zero", "V", 0.45);
  constant("q_levels", "1", 4);
  constant("kv_levels", "1", 4);
  constant("output_levels", "1", 5);
  constant("tile", "1", 64);
  constant("signed_full_scale", "s", 15e-9);
  constant("relu_active_time", "s", 30e-9);
  constant("signed_active_time", "s", 20e-9);
  constant("latency_first_stage", "s", 22e-9);
  constant("latency_second_stage", "s", 32e-9);
  return lut::GainCellDevice(std::move(file));
}

}  // namespace gaincell::attention
