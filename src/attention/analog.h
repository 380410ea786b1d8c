#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "attention/analog_options.h"
#include "attention/attention.h"
#include "attention/circuit.h"

namespace gaincell::attention {

// One token and head from the inside, for audits and for other tools. Slots and sub-tiles that hold
// no token yet are NaN.
struct StepTrace {
  std::int64_t token = 0;  // since reset
  int head = 0;
  std::vector<double> q_width_s;                     // [dim] pulse of each row of the first array
  std::vector<double> key_v, value_v;                // [slot][dim] what the cells hold now
  std::vector<double> key_target_v, value_target_v;  // [slot][dim] what they were written to
  std::vector<double> age_s;                         // [slot] since their own token's read
  std::vector<double> first_charge_c;   // [slot] on the bitline at the end of integration
  std::vector<double> phi_s;            // [slot] pulse out of the ReLU converter
  std::vector<double> second_charge_c;  // [sub-tile][dim]
  std::vector<double> second_pulse_s;   // [sub-tile][dim] signed, before the counter
};

// What the fast level made of the error limit.
struct FastReport {
  struct Stage {
    int segments = 0;       // equal parts of the longest pulse, over which cells are added up first
    int substeps = 0;       // of the integration in each of them; 0: a closed form
    int rank = 0;           // products in the separable form of the read charge
    int low_ranks = 0;      // of them in two bytes instead of one
    int low_per_high = 0;   // units of the second byte that make one of the first
    int whole_weights = 0;  // pulses are whole multiples of the longest one's so manieth part
    int degree = 0;         // of the polynomials in the bitline's charge
    bool bytes = false;     // cells are added up in bytes, else in floats
    // At the end of a column, of the pulse's full scale, with that of shared ages. Random columns
    // (uniform, leaning to one side, of low rank): rms at most, on the worst kind.
    double error = 0;
    double slow_rows_error = 0;  // rms where rows stay near the one before; not limited
    // What pulses are too long by where most are short and charges about nothing, in shares of
    // themselves; not limited.
    double gain_error = 0;
    double one_level_error = 0;  // the largest where all cells hold one level
    // The largest found where cells hold two levels, one of each half, under one pulse: their
    // currents cancel, and what each is off adds up.
    double two_levels_error = 0;
  } first, second;
  int age_block = 0;     // neighbouring queries that share tables
  double age_error = 0;  // what that adds to a column, rms, share of full scale
  std::string instruction_set;
};

class Analog : public Attention {
 public:
  using Attention::Attention;

  // `sink` gets every step for which `wanted(token, head)` holds. Costs nothing otherwise.
  void observe(std::function<bool(std::int64_t token, int head)> wanted,
               std::function<void(const StepTrace&)> sink) {
    wanted_ = std::move(wanted);
    sink_ = std::move(sink);
  }

  virtual const FastReport* fast_report() const { return nullptr; }  // the fast level only
  // Memory that the ring's cells take, with all that is kept beside them for each token and head.
  virtual std::size_t ring_bytes() const = 0;

 protected:
  bool observed(std::int64_t token, int head) const { return wanted_ && wanted_(token, head); }
  void show(const StepTrace& trace) const { sink_(trace); }

  // One token's query in every head reads `tokens`, a period apart.
  void count_ages(int tokens, double period_s, double known_age_s) {
    const double known =
        period_s > 0 ? std::floor(known_age_s / period_s * (1 + 1e-12)) + 1 : tokens;
    const double n = shape().heads;
    ranges_.reads += n * tokens;
    ranges_.aged += n * std::max(0.0, tokens - known);
  }

 private:
  std::function<bool(std::int64_t, int)> wanted_;
  std::function<void(const StepTrace&)> sink_;
};

// The analog engine on any circuit. Throws Error where the fast level cannot hold the error limit
// or is asked for unquantised storage, which only the column level has.
std::unique_ptr<Analog> make_analog(Shape shape, const Circuit& circuit, Scalers scalers,
                                    AnalogOptions options);

// How many of the tokens that the queries of `text` consecutive tokens read are older than the
// circuit's retention is known for, as a share.
double share_too_old(const Circuit& circuit, const AnalogOptions& options, std::int64_t text,
                     int window);

// make_analog for many layers, which share what is derived from the circuit (that takes far longer
// than the rest).
std::vector<std::unique_ptr<Analog>> make_analog_layers(Shape shape, const Circuit& circuit,
                                                        std::vector<Scalers> scalers,
                                                        AnalogOptions options);

// What the arrays do for one token and head on uniform levels: `columns` tokens in the window, q, k
// and v uniform over their levels (the published energy figures are on such inputs), mean of 32
// tokens with a full window. token_period_s as in AnalogOptions.
energy::Activity uniform_activity(const Circuit& circuit, int columns, int dim,
                                  double token_period_s, std::uint64_t seed);

}  // namespace gaincell::attention
