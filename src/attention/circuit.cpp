#include "attention/circuit.h"

#include <algorithm>
#include <boost/numeric/odeint/algebra/vector_space_algebra.hpp>
#include <boost/numeric/odeint/integrate/integrate_adaptive.hpp>
#include <boost/numeric/odeint/stepper/generation/generation_controlled_runge_kutta.hpp>
#include <boost/numeric/odeint/stepper/generation/generation_runge_kutta_dopri5.hpp>
#include <boost/numeric/odeint/stepper/generation/make_controlled.hpp>
#include <cassert>
#include <cmath>
#include <map>

#include "attention/published.h"
#include "base/error.h"

namespace gaincell::attention {
namespace {

// Published full scales over the published cell's slope: 80 and 40 uA over 19.3 uA/V.
constexpr double kReluFullScaleV = 80 / 19.3, kDifferentialFullScaleV = 40 / 19.3;

// Steps of one integration between two pulse ends. Tables of a circuit take some tens; numbers that
// are no circuit's would take any number.
constexpr int kMostSteps = 100'000;

// Charge at which a rising function of charge reaches `pulse`.
double charge_at(const Circuit::Converter& converter, double pulse) {
  double low = converter.charge_low_c, high = converter.charge_high_c;
  for (int i = 0; i < 200; ++i) {
    const double middle = 0.5 * (low + high);
    (converter.pulse_s(middle) < pulse ? low : high) = middle;
  }
  return 0.5 * (low + high);
}

ConverterLine line_between(const Circuit::Converter& converter, double low_share,
                           double high_share) {
  const double low = charge_at(converter, low_share * converter.full_scale_s);
  const double high = charge_at(converter, high_share * converter.full_scale_s);
  ConverterLine line;
  line.slope_s_per_c = (high_share - low_share) * converter.full_scale_s / (high - low);
  line.zero_charge_c = low - low_share * converter.full_scale_s / line.slope_s_per_c;
  return line;
}

double charge_at_rest_c(const Circuit& circuit, double v_bitline,
                        const std::vector<double>& v_store, const std::vector<double>& width_s,
                        const std::vector<double>& gain) {
  const auto& nodes = circuit.pulse_nodes_s;
  double charge = 0;
  for (std::size_t i = 0; i < v_store.size(); ++i) {
    const double width = std::abs(width_s[i]);
    if (width == 0) continue;
    const auto above = std::lower_bound(nodes.begin() + 1, nodes.end() - 1, width);
    const std::size_t high = static_cast<std::size_t>(above - nodes.begin());
    const double share = (width - nodes[high - 1]) / (nodes[high] - nodes[high - 1]);
    double of_cell = share * circuit.read_charge_c(v_store[i], high, v_bitline);
    if (share != 1) of_cell += (1 - share) * circuit.read_charge_c(v_store[i], high - 1, v_bitline);
    const double sign = width_s[i] < 0 ? -1 : 1;
    charge += gain.empty() ? sign * of_cell : sign * gain[i] * of_cell;
  }
  return charge;
}

[[noreturn]] void refuse_stiff() {
  throw Error({.place = "the device",
               .key = "cell_read_charge",
               .rule =
                   "a column's charge cannot be integrated: the table changes too fast with the "
                   "bitline's voltage",
               .remedy = "look at it with `gaincell show`, and compile the device anew"});
}

// Least-squares slope of the longest pulse's mean current over the stored levels, A/V.
double cell_slope_a_per_v(const Circuit& circuit) {
  const double zero = circuit.v_max / 2, bitline = circuit.relu.bitline_v(0.0);
  const std::size_t longest = circuit.pulse_nodes_s.size() - 1;
  double product = 0, square = 0;
  for (int level = 0; level < circuit.kv_levels; ++level) {
    const double z = circuit.v_max * level / (circuit.kv_levels - 1) - zero;
    product += z * circuit.read_charge_c(zero + z, longest, bitline);
    square += z * z;
  }
  return product / square / circuit.pulse_nodes_s[longest];
}

// Full scale at another charge, all else in proportion.
void change_gain(Circuit::Converter& converter, const ConverterLine& line, double full_charge_c) {
  const double ratio = line.full_scale_c(converter.full_scale_s) / full_charge_c;
  converter.pulse_s = [ratio, with = converter.pulse_s](double charge) {
    return with(charge * ratio);
  };
}

void change_transfer(Circuit::Converter& converter, const ConverterLine& line, EffectSet effects,
                     double lowest_pulse_s) {
  const double zero = line.zero_charge_c, slope = line.slope_s_per_c;
  const bool offset = effects.has(Effect::kConverterOffset);
  if (!effects.has(Effect::kConverterCurve)) {
    const double top =
        effects.has(Effect::kSaturation) ? converter.full_scale_s : Circuit::kUnlimited;
    converter.pulse_s = [=, from = offset ? zero : 0.0](double charge) {
      return std::clamp(slope * (charge - from), lowest_pulse_s, top);
    };
  } else if (!offset) {
    converter.pulse_s = [zero, with = converter.pulse_s](double charge) {
      return with(charge + zero);
    };
  }
}

// From 95 % of full scale on, and beyond the charges that the functions are known at, the pulse
// grows with the slope of the line.
void remove_saturation(Circuit::Converter& converter, const ConverterLine& line, bool is_signed) {
  const double share = 0.95 * converter.full_scale_s;
  const double high = charge_at(converter, share);
  const double low = is_signed ? charge_at(converter, -share) : -Circuit::kUnlimited;
  converter.pulse_s = [=, slope = line.slope_s_per_c, with = converter.pulse_s](double charge) {
    if (charge > high) return share + slope * (charge - high);
    if (charge < low) return -share + slope * (charge - low);
    return with(charge);
  };
}

}  // namespace

ConverterLine relu_line(const Circuit& circuit) { return line_between(circuit.relu, 0.2, 0.8); }
ConverterLine differential_line(const Circuit& circuit) {
  return line_between(circuit.differential, -0.6, 0.6);
}

std::vector<bool> levels_beyond(const Circuit& circuit, double oldest_age_s) {
  constexpr int kAges = 16;
  // A pedestal may miss the end of a table by a rounding.
  const double slack = 1e-9 * circuit.v_max;
  const auto beyond = [&](double v) {
    return v < circuit.store_low_v - slack || v > circuit.store_high_v + slack;
  };
  std::vector<bool> levels(circuit.kv_levels);
  for (int level = 0; level < circuit.kv_levels; ++level) {
    const double target = circuit.v_max * level / (circuit.kv_levels - 1);
    const double written = circuit.written_v(target, 0);
    levels[level] = target < circuit.target_low_v - slack ||
                    target > circuit.target_high_v + slack || beyond(written);
    for (int i = 0; i <= kAges && !levels[level]; ++i)
      levels[level] = beyond(circuit.stored_v(target, oldest_age_s * i / kAges));
  }
  return levels;
}

double uniform_column_rms(const Circuit& circuit, const Circuit::Converter& converter,
                          const ConverterLine& line) {
  const double bitline = converter.bitline_v(0.0);
  double of_cell = 0, squares = 0;
  const std::size_t nodes = circuit.pulse_nodes_s.size();
  for (int level = 0; level < circuit.kv_levels; ++level) {
    const double v = circuit.stored_v(circuit.v_max * level / (circuit.kv_levels - 1), 0);
    const double longest = circuit.read_charge_c(v, nodes - 1, bitline);
    of_cell += longest / 2 / circuit.kv_levels;  // widths are uniform, and charge is near linear
    squares += longest * longest / 3 / circuit.kv_levels;
  }
  const double variance = squares - of_cell * of_cell;
  return std::sqrt(circuit.tile * variance + std::pow(circuit.tile * of_cell, 2)) /
         line.full_scale_c(converter.full_scale_s);
}

Circuit with_effects(Circuit circuit, EffectSet effects) {
  if (!effects.has(Effect::kWrite)) {
    circuit.written_v = [](double target, double) { return target; };
    circuit.settled_s = 0;
    circuit.target_low_v = -Circuit::kUnlimited;
    circuit.target_high_v = Circuit::kUnlimited;
  }
  if (!effects.has(Effect::kRetention)) {
    circuit.retained_v = [](double initial, double) { return initial; };
    circuit.settled_s = 0;
    circuit.read_share = nullptr;
    circuit.known_age_s = Circuit::kUnlimited;
  }
  if (!effects.has(Effect::kPulseEdges)) {
    // The current, from the part of the pulse axis that the edges have left behind.
    const auto& nodes = circuit.pulse_nodes_s;
    std::size_t from = 0;
    while (from + 2 < nodes.size() && nodes[from] < 0.05 * circuit.t_max_s) ++from;
    circuit.read_charge_c = [nodes, from, with = circuit.read_charge_c](
                                double v_store, std::size_t node, double v_bitline) {
      const std::size_t last = nodes.size() - 1;
      const double current = (with(v_store, last, v_bitline) - with(v_store, from, v_bitline)) /
                             (nodes[last] - nodes[from]);
      return current * nodes[node];
    };
  }
  const ConverterLine relu = relu_line(circuit), differential = differential_line(circuit);
  const bool saturates = effects.has(Effect::kSaturation);
  if (!saturates) {
    remove_saturation(circuit.relu, relu, false);
    remove_saturation(circuit.differential, differential, true);
  }
  change_transfer(circuit.relu, relu, effects, 0.0);
  change_transfer(circuit.differential, differential, effects,
                  saturates ? -circuit.differential.full_scale_s : -Circuit::kUnlimited);
  if (!effects.has(Effect::kConverterGain)) {
    // A current that falls with the voltage needs as much of a full scale.
    const double per_volt_c = std::abs(cell_slope_a_per_v(circuit)) * circuit.t_max_s;
    change_gain(circuit.relu, relu, kReluFullScaleV * per_volt_c);
    change_gain(circuit.differential, differential, kDifferentialFullScaleV * per_volt_c);
  }
  if (!effects.has(Effect::kBitline))
    for (Circuit::Converter* converter : {&circuit.relu, &circuit.differential}) {
      converter->bitline_v = [start = converter->bitline_v(0.0)](double) { return start; };
      converter->bitline_moves = false;
    }
  return circuit;
}

Circuit published_circuit(const PublishedHardware& hw, double token_period_s) {
  assert(hw.k_levels == hw.v_levels);  // a circuit's are in common
  Circuit circuit;
  circuit.q_levels = hw.q_levels;
  circuit.kv_levels = hw.k_levels;
  circuit.output_levels = hw.output_levels;
  circuit.v_max = hw.v_max;
  circuit.tile = hw.tile;
  const double t_max = circuit.t_max_s;
  circuit.pulse_nodes_s = {0.0, t_max};
  circuit.read_charge_c = [p = hw.current_a, zero = hw.v_zero, t_max](double v_store,
                                                                      std::size_t node, double) {
    const double z = v_store - zero;
    return node == 0 ? 0.0 : t_max * (p[0] + z * (p[1] + z * (p[2] + z * p[3])));
  };
  circuit.written_v = [](double target, double) { return target; };
  const double rate = token_period_s > 0 ? hw.decay_per_token / token_period_s : 0.0;
  circuit.retained_v = [rate, zero = hw.v_zero](double initial, double age) {
    return zero + (initial - zero) * std::exp(-rate * age);
  };
  const auto ideal = [t_max, zero = hw.v_zero](double s_sat, double lowest) {
    const double full = s_sat * t_max;
    Circuit::Converter converter;
    converter.pulse_s = [=](double charge) {
      return std::clamp(charge / full, lowest, 1.0) * t_max;
    };
    converter.bitline_v = [zero](double) { return zero; };
    converter.bitline_moves = false;
    converter.full_scale_s = t_max;
    converter.charge_low_c = (lowest - 0.5) * full;
    converter.charge_high_c = 1.5 * full;
    return converter;
  };
  circuit.relu = ideal(hw.s_sat_first_a, 0.0);
  circuit.differential = ideal(hw.s_sat_second_a, -1.0);
  return circuit;
}

double column_charge_c(const Circuit& circuit, const Circuit::Converter& converter,
                       const std::vector<double>& v_store, const std::vector<double>& width_s,
                       const std::vector<double>& gain) {
  assert(v_store.size() == width_s.size());
  if (!converter.bitline_moves)
    return charge_at_rest_c(circuit, converter.bitline_v(0.0), v_store, width_s, gain);
  // Cells of one voltage and one width are one cell of that multiplicity; pulse ends and nodes of
  // the pulse axis cut time into intervals with constant right-hand sides but for the bitline.
  std::map<double, std::map<double, double>> multiplicity;  // voltage -> width -> cells
  std::vector<double> ends;
  for (std::size_t i = 0; i < v_store.size(); ++i)
    if (width_s[i] != 0) {
      const double width = std::abs(width_s[i]), sign = width_s[i] < 0 ? -1 : 1;
      multiplicity[v_store[i]][width] += gain.empty() ? sign : sign * gain[i];
      ends.push_back(width);
    }
  if (ends.empty()) return 0.0;
  const double last_end = *std::max_element(ends.begin(), ends.end());
  for (const double node : circuit.pulse_nodes_s)
    if (node < last_end) ends.push_back(node);
  std::sort(ends.begin(), ends.end());
  ends.erase(std::unique(ends.begin(), ends.end()), ends.end());

  namespace odeint = boost::numeric::odeint;
  const double scale = converter.charge_high_c - converter.charge_low_c;
  auto stepper = odeint::make_controlled(
      1e-7 * scale, 1e-9,
      odeint::runge_kutta_dopri5<double, double, double, double, odeint::vector_space_algebra>());
  double charge = 0.0;
  std::vector<std::pair<double, double>> active;  // voltage, cells
  for (std::size_t e = 0; e + 1 < ends.size(); ++e) {
    const double begin = ends[e], end = ends[e + 1];
    active.clear();
    for (const auto& [voltage, widths] : multiplicity) {
      double cells = 0;
      for (auto it = widths.upper_bound(begin); it != widths.end(); ++it) cells += it->second;
      if (cells != 0) active.emplace_back(voltage, cells);
    }
    const auto& nodes = circuit.pulse_nodes_s;
    const std::size_t node =
        static_cast<std::size_t>(std::upper_bound(nodes.begin(), nodes.end() - 1, begin) -
                                 nodes.begin()) -
        1;
    const auto current = [&](const double& q, double& dq_dt, double) {
      const double bitline = converter.bitline_v(q);
      dq_dt = 0;
      for (const auto& [voltage, cells] : active)
        dq_dt += cells * circuit.pulse_slope_between(node, voltage, bitline);
    };
    int steps = 0;
    const auto bound = [&](double, double) {
      if (++steps > kMostSteps) refuse_stiff();
    };
    try {
      odeint::integrate_adaptive(stepper, current, charge, begin, end, end - begin, bound);
    } catch (const odeint::odeint_error&) {  // steps too small to make progress
      refuse_stiff();
    }
  }
  return charge;
}

}  // namespace gaincell::attention
