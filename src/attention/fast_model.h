#pragma once

#include <utility>
#include <vector>

#include "attention/analog.h"
#include "attention/fast_fit.h"

namespace gaincell::attention {

// u_r by level at any age inside the window, and how fast all of them fade together.
class AgeTables {
 public:
  AgeTables(const Circuit& circuit, const StageFit& fit, double oldest_age_s);

  // u[rank][kLevels], and slopes[rank][kLevels] where the fit has them
  std::vector<double> at(double age_s) const;
  // d ln(u) / d(age) common to all levels, least squares.
  double fading_per_s(double age_s) const;
  // Worst error of any cell, relative to the strongest one, when a table serves ages +-span.
  double error(double span_s) const;

 private:
  double age_step_s() const { return nodes_ > 1 ? oldest_age_s_ / (nodes_ - 1) : 0.0; }
  std::pair<int, double> position(double age_s) const;

  int rank_;
  double oldest_age_s_;
  int nodes_;
  std::vector<std::vector<double>> table_;  // [age node][rank * kLevels]
  std::vector<double> fading_per_s_;        // [age node]
};

// All that the fast level derives from a circuit before the first token; layers share one.
// Immutable.
class FastModel {
 public:
  // Throws Error where the fast level cannot hold the error limit, the number of levels, or the
  // dimension.
  FastModel(const Shape& shape, const Circuit& circuit, const AnalogOptions& options);
  FastModel(const FastModel&) = delete;
  FastModel& operator=(const FastModel&) = delete;

  double stored_v(int level, double age_s) const {
    const double target = circuit.v_max * level / (circuit.kv_levels - 1);
    return circuit.retained_v(circuit.written_v(target), age_s);
  }

  const Circuit circuit;  // with its effects
  const AnalogOptions options;
  const double oldest_age_s;
  const StageFit first, second;
  const AgeTables first_ages, second_ages;
  // So many neighbouring tokens share tables, as keys and as queries; a power of 2.
  int age_block = kernels::kUnit;
  FastReport report;

 private:
  FitOptions fit_options(const Shape& shape, bool is_signed) const;
};

}  // namespace gaincell::attention
