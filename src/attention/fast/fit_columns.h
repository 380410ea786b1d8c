#pragma once

#include <cstddef>
#include <vector>

#include "attention/circuit.h"
#include "base/random.h"

namespace gaincell::attention {

// What a fit (StageFit) has to hold, and on which columns.
struct FitOptions {
  double v_low = 0, v_high = 0.9;  // stored voltages that occur
  double error_limit = 2e-3;       // rms at the end of a random column, share of full scale
  double limit_share = 1;          // of it that the fit may take
  int cells = 64;                  // rows of a column
  bool is_signed = false;          // second stage
  int q_levels = 16;               // widths of the check's pulses where the stage is not signed
  bool whole_widths = false;       // pulses have none but these
  // Stored voltages of random columns, [age][level]; `levels` of them at each age. A column of the
  // first array has one age.
  std::vector<double> check_v;
  int levels = 8;
  double cell_gain = 0, cell_offset_v = 0;  // standard deviations from cell to cell
  // Whose time counts: that of our kernels, or of tools that compute whole matrices in floats.
  enum class Target { kKernels, kMatrices } target = Target::kKernels;
};

// A random column and what the column level makes of it.
struct FitColumn {
  std::vector<std::size_t> cell;           // index of its voltage in FitOptions::check_v
  std::vector<double> width;               // in longest pulses
  std::vector<double> gain, offset_steps;  // where cells differ
  double x = 0, pulse = 0;
  double matters = 1;  // to the fit
};

// Draws columns as they occur, for one stage of a circuit.
class FitColumns {
 public:
  using Columns = std::vector<FitColumn>;
  // A fit that holds one of them need not hold the others: what a column's charge is made of
  // differs.
  enum Kind {
    kLeaning,
    kUniform,
    kLowRank,
    kRandomKinds,
    kOneLevel = kRandomKinds,
    kFaint,
    kFittedKinds,
    kTwoLevels = kFittedKinds,
    kSlow
  };

  // Circuit and converter must outlive it.
  FitColumns(const Circuit& circuit, const Circuit::Converter& converter, double full_scale_c,
             FitOptions options);

  bool cells_differ() const { return options_.cell_gain > 0 || options_.cell_offset_v > 0; }
  // Of PhysicalSpread's offsets.
  double offset_step_v() const;

  // `count` columns of a kind inside the converter's range, where they show an error; the others
  // would flatter the rms. Fewer where few lie there. `purpose` seeds them.
  Columns draw(Kind kind, int count, const char* purpose, double lowest_x) const;
  // Every level, at the ages' ends and middle, under pulses of all widths, on few rows to all.
  Columns of_one_level() const;

 private:
  void draw_rows(Kind kind, Random& random, FitColumn& column) const;
  void draw_spread(Random& random, FitColumn& column) const;
  bool convert(FitColumn& column) const;

  const Circuit& circuit_;
  const Circuit::Converter& converter_;
  const double full_scale_c_;
  const FitOptions options_;
};

}  // namespace gaincell::attention
