#include "attention/fast_model.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/error.h"

namespace gaincell::attention {
namespace {

constexpr int kAgeNodes = 65;

// The limits of the kernels, before a fit is tried on what they cannot hold.
const Circuit& checked(const Shape& shape, const Circuit& circuit, const AnalogOptions& options) {
  if (!options.effects.has(Effect::kStorageQuantiser))
    throw Error({"attention", "effects", "storage_quantiser off",
                 "the fast level keeps one of the device's levels per cell", "use level column"});
  if (circuit.kv_levels > kernels::kLevels)
    throw Error({"attention", "kv_levels", std::to_string(circuit.kv_levels),
                 fmt::format("the fast level holds at most {}", kernels::kLevels),
                 "use level column"});
  if (shape.dim % kernels::kLanes != 0)
    throw Error({"attention", "head dimension", std::to_string(shape.dim),
                 fmt::format("a multiple of {}", kernels::kLanes), "use level column"});
  return circuit;
}

}  // namespace

AgeTables::AgeTables(const Circuit& circuit, const StageFit& fit, double oldest_age_s)
    : rank_(fit.rank()), oldest_age_s_(oldest_age_s), nodes_(oldest_age_s > 0 ? kAgeNodes : 1) {
  for (int i = 0; i < nodes_; ++i) {
    const double age = nodes_ > 1 ? oldest_age_s * i / (nodes_ - 1) : 0.0;
    std::vector<double> table(static_cast<std::size_t>(rank_) * kernels::kLevels, 0.0);
    for (int level = 0; level < circuit.kv_levels; ++level) {
      const double target = circuit.v_max * level / (circuit.kv_levels - 1);
      const auto u = fit.cell(circuit.retained_v(circuit.written_v(target), age));
      for (int r = 0; r < rank_; ++r) table[r * kernels::kLevels + level] = u[r];
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

void AgeTables::at(double age_s, float* table) const {
  const auto [node, rest] = position(age_s);
  const std::vector<double>& low = table_[node];
  const std::vector<double>& high = table_[std::min(node + 1, nodes_ - 1)];
  for (int r = 0; r < rank_; ++r) {
    for (int level = 0; level < kernels::kLevels; ++level) {
      const std::size_t i = static_cast<std::size_t>(r) * kernels::kLevels + level;
      table[r * kernels::kTableStride + level] =
          static_cast<float>(low[i] + rest * (high[i] - low[i]));
    }
    std::fill_n(table + r * kernels::kTableStride + kernels::kLevels,
                kernels::kTableStride - kernels::kLevels, 0.0f);
  }
}

double AgeTables::fading_per_s(double age_s) const {
  return fading_per_s_[std::min<std::size_t>(position(age_s).first, fading_per_s_.size() - 1)];
}

double AgeTables::error(double span_s) const {
  double strongest = 0, worst = 0;
  const auto norm = [&](const std::vector<float>& table, int level) {
    double sum = 0;
    for (int r = 0; r < rank_; ++r) sum += std::pow(table[r * kernels::kTableStride + level], 2);
    return std::sqrt(sum);
  };
  std::vector<float> here(rank_ * kernels::kTableStride), there(here.size());
  at(0, here.data());
  for (int level = 0; level < kernels::kLevels; ++level)
    strongest = std::max(strongest, norm(here, level));
  for (int i = 0; i < nodes_; ++i) {
    const double age =
        std::clamp(age_step_s() * i, span_s, std::max(span_s, oldest_age_s_ - span_s));
    at(age, here.data());
    for (const double sign : {-1.0, 1.0}) {
      at(age + sign * span_s, there.data());
      const auto gain = static_cast<float>(1 + sign * span_s * fading_per_s(age));
      for (std::size_t j = 0; j < here.size(); ++j) there[j] -= gain * here[j];
      for (int level = 0; level < kernels::kLevels; ++level)
        worst = std::max(worst, norm(there, level));
    }
  }
  return strongest > 0 ? worst / strongest : 0.0;
}

std::pair<int, double> AgeTables::position(double age_s) const {
  if (nodes_ == 1) return {0, 0.0};
  const double at = std::clamp(age_s / age_step_s(), 0.0, static_cast<double>(nodes_ - 1));
  const int node = std::min(static_cast<int>(at), nodes_ - 2);
  return {node, at - node};
}

FastModel::FastModel(const Shape& shape, const Circuit& on, const AnalogOptions& with)
    : circuit(with_effects(checked(shape, on, with), with.effects)),
      options(with),
      oldest_age_s((shape.window - 1) * with.token_period_s),
      first(circuit, circuit.relu, relu_line(circuit), fit_options(shape, false)),
      second(circuit, circuit.differential, differential_line(circuit), fit_options(shape, true)),
      first_ages(circuit, first, oldest_age_s),
      second_ages(circuit, second, oldest_age_s) {
  const auto age_error = [&] {
    const double span = 0.5 * (age_block - 1) * options.token_period_s;
    return std::max(first_ages.error(span), second_ages.error(span));
  };
  while (age_block > 1 && age_error() > options.error_limit) age_block /= 2;
  for (int level = 1; level < circuit.q_levels; ++level)
    q_ends.push_back(first.end_of(circuit.t_max_s * level / (circuit.q_levels - 1)));
  const auto stage = [](const StageFit& fit) {
    return FastReport::Stage{fit.stage().segments, fit.rank(), fit.stage().degree, fit.error()};
  };
  report = {stage(first), stage(second), age_block, age_error(), kernels::instruction_set()};
}

FitOptions FastModel::fit_options(const Shape& shape, bool is_signed) const {
  FitOptions fit;
  fit.is_signed = is_signed;
  fit.error_limit = options.error_limit;
  fit.q_levels = circuit.q_levels;
  fit.cells = is_signed ? std::min(circuit.tile, shape.window) : shape.dim;
  for (int level = 0; level < circuit.kv_levels; ++level) {
    fit.check_v.push_back(stored_v(level, 0.0));
    if (oldest_age_s > 0) fit.check_v.push_back(stored_v(level, oldest_age_s));
  }
  std::sort(fit.check_v.begin(), fit.check_v.end());
  fit.v_low = fit.check_v.front();
  fit.v_high = fit.check_v.back();
  return fit;
}

}  // namespace gaincell::attention
