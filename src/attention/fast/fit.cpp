#include "attention/fast/fit.h"

#include <fmt/format.h>

#include <Eigen/Cholesky>
#include <Eigen/QR>
#include <Eigen/SVD>
#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <limits>
#include <map>
#include <numeric>

#include "attention/physical_spread.h"
#include "base/error.h"

namespace gaincell::attention {
namespace {

constexpr int kChargeNodes = 25, kVoltageNodes = 49;
constexpr int kTransferPerFullScale = 512;  // so that 0 and full scale are nodes

// Columns start at 0 and pass the middle more often than the ends, so it weighs more in the fits.
double weight(double x) { return 1.0 / (0.3 + std::abs(x)); }

double largest(const std::vector<double>& of) {
  double most = 0;
  for (const double x : of) most = std::max(most, std::abs(x));
  return most;
}

struct Digits {
  int high, low;
};

Digits digits(const kernels::Stage& stage, double u) {
  const auto within = [](double x, int most) {
    return std::clamp(static_cast<int>(std::lrint(x)), -most, most);
  };
  const int high = within(u, kernels::kHigh);
  return {high, within((u - high) * stage.low_per_high(),
                       stage.fine_low ? kernels::kFineLow : kernels::kCoarseLow)};
}

// Levels of one table as digits of a closed form: u = unit (digit + offset), nearly.
struct OneDigit {
  double unit = 1, offset = 0;
  std::array<double, kernels::kLevels> digit{};
};

// Of scales and offsets the one that rounds the levels least; they err by nothing on the average.
OneDigit one_digit(const double* u, int levels) {
  constexpr int kScales = 128, kOffsets = 8;
  OneDigit best;
  double least = std::numeric_limits<double>::infinity();
  const double mean_u = std::accumulate(u, u + levels, 0.0) / levels;
  for (int i = 0; i < kScales; ++i)
    for (int j = 0; j < kOffsets; ++j) {
      const double scale = 1 - (1.0 - kernels::kLeastScale) * i / kScales;
      OneDigit one;
      double mean = 0, both = 0, squares = 0, all = 0;
      for (int level = 0; level < levels; ++level) {
        one.digit[level] = std::nearbyint(u[level] * scale - static_cast<double>(j) / kOffsets);
        mean += one.digit[level] / levels;
      }
      for (int level = 0; level < levels; ++level) {
        const double digit = one.digit[level] - mean, of_u = u[level] - mean_u;
        both += digit * of_u, squares += digit * digit, all += of_u * of_u;
      }
      one.unit = squares > 0 ? both / squares : 1 / scale;
      one.offset = mean_u / one.unit - mean;
      const double off = all - one.unit * both;
      if (off < least) least = off, best = one;
    }
  return best;
}

// Values at knots, from which straight pieces pass through the points rather than along one side of
// them: chords of a bent curve all lie within it, and pulses would all come out too short. The ends
// are exact.
std::vector<double> balanced(const std::vector<double>& x, const std::vector<double>& y,
                             const std::vector<std::size_t>& knots) {
  std::vector<double> at_knots;
  for (const std::size_t k : knots) at_knots.push_back(y[k]);
  const auto inner = static_cast<Eigen::Index>(knots.size()) - 2;
  if (inner < 1) return at_knots;
  Eigen::MatrixXd normal = Eigen::MatrixXd::Zero(inner, inner);
  Eigen::VectorXd off = Eigen::VectorXd::Zero(inner);
  for (std::size_t k = 0; k + 1 < knots.size(); ++k)
    for (std::size_t i = knots[k]; i < knots[k + 1]; ++i) {
      const double share = (x[i] - x[knots[k]]) / (x[knots[k + 1]] - x[knots[k]]);
      const double matters = weight(x[i]);
      const double hat[] = {1 - share, share};
      const double left = y[i] - hat[0] * at_knots[k] - hat[1] * at_knots[k + 1];
      for (int a = 0; a < 2; ++a) {
        const auto row = static_cast<Eigen::Index>(k) + a - 1;
        if (row < 0 || row >= inner) continue;
        off(row) += matters * hat[a] * left;
        for (int b = 0; b < 2; ++b) {
          const auto column = static_cast<Eigen::Index>(k) + b - 1;
          if (column >= 0 && column < inner) normal(row, column) += matters * hat[a] * hat[b];
        }
      }
    }
  const Eigen::VectorXd change = normal.ldlt().solve(off);
  for (Eigen::Index i = 0; i < inner; ++i) at_knots[static_cast<std::size_t>(i) + 1] += change(i);
  return at_knots;
}

// Root mean square, three standard errors above what the sample has.
double highest_rms(const std::vector<double>& errors) {
  const auto n = static_cast<double>(errors.size());
  double squares = 0, fourths = 0;
  for (const double error : errors) squares += std::pow(error, 2), fourths += std::pow(error, 4);
  const double mean = squares / n;
  return std::sqrt(mean + 3 * std::sqrt(std::max(0.0, fourths / n - mean * mean) / n));
}

// What all pulses are too long by, in shares of themselves, by least squares.
double gain_of_errors(const FitColumns::Columns& columns, const std::vector<double>& errors) {
  double both = 0, squares = 0;
  for (std::size_t i = 0; i < columns.size(); ++i)
    both += errors[i] * columns[i].pulse, squares += columns[i].pulse * columns[i].pulse;
  return squares > 0 ? both / squares : 0.0;
}

}  // namespace

// For the cheapest candidate that holds the limit on columns that it was not fitted to.
class StageFit::Search {
 public:
  Search(StageFit& fit, const FitOptions& options)
      // Below no pulse, charges still stand in what is written out, but matter less.
      : fit_(fit), options_(options), lowest_(options.is_signed ? -1.0 : 0.0) {
    constexpr int kChecked = 64, kFitted = 64;
    // Columns of one level err in one direction: fitted as closely as the others, they would cost
    // those more than they gain; not at all, polynomials would run away from them.
    constexpr double kOneLevelMatters = 0.4;
    // What a model has is mostly faint, and a share of a small charge is little of a full scale.
    constexpr double kFaintMatters = 1;
    for (int i = 0; i < FitColumns::kFittedKinds; ++i) {
      const auto kind = static_cast<FitColumns::Kind>(i);
      checked_.push_back(fit_.draw_.draw(kind, kChecked, "fast check", lowest_));
      for (Column& column : fit_.draw_.draw(kind, kFitted, "fast fit", -1.0)) {
        if (kind == FitColumns::kOneLevel) column.matters = kOneLevelMatters;
        if (kind == FitColumns::kFaint) column.matters = kFaintMatters;
        fitted_.push_back(std::move(column));
      }
    }
  }

  void run() {
    const double limit = options_.limit_share * options_.error_limit;
    const std::vector<kernels::Stage> all =
        options_.target == FitOptions::Target::kMatrices
            ? matrix_candidates()
            : fit_candidates(options_.cells, fit_.cells_differ_);
    const kernels::Stage* best = nullptr;
    double least = 0;
    for (const kernels::Stage& candidate : all) {
      const double in_floats = reach(candidate).error;
      if (in_floats > limit && best != nullptr && in_floats >= least) continue;
      const double error = take(candidate);
      if (error <= limit) {
        measure();
        if (fit_.error_ <= limit) return;
      }
      if (best == nullptr || error < least) best = &candidate, least = error;
    }
    if (best != nullptr) take(*best);
    measure();
    if (least > 10 * options_.error_limit)
      throw Error({.place = "attention",
                   .key = "error_limit",
                   .value = fmt::format("{}", options_.error_limit),
                   .rule = fmt::format("the fast level reaches {:.2g} of full scale on this device",
                                       fit_.error_),
                   .remedy = "raise the limit or use level column"});
  }

 private:
  // What rank, degree, segments and steps reach, in floats; digits of bytes only add to it.
  struct Reached {
    double error;
    Form form;
  };

  const Reached& reach(kernels::Stage shape) {
    const auto [at, is_new] =
        reached_.try_emplace({shape.rank, shape.degree, shape.segments, shape.substeps}, Reached{});
    if (!is_new) return at->second;
    shape.bytes = false;
    fit_.choose(shape);
    at->second.error = refined_error();
    at->second.form = fit_.form();
    return at->second;
  }

  double take(const kernels::Stage& candidate) {
    const Form& form = reach(candidate).form;
    fit_.choose(candidate);
    fit_.set_form(fit_.stage_.bytes ? fit_.in_bytes(form) : form);
    return fit_.stage_.bytes ? refined_error() : reach(candidate).error;
  }

  // Refines what was chosen as far as that helps columns that it is not fitted to.
  double refined_error() {
    const double before = fit_.worst_rms(checked_, options_);
    constexpr double kWithinReach = 6;  // times the limit: what refinement may take away
    if (!fit_.stage_.closed() && before > kWithinReach * options_.error_limit) return before;
    const Form form_before = fit_.form();
    fit_.refine(fitted_, options_);
    const double after = fit_.worst_rms(checked_, options_);
    if (after < before) return after;
    fit_.set_form(form_before);
    return before;
  }

  // Of what was chosen, on columns that had no part in that.
  void measure() {
    constexpr int kMeasured = 512;
    const auto drawn = [&](FitColumns::Kind kind) {
      return fit_.draw_.draw(kind, kMeasured, "fast measure", lowest_);
    };
    if (measured_.empty()) {
      for (int i = 0; i < FitColumns::kRandomKinds; ++i)
        measured_.push_back(drawn(static_cast<FitColumns::Kind>(i)));
      slow_ = drawn(FitColumns::kSlow);
      faint_ = drawn(FitColumns::kFaint);
    }
    fit_.error_ = 0;
    for (const Columns& columns : measured_)
      fit_.error_ = std::max(fit_.error_, highest_rms(fit_.errors(columns, options_)));
    fit_.slow_error_ = highest_rms(fit_.errors(slow_, options_));
    fit_.gain_error_ = gain_of_errors(faint_, fit_.errors(faint_, options_));
    // A column of the first array has one table, and its digits are rounded otherwise at other ages
    // than the few that are looked at; some per cent more were seen.
    constexpr double kOtherAges = 1.08;
    if (fit_.stage_.closed() && fit_.stage_.bytes && !fit_.is_second_)
      fit_.error_ *= kOtherAges, fit_.slow_error_ *= kOtherAges;
  }

  StageFit& fit_;
  const FitOptions& options_;
  double lowest_;
  std::vector<Columns> checked_, measured_;
  Columns fitted_, slow_, faint_;
  std::map<std::array<int, 4>, Reached> reached_;
};

StageFit::StageFit(const Circuit& circuit, const Circuit::Converter& converter,
                   const ConverterLine& line, const FitOptions& options)
    : circuit_(circuit),
      converter_(converter),
      full_scale_c_(line.full_scale_c(converter.full_scale_s)),
      draw_(circuit, converter, full_scale_c_, options),
      cells_differ_(draw_.cells_differ()),
      is_second_(options.is_signed),
      levels_(options.levels),
      whole_weights_(options.whole_widths ? options.q_levels - 1 : 0),
      offset_step_v_(draw_.offset_step_v()) {
  stage_.x_low = options.is_signed ? -1.0f : -0.3f;
  stage_.x_high = 1.0f;
  for (int i = 0; i < kChargeNodes; ++i)  // Chebyshev
    x_nodes_.push_back(0.5 * (stage_.x_low + stage_.x_high) -
                       0.5 * (stage_.x_high - stage_.x_low) *
                           std::cos(M_PI * (i + 0.5) / kChargeNodes));
  for (int i = 0; i < kVoltageNodes; ++i)
    v_nodes_.push_back(options.v_low + (options.v_high - options.v_low) * i / (kVoltageNodes - 1));
  const auto& pulses = circuit.pulse_nodes_s;
  while (edge_node_ + 2 < pulses.size() && pulses[edge_node_] < 0.05 * circuit.t_max_s)
    ++edge_node_;
  fit_transfer(options);
  fit_edges(options);
  separate();

  Search(*this, options).run();
  constexpr int kOfTwoLevels = 200;
  one_level_error_ = largest_error(draw_.of_one_level(), options);
  two_levels_error_ = largest_error(
      draw_.draw(FitColumns::kTwoLevels, kOfTwoLevels, "fast measure", -1.0), options);
}

std::vector<StageFit::Cell> StageFit::cells(const std::vector<double>& v_store) const {
  std::vector<Cell> all;
  OneDigit of_table;
  for (std::size_t i = 0; i < v_store.size(); ++i) {
    const std::vector<double> u = cell(v_store[i]);
    Cell& one = all.emplace_back();
    if (stage_.bytes && stage_.closed()) {
      const std::size_t level = i % levels_;
      if (level == 0) {
        std::vector<double> of_levels;
        for (int l = 0; l < levels_; ++l) of_levels.push_back(cell(v_store[i + l])[0]);
        of_table = one_digit(of_levels.data(), levels_);
      }
      one.high[0] = of_table.digit[level] + of_table.offset;
      if (stage_.rank == 2) one.high[1] = std::nearbyint(u[1] / of_table.unit);
      one.scale = of_table.unit;
      continue;
    }
    for (int r = 0; r < stage_.rank; ++r) {
      if (!stage_.bytes) {
        one.high[r] = u[r];
        if (cells_differ_) one.slope[r] = u[stage_.rank + r];
        continue;
      }
      const Digits d = digits(stage_, u[r]);
      one.high[r] = d.high;
      if (r < stage_.low_ranks) one.low[r] = static_cast<double>(d.low) / stage_.low_per_high();
    }
  }
  return all;
}

std::vector<double> StageFit::errors(const Columns& columns, const FitOptions& options) const {
  const auto of_cells = cells(options.check_v);
  const Form here = form();
  std::vector<double> all;
  for (const Column& column : columns)
    all.push_back(transfer(end(sums(of_cells, column), here)) - column.pulse);
  return all;
}

double StageFit::largest_error(const Columns& columns, const FitOptions& options) const {
  double largest = 0;
  for (const double error : errors(columns, options)) largest = std::max(largest, std::abs(error));
  return largest;
}

// Of all kinds; that of columns of one level in what they may have.
double StageFit::worst_rms(const std::vector<Columns>& kinds, const FitOptions& options) const {
  double worst = 0;
  for (int kind = 0; kind < FitColumns::kFittedKinds; ++kind) {
    double squares = 0;
    for (const double error : errors(kinds[kind], options)) squares += error * error;
    const double rms = std::sqrt(squares / static_cast<double>(kinds[kind].size()));
    worst = std::max(worst, kind == FitColumns::kOneLevel ? rms / kOneLevelLimit : rms);
  }
  return worst;
}

double StageFit::pulse_share(double x) const {
  return converter_.pulse_s(full_scale_c_ * x) / converter_.full_scale_s;
}

// Straight pieces of the transfer, as few as hold a third of the error limit everywhere. Exactly
// where the converter's dead zone ends and where it saturates there is a knot, so that no charge is
// exactly no pulse, and a full one all counts.
void StageFit::fit_transfer(const FitOptions& options) {
  const double low = converter_.charge_low_c / full_scale_c_,
               high = converter_.charge_high_c / full_scale_c_;
  const int first = static_cast<int>(std::floor(std::max(low, -3.0) * kTransferPerFullScale));
  const int last = static_cast<int>(std::ceil(std::min(high, 3.0) * kTransferPerFullScale));
  std::vector<double> x, y;
  for (int i = first; i <= last; ++i) {
    x.push_back(static_cast<double>(i) / kTransferPerFullScale);
    y.push_back(pulse_share(x.back()));
  }
  const std::size_t n = x.size();
  const auto same = [](double a, double b) { return std::abs(a - b) <= 1e-12; };
  // Where, between an x at which the pulse is `y` and one at which it is not, that changes.
  const auto bend = [&](double at_y, double away, double of) {
    for (int i = 0; i < 60; ++i) {
      const double middle = 0.5 * (at_y + away);
      (same(pulse_share(middle), of) ? at_y : away) = middle;
    }
    return at_y;
  };
  std::size_t dead = 0, saturated = n - 1;
  while (dead + 1 < saturated && same(y[dead + 1], y[0])) ++dead;
  while (saturated > dead + 1 && same(y[saturated - 1], y[n - 1])) --saturated;
  x[dead] = bend(x[dead], x[dead + 1], y[0]);
  x[saturated] = bend(x[saturated], x[saturated - 1], y[n - 1]);
  const auto holds = [&](std::size_t from, std::size_t to) {
    const double slope = (y[to] - y[from]) / (x[to] - x[from]);
    for (std::size_t i = from + 1; i < to; ++i)
      if (std::abs(y[from] + slope * (x[i] - x[from]) - y[i]) > 0.3 * options.error_limit)
        return false;
    return true;
  };
  // A full scale that arithmetic has missed by a rounding is one.
  const auto end = [&](double of) {
    return static_cast<float>(same(std::abs(of), 1) ? std::copysign(1, of) : of);
  };
  stage_.at_low = end(y[0]);
  stage_.at_high = end(y[n - 1]);
  std::vector<std::size_t> knots{dead};
  while (knots.back() < saturated) {
    std::size_t to = knots.back() + 1;
    while (to < saturated && holds(knots.back(), to + 1)) ++to;
    knots.push_back(to);
  }
  const std::vector<double> at_knots = balanced(x, y, knots);
  double before = 0;
  for (std::size_t k = 0; k + 1 < knots.size(); ++k) {
    const double slope = (at_knots[k + 1] - at_knots[k]) / (x[knots[k + 1]] - x[knots[k]]);
    knot_.push_back(static_cast<float>(x[knots[k]]));
    slope_.push_back(static_cast<float>(slope - before));
    before = slope;
  }
  stage_.x_end = static_cast<float>(x[saturated]);
  stage_.knots = static_cast<int>(knot_.size());
  stage_.knot = knot_.data();
  stage_.slope = slope_.data();
}

// The edges' charge is nearly the same length of every cell's current, and a part that no cell
// changes (the read device's own capacitance).
void StageFit::fit_edges(const FitOptions& options) {
  const double start_v = converter_.bitline_v(0.0);
  Eigen::MatrixXd parts(options.check_v.size(), 2);
  Eigen::VectorXd edges(options.check_v.size());
  for (std::size_t i = 0; i < options.check_v.size(); ++i) {
    const auto row = static_cast<Eigen::Index>(i);
    parts(row, 0) = current(options.check_v[i], start_v);
    parts(row, 1) = 1.0;
    edges(row) = edge_c(options.check_v[i]) / full_scale_c_;
  }
  const Eigen::VectorXd fit = parts.colPivHouseholderQr().solve(edges);
  stage_.pulse_delay = static_cast<float>(fit(0));
  edge_x_ = fit(1);
}

// Share of full scale that a cell adds in a longest pulse without edges.
double StageFit::current(double v_store, double bitline_v) const {
  const auto& nodes = circuit_.pulse_nodes_s;
  const std::size_t last = nodes.size() - 1;
  return (circuit_.read_charge_c(v_store, last, bitline_v) -
          circuit_.read_charge_c(v_store, edge_node_, bitline_v)) /
         (nodes[last] - nodes[edge_node_]) * circuit_.t_max_s / full_scale_c_;
}

// What is left of a short pulse's charge when its current is taken off.
double StageFit::edge_c(double v_store) const {
  const double bitline = converter_.bitline_v(0.0);
  return circuit_.read_charge_c(v_store, edge_node_, bitline) -
         circuit_.pulse_nodes_s[edge_node_] *
             circuit_.pulse_slope_between(edge_node_, v_store, bitline);
}

std::vector<double> StageFit::currents(double v_store) const {
  std::vector<double> result;
  for (const double x : x_nodes_)
    result.push_back(current(v_store, converter_.bitline_v(x * full_scale_c_)) * weight(x));
  return result;
}

void StageFit::separate() {
  Eigen::MatrixXd table(kVoltageNodes, kChargeNodes);
  for (int v = 0; v < kVoltageNodes; ++v) {
    const std::vector<double> row = currents(v_nodes_[v]);
    table.row(v) = Eigen::Map<const Eigen::RowVectorXd>(row.data(), kChargeNodes);
  }
  const Eigen::JacobiSVD<Eigen::MatrixXd> svd(table, Eigen::ComputeThinV);
  std::vector<std::vector<double>> u;
  for (int r = 0; r < kernels::kMaxRank; ++r) {
    const Eigen::VectorXd column = svd.matrixV().col(r), of_cells = table * column;
    basis_.emplace_back(column.data(), column.data() + kChargeNodes);
    u.emplace_back(of_cells.data(), of_cells.data() + kVoltageNodes);
    // Bytes hold the largest u_r that occurs; a floor keeps empty ranks at 0.
    unit_.push_back(std::max(largest(u.back()), 1e-30) / kernels::kHigh);
  }
  separate_at_start(u);
}

// For closed forms: u_1 is turned so that it is all of the current where a column starts.
void StageFit::separate_at_start(const std::vector<std::vector<double>>& u) {
  constexpr int kPowers = 8;
  Eigen::MatrixXd powers(kChargeNodes, kPowers);
  for (int i = 0; i < kChargeNodes; ++i)
    for (int p = 0; p < kPowers; ++p) powers(i, p) = weight(x_nodes_[i]) * std::pow(x_nodes_[i], p);
  const Eigen::ColPivHouseholderQR<Eigen::MatrixXd> qr(powers);
  for (int r = 0; r < 2; ++r)
    at_start_[r] = qr.solve(Eigen::Map<const Eigen::VectorXd>(basis_[r].data(), kChargeNodes))(0);
  turn_ = at_start_[1] / at_start_[0];
  std::vector<double> turned = u[0];
  for (int i = 0; i < kVoltageNodes; ++i) turned[i] += turn_ * u[1][i];
  const auto unit = [](const std::vector<double>& of) {
    return std::max(largest(of), 1e-30) / (kernels::kOneDigit - 1);  // room for an offset
  };
  one_digit_unit_[0] = {unit(u[0]), 0};
  one_digit_unit_[1] = {unit(turned), unit(u[1])};
}

void StageFit::choose(const kernels::Stage& candidate) {
  stage_.bytes = candidate.bytes;
  stage_.rank = candidate.rank;
  stage_.low_ranks = candidate.low_ranks;
  stage_.segments = candidate.segments;
  stage_.degree = candidate.degree;
  stage_.substeps = candidate.substeps;
  for (int s = 0; s <= stage_.segments; ++s)
    stage_.begin[s] = kernels::segment_begin(s, stage_.segments);
  stage_.pulse_x = static_cast<float>(edge_x_);
  const bool whole = stage_.bytes && stage_.segments == 1 && stage_.pulse_delay == 0 &&
                     whole_weights_ > 0 && whole_weights_ <= kernels::kMostWholeWeights;
  stage_.whole_weights = whole ? whole_weights_ : 0;
  stage_.fine_low = candidate.fine_low || whole;  // under small weights they cost no more
  if (stage_.closed()) {                          // the rest follows from columns: refine()
    Form straight{{std::vector<double>(kernels::kClosedTerms, 0.0)}, edge_x_};
    straight.w[0][0] = at_start_[0];
    set_form(straight);
    return;
  }
  Eigen::MatrixXd powers(kChargeNodes, stage_.degree + 1);
  for (int i = 0; i < kChargeNodes; ++i)
    for (int p = 0; p <= stage_.degree; ++p)
      powers(i, p) = weight(x_nodes_[i]) * std::pow(x_nodes_[i], p);
  const Eigen::ColPivHouseholderQR<Eigen::MatrixXd> qr(powers);
  for (int r = 0; r < stage_.rank; ++r) {
    const Eigen::VectorXd fit =
        qr.solve(Eigen::Map<const Eigen::VectorXd>(basis_[r].data(), kChargeNodes));
    for (int p = 0; p <= stage_.degree; ++p)
      stage_.polynomial[r][p] = static_cast<float>(fit(p) * (stage_.bytes ? unit_[r] : 1.0));
  }
}

std::vector<double> StageFit::cell(double v_store) const {
  const auto at = [&](double v) {
    const std::vector<double> all = currents(v);
    std::vector<double> u;
    if (stage_.closed()) {
      for (int r = 0; r < stage_.rank; ++r)
        u.push_back(std::inner_product(all.begin(), all.end(), basis_[r].begin(), 0.0));
      if (stage_.rank == 2) u[0] += turn_ * u[1];
      for (int r = 0; stage_.bytes && r < stage_.rank; ++r)
        u[r] /= one_digit_unit_[stage_.rank - 1][r];
      return u;
    }
    for (int r = 0; r < stage_.rank; ++r)
      u.push_back(std::inner_product(all.begin(), all.end(), basis_[r].begin(), 0.0) /
                  (stage_.bytes ? unit_[r] : 1.0));
    return u;
  };
  std::vector<double> u = at(v_store);
  if (!cells_differ_) return u;
  // At these two points, a cubic's chord is its regression over normally distributed offsets.
  const double steps = std::sqrt(3.0) * PhysicalSpread::kStepsPerSigma;
  const std::vector<double> below = at(v_store - steps * offset_step_v_),
                            above = at(v_store + steps * offset_step_v_);
  for (int r = 0; r < stage_.rank; ++r) u.push_back((above[r] - below[r]) / (2 * steps));
  return u;
}

void StageFit::encode(const double* u, std::size_t plane, std::byte* entry) const {
  if (stage_.closed()) {
    const OneDigit of_table = one_digit(u, levels_);
    for (int level = 0; level < levels_; ++level) {
      const auto put = [&](int r, double digit) {
        entry[2 * r * plane + level] = static_cast<std::byte>(static_cast<int>(digit));
      };
      put(0, of_table.digit[level]);
      if (stage_.rank == 2) put(1, std::nearbyint(u[kernels::kLevels + level] / of_table.unit));
    }
    const float of_all[] = {static_cast<float>(of_table.unit), static_cast<float>(of_table.offset)};
    std::memcpy(entry + kernels::Stage::kScaleAt, of_all, sizeof of_all);
    return;
  }
  for (int r = 0; r < stage_.rank; ++r)
    for (int level = 0; level < kernels::kLevels; ++level) {
      const double value = u[r * kernels::kLevels + level];
      if (stage_.bytes) {
        const Digits d = digits(stage_, value);
        entry[(2 * r) * plane + level] = static_cast<std::byte>(d.high);
        entry[(2 * r + 1) * plane + level] = static_cast<std::byte>(d.low);
      } else {
        const auto f = static_cast<float>(value);
        std::memcpy(entry + r * plane + level * sizeof f, &f, sizeof f);
        if (!cells_differ_) continue;
        const auto slope = static_cast<float>(u[(stage_.rank + r) * kernels::kLevels + level]);
        std::memcpy(entry + (stage_.rank + r) * plane + level * sizeof slope, &slope, sizeof slope);
      }
    }
}

double StageFit::transfer(double x) const {
  if (x >= stage_.x_end) return stage_.at_high;
  double y = stage_.at_low;
  for (int k = 0; k < stage_.knots; ++k) y += stage_.slope[k] * std::max(0.0, x - stage_.knot[k]);
  return y;
}

StageFit::Sums StageFit::sums(const std::vector<Cell>& cells, const Column& column) const {
  const int rank = stage_.rank, segments = stage_.segments,
            rows = static_cast<int>(column.cell.size());
  std::vector<double> lasts(rows, 0.0);
  Sums of;
  double longest = 0;
  for (int i = 0; i < rows; ++i) {
    if (column.width[i] <= 0) continue;
    of.pulses += 1;
    lasts[i] = std::max(0.0, column.width[i] + stage_.pulse_delay);
    longest = std::max(longest, lasts[i]);
  }
  if (longest <= 0) return of;

  of.charge.assign(segments, std::vector<double>(rank, 0.0));
  std::vector<double> low(rank, 0.0), used(segments, 0.0);
  const bool whole = stage_.whole_weights > 0;
  if (whole) longest = 1;
  // Rows of the second array have tables of several ages: their scales lie on the weights.
  const bool scaled = stage_.bytes && stage_.closed() && is_second_;
  const double full = !stage_.bytes ? 1.0
                      : whole       ? stage_.whole_weights
                                    : kernels::kFullWeight * (scaled ? kernels::kLeastScale : 1.0);
  const auto length = [&](int s) { return stage_.begin[s + 1] - stage_.begin[s]; };
  const auto rounded = [&](double share) {
    return stage_.bytes ? std::nearbyint(share * full) : share;
  };
  for (int i = 0; i < rows; ++i) {
    if (lasts[i] <= 0) continue;
    Cell cell = cells[column.cell[i]];
    if (cells_differ_)
      for (int r = 0; r < rank; ++r)
        cell.high[r] = (cell.high[r] + cell.slope[r] * column.offset_steps[i]) * column.gain[i];
    const double lasting = lasts[i] / longest;
    for (int s = 0; s < segments; ++s) {
      const double share = std::clamp((lasting - stage_.begin[s]) / length(s), 0.0, 1.0);
      used[s] += length(s) * share;
      const double weight = scaled ? rounded(share * cell.scale) : rounded(share) * cell.scale;
      for (int r = 0; r < rank; ++r) of.charge[s][r] += weight * cell.high[r];
    }
    for (int r = 0; r < stage_.low_ranks; ++r) low[r] += rounded(lasting) * cell.low[r];
  }
  const double all_used = std::accumulate(used.begin(), used.end(), 0.0);
  for (int s = 0; s < segments; ++s)
    for (int r = 0; r < rank; ++r)
      of.charge[s][r] =
          (of.charge[s][r] * length(s) + low[r] * used[s] / all_used) * longest / full;
  return of;
}

double StageFit::end(const Sums& sums, const Form& form) const {
  const int rank = stage_.rank;
  double x = sums.pulses * form.pulse_x;
  if (stage_.closed()) return sums.charge.empty() ? x : closed_end(sums, form.w[0], x);
  std::array<double, kernels::kMaxRank> w{};
  for (int r = 0; r < rank; ++r) w[r] = form.w[r][0];
  for (const std::vector<double>& charge : sums.charge)
    for (int step = 0; step < stage_.substeps; ++step) {
      const auto increment = [&] {
        return std::inner_product(charge.begin(), charge.end(), w.begin(), 0.0) / stage_.substeps;
      };
      const double middle = std::clamp(x + 0.5 * increment(), static_cast<double>(stage_.x_low),
                                       static_cast<double>(stage_.x_high));
      for (int r = 0; r < rank; ++r) {
        w[r] = form.w[r][stage_.degree];
        for (int p = stage_.degree - 1; p >= 0; --p) w[r] = w[r] * middle + form.w[r][p];
      }
      x += increment();
    }
  return x;
}

double StageFit::closed_end(const Sums& sums, const std::vector<double>& k, double start) const {
  const auto held = [&](double x) {
    return std::clamp(x, static_cast<double>(kernels::kClosedReach * stage_.x_low),
                      static_cast<double>(kernels::kClosedReach * stage_.x_high));
  };
  const auto& first = sums.charge.front();
  const auto& last = sums.charge.back();
  const double early = start + k[0] * first[0];
  const double end = sums.charge.size() == 1 ? early : early + k[0] * last[0];
  const double a = held(early), c = held(end), x = end + c * c * (k[1] + k[2] * c);
  if (sums.charge.size() == 1) return x;
  return x + first[1] * a * (k[3] + k[4] * a * a) +
         last[1] * (k[5] * a + c * (k[6] + k[7] * c * c + k[8] * c * a));
}

StageFit::Form StageFit::form() const {
  Form here{{}, stage_.pulse_x};
  if (stage_.closed()) {
    here.w.emplace_back(stage_.form, stage_.form + kernels::kClosedTerms);
    return here;
  }
  for (int r = 0; r < stage_.rank; ++r)
    here.w.emplace_back(stage_.polynomial[r], stage_.polynomial[r] + stage_.degree + 1);
  return here;
}

void StageFit::set_form(const Form& form) {
  stage_.pulse_x = static_cast<float>(form.pulse_x);
  if (stage_.closed()) {
    for (int i = 0; i < kernels::kClosedTerms; ++i)
      stage_.form[i] = static_cast<float>(form.w[0][i]);
    for (int r = 0; r < stage_.rank; ++r) stage_.polynomial[r][0] = r == 0 ? stage_.form[0] : 0.0f;
    return;
  }
  for (int r = 0; r < stage_.rank; ++r)
    for (int p = 0; p <= stage_.degree; ++p)
      stage_.polynomial[r][p] = static_cast<float>(form.w[r][p]);
}

StageFit::Form StageFit::in_bytes(Form form) const {
  if (stage_.closed()) {
    const auto& unit = one_digit_unit_[stage_.rank - 1];
    form.w[0][0] *= unit[0];
    for (int i = kernels::kOfSecondRank; i < kernels::kClosedTerms; ++i) form.w[0][i] *= unit[1];
    return form;
  }
  for (std::size_t r = 0; r < form.w.size(); ++r)
    for (double& coefficient : form.w[r]) coefficient *= unit_[r];
  return form;
}

// Takes out what is systematic in rank, degree, steps and digits: the form is moved to where the
// columns end, by least squares (Gauss and Newton). Columns that it cannot reach count little.
void StageFit::refine(const Columns& columns, const FitOptions& options) {
  constexpr int kIterations = 6;
  constexpr double kStep = 1e-4;
  const double damping = stage_.closed() ? 1e-6 : 1e-3;
  constexpr double kBelow = 0.1;  // weight of columns that make no pulse
  const auto of_cells = cells(options.check_v);
  std::vector<Sums> all;
  for (const Column& column : columns) all.push_back(sums(of_cells, column));
  const auto n = static_cast<Eigen::Index>(columns.size());
  const bool closed = stage_.closed();
  const Eigen::Index powers = !closed            ? stage_.degree + 1
                              : stage_.rank == 1 ? kernels::kOfSecondRank
                                                 : kernels::kClosedTerms;
  const Eigen::Index unknowns = (closed ? 1 : stage_.rank) * powers + 1;
  const auto unknown = [&](Form& form, Eigen::Index j) -> double& {
    return j + 1 == unknowns ? form.pulse_x : form.w[j / powers][j % powers];
  };
  Form here = form();
  for (int iteration = 0; iteration < kIterations; ++iteration) {
    Eigen::VectorXd off(n), weight(n), at(n);
    Eigen::MatrixXd slopes(n, unknowns);
    const auto ends = [&](const Form& form, auto&& put) {
      for (Eigen::Index i = 0; i < n; ++i) put(i, end(all[static_cast<std::size_t>(i)], form));
    };
    ends(here, [&](Eigen::Index i, double x_end) {
      const Column& column = columns[static_cast<std::size_t>(i)];
      const double x = column.x;
      // What a closed form is not yet fitted to is far.
      const double far = closed && iteration == 0 ? 0.0 : (x - x_end) / (3 * options.error_limit);
      weight(i) = column.matters * (x < 0 && !options.is_signed ? kBelow : 1.0) / (1 + far * far);
      at(i) = x_end;
      off(i) = weight(i) * (x - x_end);
    });
    for (Eigen::Index j = 0; j < unknowns; ++j) {
      Form moved = here;
      const double step =
          kStep * (j + 1 == unknowns ? options.error_limit
                                     : std::max(std::abs(here.w[j / powers][0]), 1e-12));
      unknown(moved, j) += step;
      ends(moved, [&](Eigen::Index i, double x_end) {
        slopes(i, j) = weight(i) * (x_end - at(i)) / step;
      });
    }
    Eigen::MatrixXd normal = slopes.transpose() * slopes;
    normal.diagonal() *= 1 + damping;
    const Eigen::VectorXd change = normal.ldlt().solve(slopes.transpose() * off);
    if (!change.allFinite()) return;
    for (Eigen::Index j = 0; j < unknowns; ++j) unknown(here, j) += change(j);
  }
  set_form(here);
}

}  // namespace gaincell::attention
