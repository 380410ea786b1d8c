#include <algorithm>
#include <cmath>
#include <optional>
#include <vector>

#include "attention/circuit.h"
#include "lut/gain_cell_device.h"

namespace gaincell::attention {
namespace {

// Where a table of one axis bends; none where it is curved, or bends more often than nodes that
// suit any converter are.
std::optional<std::vector<double>> bends_of(const lut::Table& table) {
  constexpr std::size_t kMost = 12;
  if (table.interpolation()[0] != lut::Interpolation::kLinear) return std::nullopt;
  const auto x = table.axis(0).nodes();
  const auto y = table.values();
  const double rounding = 1e-12 * std::max(std::abs(table.minimum()), std::abs(table.maximum()));
  std::vector<double> bends{x.front()};
  for (std::size_t i = 1; i + 1 < x.size(); ++i) {
    const double share = (x[i] - x[i - 1]) / (x[i + 1] - x[i - 1]);
    if (std::abs(y[i] - std::lerp(y[i - 1], y[i + 1], share)) > rounding) bends.push_back(x[i]);
  }
  bends.push_back(x.back());
  if (bends.size() > kMost) return std::nullopt;
  return bends;
}

// Whether f(v_store, pulse width, bitline) is proportional to the width up to the longest pulse.
bool is_proportional(const lut::Table& table, double longest_s) {
  const lut::Axis& width = table.axis(1);
  if (table.interpolation()[1] != lut::Interpolation::kLinear || width.size() != 2 ||
      width.front() != 0 || width.back() < longest_s)
    return false;
  for (const double v_store : table.axis(0).nodes())
    for (const double bitline : table.axis(2).nodes())
      if (table.at(v_store, 0.0, bitline) != 0) return false;
  return true;
}

// Charges that hold where the converter's tables and, beside a cell's, the bitline's are known.
// Beyond an end where the pulse no longer changes and the bitline never did, all is known.
void set_known_range(const lut::ConverterTables& tables, const lut::Axis& bitline,
                     Circuit::Converter& converter) {
  const lut::Axis& charge = tables.pulse_width.axis(0);
  const auto pulses = tables.pulse_width.values();
  const double still = 1e-6 * tables.pulse_width.full_scale();
  const auto ends = [&](std::size_t last, std::size_t before) {
    return converter.bitline_moves || std::abs(pulses[last] - pulses[before]) > still;
  };
  if (ends(0, 1)) converter.known_low_c = charge.front();
  if (ends(pulses.size() - 1, pulses.size() - 2)) converter.known_high_c = charge.back();
  if (!converter.bitline_moves) return;
  const lut::Axis& moved = tables.bitline_voltage.axis(0);
  converter.known_low_c = std::max(converter.known_low_c, moved.front());
  converter.known_high_c = std::min(converter.known_high_c, moved.back());
  constexpr int kSteps = 2000;
  const double low = converter.known_low_c, high = converter.known_high_c;
  for (int i = 0; i <= kSteps; ++i) {
    const double at = low + (high - low) * i / kSteps, v = converter.bitline_v(at);
    if (v >= bitline.front() && v <= bitline.back()) continue;
    double& end = at < 0 ? converter.known_low_c : converter.known_high_c;
    end = at < 0 ? std::max(end, at) : std::min(end, at);
  }
}

// The last age of a retention table that still falls there; held beyond a table that has come to
// rest, a voltage is right.
double known_age_s(const lut::Table& retention) {
  const lut::Axis &initial = retention.axis(0), &age = retention.axis(1);
  const double last = age.back(), before = age.nodes()[age.size() - 2];
  const double rest = 1e-4 * (initial.back() - initial.front());
  for (const double v : initial.nodes()) {
    const double slope = (retention.at(v, last) - retention.at(v, before)) / (last - before);
    if (std::abs(slope) * last > rest) return last;  // as much again would show
  }
  return Circuit::kUnlimited;
}

// The last age at which a read's share still falls, as known_age_s() has it for voltages.
double known_share_age_s(const lut::Table& share) {
  const lut::Axis& age = share.axis(0);
  const double last = age.back(), before = age.nodes()[age.size() - 2];
  const double slope = (share.at(last) - share.at(before)) / (last - before);
  return std::abs(slope) * last > 1e-4 ? last : Circuit::kUnlimited;
}

Circuit::Converter converter_of(const lut::ConverterTables& tables, double full_scale_s,
                                const lut::Axis& bitline) {
  Circuit::Converter converter;
  converter.pulse_s = [table = tables.pulse_width](double charge) { return table.at(charge); };
  converter.bitline_v = [table = tables.bitline_voltage](double charge) {
    return table.at(charge);
  };
  converter.bitline_moves = tables.bitline_voltage.full_scale() > 0;
  converter.full_scale_s = full_scale_s;
  converter.charge_low_c = tables.pulse_width.axis(0).front();
  converter.charge_high_c = tables.pulse_width.axis(0).back();
  set_known_range(tables, bitline, converter);
  if (tables.energy) converter.energy_bends_c = bends_of(*tables.energy);
  return converter;
}

}  // namespace

Circuit circuit_of(const lut::GainCellDevice& device) {
  Circuit circuit;
  const auto nodes = device.read_charge.axis(1).nodes();
  circuit.pulse_nodes_s.assign(nodes.begin(), nodes.end());
  // A table that starts at some shortest pulse says nothing below; no pulse is no charge.
  if (circuit.pulse_nodes_s.front() > 0)
    circuit.pulse_nodes_s.insert(circuit.pulse_nodes_s.begin(), 0.0);
  circuit.read_charge_c = [table = device.read_charge, widths = circuit.pulse_nodes_s](
                              double v_store, std::size_t node, double v_bitline) {
    return node == 0 ? 0.0 : table.at(v_store, widths[node], v_bitline);
  };
  const double offset = device.write_offset_v();
  circuit.settled_s = device.settled_s();
  if (circuit.settled_s > 0)
    circuit.written_v = [table = device.written_voltage, offset](double target, double age_s) {
      return table.at(target + offset, age_s);
    };
  else
    circuit.written_v = [table = device.written_voltage, offset](double target, double) {
      return table.at(target + offset);
    };
  circuit.retained_v = [table = device.retention](double initial, double age) {
    return table.at(initial, age);
  };
  circuit.target_low_v = device.written_voltage.axis(0).front() - offset;
  circuit.target_high_v = device.written_voltage.axis(0).back() - offset;
  const lut::Axis &initial = device.retention.axis(0), &read = device.read_charge.axis(0);
  circuit.store_low_v = std::max(initial.front(), read.front());
  circuit.store_high_v = std::min(initial.back(), read.back());
  circuit.known_age_s = circuit.settled_s + known_age_s(device.retention);
  if (device.read_share) {
    circuit.read_share = [table = *device.read_share](double age) { return table.at(age); };
    circuit.known_age_s = std::min(circuit.known_age_s, known_share_age_s(*device.read_share));
  }
  const lut::Axis& bitline = device.read_charge.axis(2);
  circuit.relu = converter_of(device.relu, device.t_max_s, bitline);
  circuit.differential = converter_of(device.differential, device.signed_full_scale_s, bitline);
  circuit.t_max_s = device.t_max_s;
  circuit.read_energy_is_proportional =
      (!device.read_energy || is_proportional(*device.read_energy, device.t_max_s)) &&
      (!device.word_line_energy || is_proportional(*device.word_line_energy, device.t_max_s));
  circuit.v_max = 2 * device.v_zero;
  circuit.q_levels = device.q_levels;
  circuit.kv_levels = device.kv_levels;
  circuit.output_levels = device.output_levels;
  circuit.tile = device.tile;
  return circuit;
}

}  // namespace gaincell::attention
