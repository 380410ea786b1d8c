#pragma once

#include <functional>
#include <vector>

#include "attention/circuit.h"
#include "attention/fast_kernels.h"

namespace gaincell::attention {

// A stage in the form the fast kernels take (kernels::Stage), fitted to a circuit.
struct FitOptions {
  double v_low = 0, v_high = 0.9;  // stored voltages that occur
  double error_limit = 1e-3;       // rms at the end of a column, share of full scale
  int cells = 64;                  // rows of a column
  bool is_signed = false;          // second stage
  int q_levels = 16;               // widths of the check's pulses where the stage is not signed
  std::vector<double> check_v;     // stored voltages that the check draws from
};

class StageFit {
 public:
  // Finds the cheapest rank, degree and number of segments whose error on random columns, against
  // column_charge_c, is within the limit; else the best one. Throws Error if that is ten times off.
  StageFit(const Circuit& circuit, const Circuit::Converter& converter, const ConverterLine& line,
           const FitOptions& options);

  const kernels::Stage& stage() const { return stage_; }
  int rank() const { return stage_.rank; }
  double error() const { return error_; }
  double full_scale_c() const { return full_scale_c_; }
  double segment_s() const { return segment_s_; }

  // u_r of a cell that holds v_store, r = 0 .. rank-1.
  std::vector<double> cell(double v_store) const;

  // Segment in which a pulse ends and its share of it.
  struct End {
    int segment;
    float share;
  };
  End end_of(double width_s) const;

  StageFit(const StageFit&) = delete;
  StageFit& operator=(const StageFit&) = delete;

 private:
  double edge_c(double v_store) const;
  std::vector<double> contributions(double v_store) const;
  void prepare(int segments);         // separable form of the charge per segment
  void choose(int rank, int degree);  // polynomials
  double charge_share(const std::vector<std::vector<double>>& cell_u,
                      const std::vector<std::size_t>& cell,
                      const std::vector<double>& width_s) const;
  double transfer(double x) const;

  const Circuit& circuit_;  // must outlive the fit, which reads it in cell()
  const Circuit::Converter& converter_;
  double full_scale_c_, segment_s_ = 0, error_ = 0;
  std::vector<double> x_nodes_, v_nodes_;
  std::vector<std::vector<double>> basis_;  // [r][segment * x node, edge], orthonormal
  std::vector<float> polynomial_, edge_, transfer_;
  kernels::Stage stage_{};
};

}  // namespace gaincell::attention
