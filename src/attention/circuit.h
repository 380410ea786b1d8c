#pragma once

#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "attention/effects.h"

namespace gaincell::lut {
class GainCellDevice;
}

namespace gaincell::attention {

struct PublishedHardware;

// A device as the engine sees it: what the cells and converters do, as functions in SI units. Made
// from a device file (circuit_of), from the published equations (published_circuit), or from any
// closed form.
struct Circuit {
  static constexpr double kUnlimited = std::numeric_limits<double>::infinity();

  // Charge that a cell takes out of the bitline in one whole read pulse (both edges), at a bitline
  // held at v_bitline: read_charge_c(v_store, i, v_bitline) for a pulse of pulse_nodes_s[i], linear
  // between the nodes. pulse_nodes_s[0] is 0 (no pulse, charge 0); the last is the longest pulse,
  // and a longer one (without saturation or clipping) goes on as the last stretch does.
  std::vector<double> pulse_nodes_s;
  std::function<double(double v_store, std::size_t node, double v_bitline)> read_charge_c;

  // Stored voltage after a write, while the cell settles (ages up to settled_s); from there on
  // retained_v. stored_v is both.
  std::function<double(double v_target, double age_s)> written_v;
  double settled_s = 0;
  std::function<double(double v_initial, double age_s)> retained_v;
  double stored_v(double v_target, double age_s) const {
    if (age_s <= settled_s && settled_s > 0) return written_v(v_target, age_s);
    return retained_v(written_v(v_target, settled_s), age_s - settled_s);
  }
  // Of read_charge_c, what a read takes of a cell of this age; empty: all.
  std::function<double(double age_s)> read_share;
  // Where these functions are known; held outside.
  double target_low_v = -kUnlimited, target_high_v = kUnlimited;
  double store_low_v = -kUnlimited, store_high_v = kUnlimited;
  double known_age_s = kUnlimited;  // likewise for stored_v, where it still changes

  struct Converter {
    // Pulse (signed converter: positive minus negative output) and bitline voltage at the end of
    // integration, by the charge taken out of the bitline. bitline_v(0) is the start voltage.
    std::function<double(double charge_c)> pulse_s;
    std::function<double(double charge_c)> bitline_v;
    bool bitline_moves = true;                   // false: bitline_v is the same at any charge
    double full_scale_s = 0;                     // pulse that means 1
    double charge_low_c = 0, charge_high_c = 0;  // where the functions are known; held outside
    // Beyond these, holding them is an error: of the pulse, or of the bitline that the cells see.
    double known_low_c = -kUnlimited, known_high_c = kUnlimited;
    // Charges between which a conversion's energy is known to be straight, ascending. Without them
    // conversions are counted on nodes that suit any converter.
    std::optional<std::vector<double>> energy_bends_c;
  };
  Converter relu, differential;  // first and second stage; the second one is signed
  // Whether a read's energy is known to be proportional to its pulse: reads are then counted at the
  // longest pulse and at none, else at every width of the quantiser.
  bool read_energy_is_proportional = false;

  double t_max_s = 15e-9;
  double v_max = 0.9;
  int q_levels = 16, kv_levels = 8, output_levels = 32;
  int tile = 64;

  double pulse_slope_between(std::size_t node, double v_store, double v_bitline) const {
    return (read_charge_c(v_store, node + 1, v_bitline) - read_charge_c(v_store, node, v_bitline)) /
           (pulse_nodes_s[node + 1] - pulse_nodes_s[node]);
  }
};

// The straight line through a converter's transfer at +-60 % of full scale (signed) or at 20 and 80
// % (ReLU): what is left of it without offset, dead zone and curvature.
struct ConverterLine {
  double slope_s_per_c = 0;
  double zero_charge_c = 0;  // where the line crosses pulse 0
  double full_scale_c(double full_scale_s) const { return full_scale_s / slope_s_per_c; }
};
ConverterLine relu_line(const Circuit& circuit);
ConverterLine differential_line(const Circuit& circuit);

// Whether cells of a level of k or v leave the voltages that the functions are known at, when they
// are written or at an age up to the oldest.
std::vector<bool> levels_beyond(const Circuit& circuit, double oldest_age_s);

// Root mean square of a column's charge over a converter's full scale, where q, k and v are uniform
// over their levels (the second array's pulses over 0 .. longest).
double uniform_column_rms(const Circuit& circuit, const Circuit::Converter& converter,
                          const ConverterLine& line);

// The circuit with some effects taken out (see Effect). The quantisers and the counter are the
// engine's and not touched here.
Circuit with_effects(Circuit circuit, EffectSet effects);

// The circuit that a device's tables describe. Shares the tables' data, so the device may go.
Circuit circuit_of(const lut::GainCellDevice& device);

// The published equations as a circuit: read charge = I(z) x width, z = v_store - v_zero, no
// bitline effect, exact writes, z decaying by exp(-decay_per_token) every token_period_s, ideal
// clamps.
Circuit published_circuit(const PublishedHardware& hardware, double token_period_s);

// Charge on a column's bitline after all its pulses, which start together and end at their own
// widths: dQ/dt = sum over cells with width > t of dQ_cell/dt(v_store, t, bitline(Q)), Q(0) = 0,
// integrated with Boost.Odeint between all pulse ends and pulse nodes to 1e-7 of the converter's
// range; a plain sum over the cells where the bitline does not move. v_store and width_s have one
// entry per cell; width 0 is no pulse, and a negative one takes the charge of its size the other
// way (an unclipped query).
// `gain` multiplies the charge of each cell; empty: 1.
double column_charge_c(const Circuit& circuit, const Circuit::Converter& converter,
                       const std::vector<double>& v_store, const std::vector<double>& width_s,
                       const std::vector<double>& gain = {});

}  // namespace gaincell::attention
