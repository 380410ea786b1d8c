#pragma once

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "attention/analog.h"
#include "attention/fast/fit.h"

namespace gaincell::attention {

// u_r by level at any age inside the window, and how fast all of them fade together.
class AgeTables {
 public:
  AgeTables(const Circuit& circuit, const StageFit& fit, double oldest_age_s);

  // u[rank][kLevels], and slopes[rank][kLevels] where the fit has them; a straight line beyond the
  // ages at hand.
  std::vector<double> at(double age_s) const;
  // d ln(u) / d(age) common to all levels, least squares.
  double fading_per_s(double age_s) const;
  // Error of a column of `cells` uniform ones and pulses, rms over the ages +-span that a table
  // serves, at the worst age: share of full scale.
  double error(double span_s, int cells) const;
  // The largest of a column that holds one level, at any age, and stays within full scale.
  double one_level_error(double span_s, int cells) const;

 private:
  double age_step_s() const { return nodes_ > 1 ? oldest_age_s_ / (nodes_ - 1) : 0.0; }
  std::pair<int, double> position(double age_s) const;
  // At every age that a table is for, visit(off, current): by how much a table that serves ages
  // +-span is off at some of them, and what is right, [level] of a longest pulse, in full scales.
  template <class Visit>
  void for_each_age(double span_s, const Visit& visit) const;

  int rank_, levels_;
  std::vector<double> w_;  // w_r at the start of a column
  double oldest_age_s_;
  int nodes_;
  std::vector<std::vector<double>> table_;  // [age node][rank * kLevels]
  std::vector<double> fading_per_s_;        // [age node]
};

// Encoded tables for every age in tokens, so that a unit's four groups, each kGroup tokens younger
// than the one before, stand side by side.
class TokenTables {
 public:
  // Ages are token_age + shift for token_age = -kMargin .. window + kMargin.
  TokenTables(const AgeTables& ages, const StageFit& fit, int window, double shift,
              double period_s);

  static constexpr int kMargin = kernels::kUnit;
  // Where the entries of a unit begin whose first group is token_age old.
  const std::byte* unit(int token_age) const;
  std::size_t plane_bytes() const { return plane_bytes_; }

 private:
  std::size_t position(int token_age) const;

  int oldest_, per_phase_;
  std::size_t entry_bytes_, plane_bytes_;
  std::vector<std::byte> planes_;
};

// Both stages of a circuit, fitted, at every age of the window. Immutable.
class FastFits {
 public:
  // Throws Error where the fits cannot hold the error limit or the number of levels.
  FastFits(const Shape& shape, const Circuit& circuit, const AnalogOptions& options,
           FitOptions::Target target);
  FastFits(const FastFits&) = delete;
  FastFits& operator=(const FastFits&) = delete;

  double target_v(int level) const { return circuit.v_max * level / (circuit.kv_levels - 1); }
  double stored_v(int level, double age_s) const {
    return circuit.stored_v(target_v(level), age_s);
  }

  const Circuit circuit;  // with its effects
  const AnalogOptions options;
  const double oldest_age_s;
  const StageFit first, second;
  const AgeTables first_ages, second_ages;

 protected:
  int rows_of_second(const Shape& shape) const { return std::min(circuit.tile, shape.window); }

 private:
  FitOptions fit_options(const Shape& shape, bool is_signed, FitOptions::Target target) const;
};

// All that the fast level derives from a circuit before the first token; layers share one.
// Immutable.
class FastModel : public FastFits {
 public:
  // Throws Error as FastFits does.
  FastModel(const Shape& shape, const Circuit& circuit, const AnalogOptions& options);

  // Pulse that a head's query puts on a row.
  double q_width_s(const Scalers& scalers, int head, float q) const;

  // So many neighbouring queries share tables; a power of 2.
  int age_block = kernels::kUnit;
  // Likewise for slots: kernels::kGroup, or 1 where a table serves no other age.
  int slot_block = kernels::kGroup;
  std::unique_ptr<const TokenTables> first_tables, second_tables;
  FastReport report;
};

}  // namespace gaincell::attention
