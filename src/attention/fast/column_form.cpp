#include "attention/fast/column_form.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "attention/fast/model.h"

namespace gaincell::attention {
namespace {

// More queries than these do not make matrix products faster.
constexpr int kMostBlock = 256;
// Of the error limit, for tables that neighbours share.
constexpr double kOfSharedTables = 0.35;

double slope_per_v(const FastFits& fits, const Circuit::Converter& converter, const StageFit& fit,
                   double age_s) {
  const Circuit& circuit = fits.circuit;
  const double zero = circuit.v_max / 2, bitline = converter.bitline_v(0.0);
  const std::size_t longest = circuit.pulse_nodes_s.size() - 1;
  const double share = circuit.read_share ? circuit.read_share(age_s) : 1.0;
  double product = 0, square = 0;
  for (int level = 0; level < circuit.kv_levels; ++level) {
    const double z = fits.target_v(level) - zero;
    product += z * share * circuit.read_charge_c(fits.stored_v(level, age_s), longest, bitline);
    square += z * z;
  }
  return product / square / fit.full_scale_c();
}

ColumnForm::Stage form_of(const StageFit& fit) {
  const kernels::Stage& s = fit.stage();
  ColumnForm::Stage form;
  form.rank = s.rank;
  form.segments = s.segments;
  form.substeps = s.substeps;
  form.begin.assign(s.begin, s.begin + s.segments + 1);
  if (s.closed())
    form.w.emplace_back(s.form,
                        s.form + (s.rank == 1 ? kernels::kOfSecondRank : kernels::kClosedTerms));
  for (int r = 0; r < s.rank && !s.closed(); ++r)
    form.w.emplace_back(s.polynomial[r], s.polynomial[r] + s.degree + 1);
  const double reach = s.closed() ? kernels::kClosedReach : 1;
  form.x_low = reach * s.x_low;
  form.x_high = reach * s.x_high;
  form.pulse_delay = s.pulse_delay;
  form.pulse_x = s.pulse_x;
  form.knot.assign(s.knot, s.knot + s.knots);
  form.slope.assign(s.slope, s.slope + s.knots);
  form.at_low = s.at_low;
  form.at_high = s.at_high;
  form.x_end = s.x_end;
  return form;
}

void add_age(const FastFits& fits, const Circuit::Converter& converter, const StageFit& fit,
             const AgeTables& ages, double age_s, ColumnForm::Stage& form) {
  const std::vector<double> u = ages.at(age_s);
  for (int r = 0; r < form.rank; ++r)
    for (int level = 0; level < fits.circuit.kv_levels; ++level)
      form.u.push_back(u[static_cast<std::size_t>(r) * kernels::kLevels + level]);
  form.slope_per_v.push_back(
      slope_per_v(fits, converter, fit, std::clamp(age_s, 0.0, fits.oldest_age_s)));
}

// What a column gains from u_r at most, between no charge and full scale.
std::vector<double> weights(const ColumnForm::Stage& form) {
  std::vector<double> most(form.rank, 0.0);
  if (form.substeps == 0) {
    const std::vector<double>& k = form.w[0];
    most[0] = std::abs(k[0]);
    if (form.rank > 1)
      most[1] = std::max(std::abs(k[3] + k[4]), std::abs(k[5] + k[6] + k[7] + k[8]));
    return most;
  }
  for (int r = 0; r < form.rank; ++r)
    for (const double x : {form.x_low, 0.0, 0.5, form.x_high}) {
      double w = 0;
      for (auto power = form.w[r].rbegin(); power != form.w[r].rend(); ++power) w = w * x + *power;
      most[r] = std::max(most[r], std::abs(w));
    }
  return most;
}

// What tables that `block` queries share are off at the end of a column of `cells` random ones,
// rms at the worst age.
double error_of_block(const AgeTables& ages, const ColumnForm::Stage& form, int levels, int cells,
                      int block, double oldest_age_s, double period_s) {
  constexpr int kAges = 64;
  const double span = 0.5 * block * period_s;
  const std::vector<double> weight = weights(form);
  double worst = 0;
  for (int i = 0; i <= kAges && span > 0; ++i) {
    const double middle = oldest_age_s * i / kAges;
    const auto here = ages.at(middle), before = ages.at(middle - span),
               after = ages.at(middle + span);
    for (const double share : {-1.0, -0.5, 0.5, 1.0}) {
      const auto there = ages.at(middle + share * span);
      double squares = 0;
      for (int level = 0; level < levels; ++level)
        for (int r = 0; r < form.rank; ++r) {
          const std::size_t at = static_cast<std::size_t>(r) * kernels::kLevels + level;
          const double moved = r == 0 ? 0.5 * share * (after[at] - before[at]) : 0.0;
          squares += std::pow(weight[r] * (there[at] - here[at] - moved), 2) / levels;
        }
      worst = std::max(worst, std::sqrt(cells * squares / 3));  // pulses are uniform
    }
  }
  return worst;
}

}  // namespace

ColumnForm matrix_form(Shape shape, const Circuit& circuit, AnalogOptions options) {
  options.effects = options.effects.without(Effect::kMismatch).without(Effect::kReadNoise);
  const FastFits fits(shape, circuit, options, FitOptions::Target::kMatrices);
  ColumnForm form{.first = form_of(fits.first), .second = form_of(fits.second)};
  form.phi_per_pulse = fits.circuit.relu.full_scale_s / fits.circuit.t_max_s;
  const double period = options.token_period_s;
  const auto error = [&](const AgeTables& ages, const ColumnForm::Stage& stage, int cells) {
    return error_of_block(ages, stage, circuit.kv_levels, cells, form.age_block, fits.oldest_age_s,
                          period);
  };
  const auto first_error = [&] { return error(fits.first_ages, form.first, shape.dim); };
  const auto second_error = [&] {
    return error(fits.second_ages, form.second, std::min(circuit.tile, shape.window));
  };
  form.age_block = kMostBlock;
  while (form.age_block > 1 &&
         std::max(first_error(), second_error()) > kOfSharedTables * options.error_limit)
    form.age_block /= 2;
  form.first.error = std::hypot(fits.first.error(), first_error());
  form.second.error = std::hypot(fits.second.error(), second_error());
  form.youngest = -form.age_block;
  for (int age = form.youngest; age <= shape.window + form.age_block; ++age) {
    add_age(fits, fits.circuit.relu, fits.first, fits.first_ages, age * period, form.first);
    add_age(fits, fits.circuit.differential, fits.second, fits.second_ages, age * period,
            form.second);
  }
  return form;
}

}  // namespace gaincell::attention
