#pragma once

#include <array>
#include <vector>

#include "attention/circuit.h"
#include "attention/fast/fit_columns.h"
#include "attention/fast/kernels.h"

namespace gaincell::attention {

// Arithmetic and numbers to choose from for columns of `cells` rows, cheapest first.
std::vector<kernels::Stage> fit_candidates(int cells, bool cells_differ);
// The same for matrices in floats: closed forms too, which our kernels have in bytes alone.
std::vector<kernels::Stage> matrix_candidates();

// A stage in the form the fast kernels take (kernels::Stage), fitted to a circuit.
class StageFit {
 public:
  // Finds the cheapest arithmetic, rank, degree and numbers of segments and steps whose error,
  // against column_charge_c, is within the limit on each kind of random columns, and within
  // kOneLevelLimit times the limit on columns of one level; else the best. Throws Error if that is
  // ten times off.
  StageFit(const Circuit& circuit, const Circuit::Converter& converter, const ConverterLine& line,
           const FitOptions& options);

  const kernels::Stage& stage() const { return stage_; }
  int rank() const { return stage_.rank; }
  // Rms on the worst kind of random columns, at most (three standard errors above what was found).
  double error() const { return error_; }
  // The same where rows stay near the one before: few are independent, so charge often goes far
  // beyond where it ends.
  double slow_error() const { return slow_error_; }
  // What pulses of models' usual columns (most of them short, charges about nothing) are too long
  // by, in shares of themselves: rms hides it, as they are small.
  double gain_error() const { return gain_error_; }
  // The largest of any column whose cells all have one level and whose pulses one width.
  double one_level_error() const { return one_level_error_; }
  // The largest found where cells hold two levels, one of each half, all under one pulse: currents
  // of many full scales that cancel.
  double two_levels_error() const { return two_levels_error_; }
  double full_scale_c() const { return full_scale_c_; }

  // u_r of a cell that holds v_store, r = 0 .. rank-1, in the units of the stage's polynomials.
  // Where cells differ, as many more: their change with one step of offset (PhysicalSpread).
  std::vector<double> cell(double v_store) const;
  bool has_slopes() const { return cells_differ_; }
  int table_planes() const { return stage_.table_planes() * (has_slopes() ? 2 : 1); }
  // The entry that u[rank][kLevels], then slopes[rank][kLevels] where there are any, make in every
  // plane of a table; planes are `plane` bytes apart.
  void encode(const double* u, std::size_t plane, std::byte* entry) const;

  StageFit(const StageFit&) = delete;
  StageFit& operator=(const StageFit&) = delete;

 private:
  using Column = FitColumn;
  using Columns = FitColumns::Columns;
  // As many times the limit may the error of columns of one level be, where all cells err in one
  // direction.
  static constexpr double kOneLevelLimit = 2;

  double current(double v_store, double bitline_v) const;
  double edge_c(double v_store) const;
  std::vector<double> currents(double v_store) const;
  double pulse_share(double x) const;
  void fit_transfer(const FitOptions& options);
  void fit_edges(const FitOptions& options);
  void separate();
  void separate_at_start(const std::vector<std::vector<double>>& u);
  void choose(const kernels::Stage& candidate);
  // What the kernels compute, in plain loops: sums over cells, then where the column ends.
  struct Sums {
    double pulses = 0;                        // rows that have one
    std::vector<std::vector<double>> charge;  // [segment][r]; empty without a pulse
  };
  // What refinement moves: the polynomials [r][power], and the charge of a pulse that no cell
  // changes. Of a closed form [0][term].
  struct Form {
    std::vector<std::vector<double>> w;
    double pulse_x = 0;
  };
  // A cell as the kernels add it up: digits of bytes, or floats and their slopes.
  struct Cell {
    std::array<double, kernels::kMaxRank> high{}, low{}, slope{};
    double scale = 1;  // of a closed form's digit
  };
  std::vector<Cell> cells(const std::vector<double>& v_store) const;
  Sums sums(const std::vector<Cell>& cells, const Column& column) const;
  double end(const Sums& sums, const Form& form) const;
  double closed_end(const Sums& sums, const std::vector<double>& k, double start) const;
  // The stage's, in the units of its sums.
  Form form() const;
  void set_form(const Form& form);
  Form in_bytes(Form form) const;  // of one in floats
  double transfer(double x) const;
  void refine(const Columns& columns, const FitOptions& options);
  std::vector<double> errors(const Columns& columns, const FitOptions& options) const;
  double largest_error(const Columns& columns, const FitOptions& options) const;
  double worst_rms(const std::vector<Columns>& kinds, const FitOptions& options) const;
  class Search;

  const Circuit& circuit_;  // must outlive the fit, which reads it in cell()
  const Circuit::Converter& converter_;
  double full_scale_c_, error_ = 0, slow_error_ = 0, gain_error_ = 0, one_level_error_ = 0,
                        two_levels_error_ = 0;
  const FitColumns draw_;
  bool cells_differ_, is_second_;
  int levels_;
  int whole_weights_;  // that pulses are multiples for; 0 where they are not
  double offset_step_v_;
  double edge_x_ = 0;          // see kernels::Stage::pulse_x
  std::size_t edge_node_ = 0;  // pulse node beyond the word line's edges
  std::vector<double> x_nodes_, v_nodes_;
  std::vector<std::vector<double>> basis_;  // [r][x node], orthonormal
  std::vector<double> unit_;                // [r] of u_r in the polynomials' units
  // Of a closed form: w_r where a column starts, u_1 += turn u_2, and units by number of ranks.
  double at_start_[2] = {}, turn_ = 0;
  std::array<std::array<double, 2>, 2> one_digit_unit_{};
  std::vector<float> knot_, slope_;
  kernels::Stage stage_{};
};

}  // namespace gaincell::attention
