#include "attention/fast/model.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "attention/physical_spread.h"
#include "base/error.h"

namespace gaincell::attention {
namespace {

constexpr int kAgeNodes = 65, kCheckedAges = 13;
// Of the error limit, for the fit; shared ages have what it leaves, as independent errors do, and
// that much at least.
constexpr double kFitShare = 0.96, kLeastAgeShare = 0.28;

// The limits of the kernels, before a fit is tried on what they cannot hold.
const Circuit& checked(const Circuit& circuit, const AnalogOptions& options) {
  if (!options.effects.has(Effect::kStorageQuantiser))
    throw Error({.place = "attention",
                 .key = "effects",
                 .value = "storage_quantiser off",
                 .rule = "the fast level keeps one of the device's levels per cell",
                 .remedy = "use level column"});
  if (circuit.kv_levels > kernels::kLevels)
    throw Error({.place = "attention",
                 .key = "kv_levels",
                 .value = std::to_string(circuit.kv_levels),
                 .rule = fmt::format("the fast level holds at most {}", kernels::kLevels),
                 .remedy = "use level column"});
  if (circuit.read_share && options.effects.has(Effect::kRetention) &&
      circuit.pulse_nodes_s.size() > 2)
    throw Error({.place = "attention",
                 .key = "cell_read_share",
                 .rule = "the fast level's pulse edges do not fade with a read's charge",
                 .remedy = "use level column, or switch the effect `retention` off"});
  return circuit;
}

}  // namespace

AgeTables::AgeTables(const Circuit& circuit, const StageFit& fit, double oldest_age_s)
    : rank_(fit.rank()),
      levels_(circuit.kv_levels),
      oldest_age_s_(oldest_age_s),
      nodes_(oldest_age_s > 0 ? kAgeNodes : 1) {
  for (int r = 0; r < rank_; ++r) w_.push_back(fit.stage().polynomial[r][0]);
  for (int i = 0; i < nodes_; ++i) {
    const double age = nodes_ > 1 ? oldest_age_s * i / (nodes_ - 1) : 0.0;
    const std::size_t rows = fit.has_slopes() ? 2 * rank_ : rank_;
    const double share = circuit.read_share ? circuit.read_share(age) : 1.0;
    std::vector<double> table(rows * kernels::kLevels, 0.0);
    for (int level = 0; level < circuit.kv_levels; ++level) {
      const double target = circuit.v_max * level / (circuit.kv_levels - 1);
      const auto u = fit.cell(circuit.stored_v(target, age));
      for (std::size_t r = 0; r < rows; ++r) table[r * kernels::kLevels + level] = share * u[r];
    }
    table_.push_back(std::move(table));
  }
  for (int i = 0; i + 1 < nodes_; ++i) {
    double change = 0, squares = 0;
    for (std::size_t j = 0; j < table_[i].size(); ++j) {
      const double middle = 0.5 * (table_[i][j] + table_[i + 1][j]);
      change += middle * (table_[i + 1][j] - table_[i][j]);
      squares += middle * middle;
    }
    fading_per_s_.push_back(squares > 0 ? change / squares / age_step_s() : 0.0);
  }
  if (fading_per_s_.empty()) fading_per_s_.push_back(0.0);
}

std::vector<double> AgeTables::at(double age_s) const {
  const auto [node, rest] = position(age_s);
  const std::vector<double>& low = table_[node];
  const std::vector<double>& high = table_[std::min(node + 1, nodes_ - 1)];
  std::vector<double> u(low.size());
  for (std::size_t i = 0; i < u.size(); ++i) u[i] = low[i] + rest * (high[i] - low[i]);
  return u;
}

double AgeTables::fading_per_s(double age_s) const {
  return fading_per_s_[std::min<std::size_t>(position(age_s).first, fading_per_s_.size() - 1)];
}

template <class Visit>
void AgeTables::for_each_age(double span_s, const Visit& visit) const {
  for (int i = 0; i < nodes_; ++i) {
    const double age =
        std::clamp(age_step_s() * i, span_s, std::max(span_s, oldest_age_s_ - span_s));
    const std::vector<double> here = at(age);
    constexpr double kShares[] = {-1, -0.5, 0.5, 1};
    std::vector<std::vector<double>> off, current;
    for (const double share : kShares) {
      const std::vector<double> there = at(age + share * span_s);
      const double gain = 1 + share * span_s * fading_per_s(age);
      off.emplace_back(levels_, 0.0), current.emplace_back(levels_, 0.0);
      for (int level = 0; level < levels_; ++level)
        for (int r = 0; r < rank_; ++r) {
          const std::size_t j = static_cast<std::size_t>(r) * kernels::kLevels + level;
          current.back()[level] += w_[r] * there[j];
          off.back()[level] += w_[r] * (there[j] - gain * here[j]);
        }
    }
    visit(off, current);
  }
}

double AgeTables::error(double span_s, int cells) const {
  double worst = 0;
  for_each_age(span_s, [&](const auto& off, const auto& /*current*/) {
    double sum = 0;
    for (const std::vector<double>& of_level : off) {
      double mean = 0, squares = 0;
      for (const double one : of_level) mean += one / levels_, squares += one * one / levels_;
      const double common = 0.5 * cells * mean;  // pulses are uniform
      sum += common * common + cells * (squares / 3 - mean * mean / 4);
    }
    worst = std::max(worst, sum / static_cast<double>(off.size()));
  });
  constexpr double kMargin = 1.15;  // for columns that are not quite uniform
  return kMargin * std::sqrt(worst);
}

double AgeTables::one_level_error(double span_s, int cells) const {
  double worst = 0;
  for_each_age(span_s, [&](const auto& off, const auto& current) {
    for (std::size_t i = 0; i < off.size(); ++i)
      for (int level = 0; level < levels_; ++level) {
        const double all = cells * std::abs(current[i][level]);
        worst = std::max(worst, cells * std::abs(off[i][level]) / std::max(1.0, all));
      }
  });
  return worst;
}

std::pair<int, double> AgeTables::position(double age_s) const {
  if (nodes_ == 1) return {0, 0.0};
  const double at = age_s / age_step_s();
  const int node = static_cast<int>(std::clamp(at, 0.0, static_cast<double>(nodes_ - 2)));
  return {node, at - node};
}

TokenTables::TokenTables(const AgeTables& ages, const StageFit& fit, int window, double shift,
                         double period_s)
    : oldest_(window + kMargin),
      per_phase_((window + 2 * kMargin) / kernels::kGroup + 1),
      entry_bytes_(fit.stage().table_entry()),
      plane_bytes_(entry_bytes_ * per_phase_ * kernels::kGroup),
      // A vector's load may pass the last entry by part of itself.
      planes_(plane_bytes_ * fit.table_planes() + 64) {
  for (int age = -kMargin; age <= oldest_; ++age)
    fit.encode(ages.at((age + shift) * period_s).data(), plane_bytes_,
               planes_.data() + position(age));
}

const std::byte* TokenTables::unit(int token_age) const {
  return planes_.data() + position(token_age);
}

std::size_t TokenTables::position(int token_age) const {
  const int younger = oldest_ - token_age;
  return entry_bytes_ * (static_cast<std::size_t>(younger % kernels::kGroup) * per_phase_ +
                         younger / kernels::kGroup);
}

FastFits::FastFits(const Shape& shape, const Circuit& on, const AnalogOptions& with,
                   FitOptions::Target target)
    : circuit(with_effects(checked(on, with), with.effects)),
      options(with),
      oldest_age_s((shape.window - 1) * with.token_period_s),
      first(circuit, circuit.relu, relu_line(circuit), fit_options(shape, false, target)),
      second(circuit, circuit.differential, differential_line(circuit),
             fit_options(shape, true, target)),
      first_ages(circuit, first, oldest_age_s),
      second_ages(circuit, second, oldest_age_s) {}

FastModel::FastModel(const Shape& shape, const Circuit& on, const AnalogOptions& with)
    : FastFits(shape, on, with, FitOptions::Target::kKernels) {
  // So far may a query of a block and a slot of a group be from their tables' age.
  const auto span = [&] { return 0.5 * (age_block + slot_block) - 1; };
  const auto first_error = [&] {
    return first_ages.error(span() * options.token_period_s, shape.dim);
  };
  const auto second_error = [&] {
    return second_ages.error(span() * options.token_period_s, rows_of_second(shape));
  };
  const auto age_error = [&] { return std::max(first_error(), second_error()); };
  const auto left = [&](const StageFit& fit) {
    const double limit = options.error_limit, of_fit = std::min(fit.error(), limit);
    return std::max(kLeastAgeShare * limit, std::sqrt(limit * limit - of_fit * of_fit));
  };
  const double first_left = left(first), second_left = left(second);
  const auto holds = [&] { return first_error() <= first_left && second_error() <= second_left; };
  while (age_block > 1 && !holds()) age_block /= 2;
  if (!holds()) slot_block = 1;
  const double shift = 0.5 * (age_block - slot_block);
  const auto tables = [&](const AgeTables& ages, const StageFit& fit) {
    return std::make_unique<const TokenTables>(ages, fit, shape.window, shift,
                                               options.token_period_s);
  };
  first_tables = tables(first_ages, first);
  second_tables = tables(second_ages, second);
  const auto stage = [&](const StageFit& fit, const AgeTables& ages, double of_ages, int cells) {
    const kernels::Stage& s = fit.stage();
    const double one_level = ages.one_level_error(span() * options.token_period_s, cells);
    return FastReport::Stage{.segments = s.segments,
                             .substeps = s.substeps,
                             .rank = s.rank,
                             .low_ranks = s.low_ranks,
                             .low_per_high = s.low_ranks > 0 ? s.low_per_high() : 0,
                             .whole_weights = s.whole_weights,
                             .degree = s.degree,
                             .bytes = s.bytes,
                             .error = std::hypot(fit.error(), of_ages),
                             .slow_rows_error = std::hypot(fit.slow_error(), of_ages),
                             .gain_error = fit.gain_error(),
                             .one_level_error = fit.one_level_error() + one_level,
                             .two_levels_error = fit.two_levels_error()};
  };
  report = {.first = stage(first, first_ages, first_error(), shape.dim),
            .second = stage(second, second_ages, second_error(), rows_of_second(shape)),
            .age_block = age_block,
            .age_error = age_error(),
            .instruction_set = kernels::instruction_set()};
}

double FastModel::q_width_s(const Scalers& scalers, int head, float q) const {
  double x = std::clamp(static_cast<double>(scalers.a_q[head]) * q + scalers.b_q[head], 0.0, 1.0);
  if (options.effects.has(Effect::kInputQuantiser))
    x = std::nearbyint(x * (circuit.q_levels - 1)) / (circuit.q_levels - 1);
  return x * circuit.t_max_s;
}

FitOptions FastFits::fit_options(const Shape& shape, bool is_signed,
                                 FitOptions::Target target) const {
  FitOptions fit;
  fit.target = target;
  fit.is_signed = is_signed;
  fit.error_limit = options.error_limit;
  fit.limit_share = kFitShare;
  fit.q_levels = circuit.q_levels;
  fit.whole_widths = !is_signed && options.effects.has(Effect::kInputQuantiser);
  fit.cells = is_signed ? rows_of_second(shape) : shape.dim;
  fit.levels = circuit.kv_levels;
  const int ages = oldest_age_s > 0 ? kCheckedAges : 1;
  for (int age = 0; age < ages; ++age)
    for (int level = 0; level < circuit.kv_levels; ++level)
      fit.check_v.push_back(stored_v(level, ages > 1 ? oldest_age_s * age / (ages - 1) : 0.0));
  if (options.effects.has(Effect::kMismatch)) {
    fit.cell_gain = options.spread.cell_gain;
    fit.cell_offset_v = options.spread.cell_offset_v;
  }
  const double most_sigmas =
      static_cast<double>(PhysicalSpread::kMostSteps) / PhysicalSpread::kStepsPerSigma;
  const auto [lowest, highest] = std::minmax_element(fit.check_v.begin(), fit.check_v.end());
  fit.v_low = *lowest - most_sigmas * fit.cell_offset_v;
  fit.v_high = *highest + most_sigmas * fit.cell_offset_v;
  return fit;
}

}  // namespace gaincell::attention
