#include "attention/fast_fit.h"

#include <fmt/format.h>

#include <Eigen/QR>
#include <Eigen/SVD>
#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

#include "base/error.h"
#include "base/random.h"

namespace gaincell::attention {
namespace {

constexpr int kChargeNodes = 25, kVoltageNodes = 49;
constexpr double kEdgeWeight = 20;          // beside some 400 smaller entries per cell
constexpr int kTransferPerFullScale = 512;  // so that 0 and full scale are nodes

// Columns start at 0 and pass the middle more often than the ends, so it weighs more in the fits.
double weight(double x) { return 1.0 / (0.3 + std::abs(x)); }

// Whole-pulse charge for any width, linear between the circuit's nodes.
double charge_of_width(const Circuit& circuit, double v_store, double width, double bitline) {
  const auto& nodes = circuit.pulse_nodes_s;
  const auto above = std::upper_bound(nodes.begin(), nodes.end(), width);
  if (above == nodes.end()) return circuit.read_charge_c(v_store, nodes.size() - 1, bitline);
  const std::size_t low = static_cast<std::size_t>(above - nodes.begin()) - 1;
  return circuit.read_charge_c(v_store, low, bitline) +
         (width - nodes[low]) * circuit.pulse_slope_between(low, v_store, bitline);
}

// A column whose charge may lie anywhere in the converter's range: each has its own tilt of the
// levels, share of rows with a pulse, and longest pulse (phi are mostly short).
void draw_column(Random& random, const FitOptions& options, double t_max,
                 std::vector<std::size_t>& cell, std::vector<double>& width) {
  const double tilt = std::exp(random.uniform(-1.5, 1.5)), share = random.uniform(0.2, 1.0);
  const double longest = options.is_signed ? std::exp(random.uniform(-2.5, 0.0)) : 1.0;
  const std::size_t levels = options.check_v.size();
  cell.resize(options.cells);
  width.resize(options.cells);
  for (int i = 0; i < options.cells; ++i) {
    const double u = std::pow(random.uniform(), tilt);
    cell[i] = std::min(levels - 1, static_cast<std::size_t>(u * static_cast<double>(levels)));
    width[i] = random.uniform() < share ? longest * random.uniform() : 0.0;
    if (!options.is_signed)
      width[i] = std::floor(width[i] * options.q_levels) / (options.q_levels - 1);
    width[i] *= t_max;
  }
}

}  // namespace

StageFit::StageFit(const Circuit& circuit, const Circuit::Converter& converter,
                   const ConverterLine& line, const FitOptions& options)
    : circuit_(circuit),
      converter_(converter),
      full_scale_c_(line.full_scale_c(converter.full_scale_s)) {
  stage_.x_low = options.is_signed ? -1.0f : -0.3f;
  stage_.x_high = 1.0f;
  for (int i = 0; i < kChargeNodes; ++i)  // Chebyshev
    x_nodes_.push_back(0.5 * (stage_.x_low + stage_.x_high) -
                       0.5 * (stage_.x_high - stage_.x_low) *
                           std::cos(M_PI * (i + 0.5) / kChargeNodes));
  for (int i = 0; i < kVoltageNodes; ++i)
    v_nodes_.push_back(options.v_low + (options.v_high - options.v_low) * i / (kVoltageNodes - 1));

  const double low = converter.charge_low_c / full_scale_c_,
               high = converter.charge_high_c / full_scale_c_;
  const int first = static_cast<int>(std::floor(std::max(low, -3.0) * kTransferPerFullScale));
  const int last = static_cast<int>(std::ceil(std::min(high, 3.0) * kTransferPerFullScale));
  for (int i = first; i <= last; ++i)
    transfer_.push_back(static_cast<float>(
        converter.pulse_s(full_scale_c_ * i / kTransferPerFullScale) / converter.full_scale_s));
  stage_.transfer = transfer_.data();
  stage_.transfer_nodes = static_cast<int>(transfer_.size());
  stage_.transfer_low = static_cast<float>(first) / kTransferPerFullScale;
  stage_.transfer_per_x = kTransferPerFullScale;

  constexpr int kColumns = 32;
  Random random(options.is_signed ? 2 : 1, "fast fit");
  std::vector<std::vector<std::size_t>> cell(kColumns);
  std::vector<std::vector<double>> width(kColumns);
  std::vector<double> expected;
  // Only columns inside the converter's range show an error; the others would flatter the rms.
  constexpr int kTries = 40 * kColumns;
  for (int i = 0, tries = 0; i<kColumns; i += expected.size()> static_cast<std::size_t>(i)) {
    draw_column(random, options, circuit.t_max_s, cell[i], width[i]);
    std::vector<double> v_store;
    for (const std::size_t c : cell[i]) v_store.push_back(options.check_v[c]);
    const double x = column_charge_c(circuit, converter, v_store, width[i]) / full_scale_c_;
    if ((std::abs(x) < 1 && (x > 0 || options.is_signed)) || ++tries > kTries)
      expected.push_back(x);
  }

  struct Candidate {
    int segments, rank, degree, cost;
  };
  std::vector<Candidate> candidates;
  for (const int segments : {5, 8, 15, 30})
    for (int rank = 1; rank <= kernels::kMaxRank; ++rank)
      for (const int degree : kernels::kDegrees)
        // Vector instructions for a column: one look-up and add per rank and row, then the
        // integration.
        candidates.push_back(
            {segments, rank, degree,
             options.cells * (1 + rank) + segments * (rank * (degree + 2) + 2 * degree + 4)});
  std::stable_sort(candidates.begin(), candidates.end(),
                   [](const Candidate& a, const Candidate& b) { return a.cost < b.cost; });
  struct Prepared {
    std::vector<std::vector<double>> basis, check_u;
  };
  std::map<int, Prepared> prepared;  // by segments
  const auto take = [&](const Candidate& candidate) {
    if (prepared.count(candidate.segments) == 0) {
      prepare(candidate.segments);
      stage_.rank = kernels::kMaxRank;
      Prepared& made = prepared[candidate.segments] = {basis_, {}};
      for (const double v : options.check_v) made.check_u.push_back(this->cell(v));
    }
    const Prepared& now = prepared[candidate.segments];
    stage_.segments = candidate.segments;
    segment_s_ = circuit.t_max_s / candidate.segments;
    basis_ = now.basis;
    choose(candidate.rank, candidate.degree);
    double squares = 0;
    for (int i = 0; i < kColumns; ++i) {
      const double error =
          transfer(charge_share(now.check_u, cell[i], width[i])) - transfer(expected[i]);
      squares += error * error;
    }
    error_ = std::sqrt(squares / kColumns);
  };
  const Candidate* best = nullptr;
  double least = 0;
  for (const Candidate& candidate : candidates) {
    take(candidate);
    if (error_ <= options.error_limit) return;
    if (best == nullptr || error_ < least) best = &candidate, least = error_;
  }
  if (least > 10 * options.error_limit)
    throw Error({"attention", "error_limit", fmt::format("{}", options.error_limit),
                 fmt::format("the fast level reaches {:.2g} of full scale on this device", least),
                 "raise the limit or use level column"});
  take(*best);
}

double StageFit::edge_c(double v_store) const {
  // What is left of a short pulse's charge when its current is taken off: nodes beyond the edges.
  const auto& nodes = circuit_.pulse_nodes_s;
  std::size_t node = 0;
  while (node + 2 < nodes.size() && nodes[node] < 0.05 * circuit_.t_max_s) ++node;
  const double bitline = converter_.bitline_v(0.0);
  return circuit_.read_charge_c(v_store, node, bitline) -
         nodes[node] * circuit_.pulse_slope_between(node, v_store, bitline);
}

// Share of full scale that a cell adds in each segment at each charge node, then its edges' share,
// weighted as in the fits.
std::vector<double> StageFit::contributions(double v_store) const {
  std::vector<double> result(static_cast<std::size_t>(stage_.segments) * kChargeNodes + 1);
  const double edge = edge_c(v_store);
  for (int i = 0; i < kChargeNodes; ++i) {
    const double bitline = converter_.bitline_v(x_nodes_[i] * full_scale_c_);
    double before = edge;
    for (int s = 0; s < stage_.segments; ++s) {
      const double after = charge_of_width(circuit_, v_store, (s + 1) * segment_s_, bitline);
      result[static_cast<std::size_t>(s) * kChargeNodes + i] =
          (after - before) / full_scale_c_ * weight(x_nodes_[i]);
      before = after;
    }
  }
  result.back() = edge / full_scale_c_ * kEdgeWeight;
  return result;
}

void StageFit::prepare(int segments) {
  stage_.segments = segments;
  segment_s_ = circuit_.t_max_s / segments;
  Eigen::MatrixXd charge(kVoltageNodes, segments * kChargeNodes + 1);
  for (int v = 0; v < kVoltageNodes; ++v) {
    const std::vector<double> row = contributions(v_nodes_[v]);
    charge.row(v) = Eigen::Map<const Eigen::RowVectorXd>(row.data(), charge.cols());
  }
  const Eigen::JacobiSVD<Eigen::MatrixXd> svd(charge, Eigen::ComputeThinV);
  basis_.clear();
  for (int r = 0; r < kernels::kMaxRank; ++r) {
    const Eigen::VectorXd column = svd.matrixV().col(r);
    basis_.emplace_back(column.data(), column.data() + column.size());
  }
}

void StageFit::choose(int rank, int degree) {
  stage_.rank = rank;
  stage_.degree = degree;
  Eigen::MatrixXd powers(kChargeNodes, degree + 1);
  for (int i = 0; i < kChargeNodes; ++i)
    for (int p = 0; p <= degree; ++p) powers(i, p) = weight(x_nodes_[i]) * std::pow(x_nodes_[i], p);
  const Eigen::ColPivHouseholderQR<Eigen::MatrixXd> qr(powers);
  polynomial_.assign(static_cast<std::size_t>(stage_.segments) * rank * (degree + 1), 0.0f);
  for (int s = 0; s < stage_.segments; ++s)
    for (int r = 0; r < rank; ++r) {
      const Eigen::VectorXd fit = qr.solve(
          Eigen::Map<const Eigen::VectorXd>(basis_[r].data() + s * kChargeNodes, kChargeNodes));
      for (int p = 0; p <= degree; ++p)
        polynomial_[(static_cast<std::size_t>(s) * rank + r) * (degree + 1) + p] =
            static_cast<float>(fit(p));
    }
  stage_.polynomial = polynomial_.data();
  edge_.clear();
  for (int r = 0; r < rank; ++r)
    edge_.push_back(static_cast<float>(basis_[r].back() / kEdgeWeight));
  stage_.edge = edge_.data();
}

std::vector<double> StageFit::cell(double v_store) const {
  const std::vector<double> all = contributions(v_store);
  std::vector<double> u;
  for (int r = 0; r < stage_.rank; ++r)
    u.push_back(std::inner_product(all.begin(), all.end(), basis_[r].begin(), 0.0));
  return u;
}

StageFit::End StageFit::end_of(double width_s) const {
  const double at = width_s / segment_s_;
  // A width on a border up to rounding ends with the segment before it.
  const int segment =
      std::clamp(static_cast<int>(std::ceil(at - 1e-6)) - 1, 0, stage_.segments - 1);
  const double share = at - segment;
  return {segment, share > 1 - 1e-6 ? 1.0f : static_cast<float>(share)};
}

double StageFit::transfer(double x) const {
  const double at = std::clamp((x - stage_.transfer_low) * stage_.transfer_per_x, 0.0,
                               static_cast<double>(stage_.transfer_nodes - 1));
  const int node = std::min(static_cast<int>(at), stage_.transfer_nodes - 2);
  return transfer_[node] + (at - node) * (transfer_[node + 1] - transfer_[node]);
}

// What the kernels compute, in plain loops.
double StageFit::charge_share(const std::vector<std::vector<double>>& cell_u,
                              const std::vector<std::size_t>& cell,
                              const std::vector<double>& width_s) const {
  const int rank = stage_.rank, degree = stage_.degree;
  std::vector<std::vector<double>> sums(stage_.segments, std::vector<double>(rank, 0.0));
  for (std::size_t i = 0; i < cell.size(); ++i) {
    if (width_s[i] <= 0) continue;
    const End end = end_of(width_s[i]);
    const std::vector<double>& u = cell_u[cell[i]];
    for (int r = 0; r < rank; ++r) {
      for (int s = 0; s < end.segment; ++s) sums[s][r] += u[r];
      sums[end.segment][r] += end.share * u[r];
    }
  }
  double x = 0;
  for (std::size_t i = 0; i < cell.size(); ++i)
    for (int r = 0; r < rank && width_s[i] > 0; ++r) x += edge_[r] * cell_u[cell[i]][r];
  for (int s = 0; s < stage_.segments; ++s) {
    const auto increment = [&](double at) {
      at = std::clamp(at, static_cast<double>(stage_.x_low), static_cast<double>(stage_.x_high));
      double total = 0;
      for (int r = 0; r < rank; ++r) {
        const float* w = stage_.polynomial + (s * rank + r) * (degree + 1);
        double y = w[degree];
        for (int p = degree - 1; p >= 0; --p) y = y * at + w[p];
        total += sums[s][r] * y;
      }
      return total;
    };
    x += increment(x + 0.5 * increment(x));
  }
  return x;
}

}  // namespace gaincell::attention
