#include "attention/fast/fit_columns.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "attention/physical_spread.h"

namespace gaincell::attention {

namespace {

// Rows near the one before, as tokens of a text that changes slowly: of zero mean and unit
// variance.
struct SlowRows {
  double cells = 0, pulses = 0;

  void next(Random& random) {
    constexpr double kStays = 0.9;
    const double stays = is_first_ ? 0 : kStays, moves = std::sqrt(1 - stays * stays);
    is_first_ = false;
    cells = stays * cells + moves * random.normal();
    pulses = stays * pulses + moves * random.normal();
  }

 private:
  bool is_first_ = true;
};

}  // namespace

FitColumns::FitColumns(const Circuit& circuit, const Circuit::Converter& converter,
                       double full_scale_c, FitOptions options)
    : circuit_(circuit),
      converter_(converter),
      full_scale_c_(full_scale_c),
      options_(std::move(options)) {}

double FitColumns::offset_step_v() const {
  return options_.cell_offset_v / PhysicalSpread::kStepsPerSigma;
}

void FitColumns::draw_rows(Kind kind, Random& random, FitColumn& column) const {
  const double levels = options_.levels;
  const std::size_t ages = options_.check_v.size() / static_cast<std::size_t>(options_.levels);
  std::size_t age = random.below(ages);
  const double tilt = std::exp(random.uniform(-1.5, 1.5)), share = random.uniform(0.2, 1.0);
  const double longest = options_.is_signed ? std::exp(random.uniform(-2.5, 0.0)) : 1.0;
  const double cells = random.normal(), pulses = random.normal();
  const double one_level = random.uniform(), one_width = std::sqrt(random.uniform());
  const double low_level = random.uniform(0.0, 0.5), high_level = random.uniform(0.5, 1.0);
  const double balance = random.uniform();
  SlowRows slow;
  for (int i = 0; i < options_.cells; ++i) {
    double level = random.uniform(), width = random.uniform();
    switch (kind) {
      case kLeaning:  // charges anywhere in the range, some rows without a pulse, or short ones
        level = std::pow(level, tilt);
        width = random.uniform() < share ? longest * width : 0.0;
        break;
      case kUniform:  // the second array's pulses as the first makes them of such
        if (options_.is_signed) width = 0.4 * random.normal();
        break;
      case kLowRank: {  // cells and pulses follow one direction
        const double direction = random.normal();
        level = 0.5 + 0.3 * (cells * direction + 0.3 * random.normal());
        width = 0.3 * (pulses * direction + 0.3 * random.normal());
        width = options_.is_signed ? 1.7 * width : 0.5 + width;
        break;
      }
      case kSlow:
        slow.next(random);
        level = 0.5 + 0.25 * slow.cells + 0.1 * random.normal();
        width = 0.25 * slow.pulses + 0.1 * random.normal();
        width = options_.is_signed ? 1.7 * width : 0.5 + width;
        break;
      case kFaint:  // as models have them: most pulses short, charges about nothing
        level = 0.5 + 0.25 * random.normal();
        width = options_.is_signed ? 0.12 * random.normal() : 0.2 + 0.2 * random.normal();
        break;
      case kTwoLevels:
        level = level < balance ? low_level : high_level;
        width = i == 0 || random.uniform() < share ? one_width : 0.0;
        break;
      case kOneLevel:  // and one width, on any number of rows
        level = one_level;
        width = random.uniform() < share ? one_width : 0.0;
    }
    width = std::clamp(width, 0.0, 1.0);
    if (options_.is_signed) {
      // Pulses that end together are integrated together, which is what drawing takes its time for.
      constexpr double kWidths = 24;
      const double step = (kind == kLeaning ? longest : 1.0) / kWidths;
      width = step * std::nearbyint(width / step);
      age = random.below(ages);
    } else {
      const double steps = options_.q_levels - 1;
      width = std::min(std::floor(width * options_.q_levels), steps) / steps;
    }
    const double of_age = std::clamp(level * levels, 0.0, std::nextafter(levels, 0.0));
    column.cell.push_back(age * static_cast<std::size_t>(options_.levels) +
                          static_cast<std::size_t>(of_age));
    column.width.push_back(width);
  }
}

void FitColumns::draw_spread(Random& random, FitColumn& column) const {
  constexpr double kMost = PhysicalSpread::kMostSteps;
  const auto steps = [&] {
    return std::clamp(PhysicalSpread::kStepsPerSigma * random.normal(), -kMost, kMost);
  };
  for (std::size_t i = 0; i < column.cell.size(); ++i) {
    column.gain.push_back(1 + options_.cell_gain / PhysicalSpread::kStepsPerSigma * steps());
    column.offset_steps.push_back(steps());
  }
}

// What the column level makes of a column. Returns whether the converter is known there; it is held
// where it is not.
bool FitColumns::convert(FitColumn& column) const {
  std::vector<double> v_store, width_s;
  for (std::size_t i = 0; i < column.cell.size(); ++i) {
    v_store.push_back(options_.check_v[column.cell[i]]);
    if (cells_differ()) v_store.back() += offset_step_v() * column.offset_steps[i];
    width_s.push_back(column.width[i] * circuit_.t_max_s);
  }
  const double charge = column_charge_c(circuit_, converter_, v_store, width_s, column.gain);
  column.x = charge / full_scale_c_;
  column.pulse =
      converter_.pulse_s(std::clamp(charge, converter_.charge_low_c, converter_.charge_high_c)) /
      converter_.full_scale_s;
  return charge >= converter_.charge_low_c && charge <= converter_.charge_high_c;
}

FitColumns::Columns FitColumns::draw(Kind kind, int count, const char* purpose,
                                     double lowest_x) const {
  Random random(options_.is_signed ? 2 : 1, purpose, static_cast<std::uint64_t>(kind));
  Columns columns;
  const int most_tries = 6 * count;
  for (int tries = 1; static_cast<int>(columns.size()) < count && tries <= most_tries; ++tries) {
    FitColumn column;
    draw_rows(kind, random, column);
    if (cells_differ()) draw_spread(random, column);
    const bool known = convert(column);
    const bool inside = known && column.x > lowest_x && column.x < 1;
    if (inside || (columns.empty() && tries == most_tries)) columns.push_back(std::move(column));
  }
  return columns;
}

FitColumns::Columns FitColumns::of_one_level() const {
  constexpr int kWidths = 15, kNumbers = 12;
  const std::size_t ages = options_.check_v.size() / static_cast<std::size_t>(options_.levels);
  std::vector<std::size_t> at_ages{0, ages / 2, ages - 1};
  at_ages.erase(std::unique(at_ages.begin(), at_ages.end()), at_ages.end());
  Columns columns;
  for (const std::size_t age : at_ages)
    for (int level = 0; level < options_.levels; ++level)
      for (int w = 1; w <= kWidths; ++w)
        for (int i = 1; i <= kNumbers; ++i) {
          const int rows = std::max(1, options_.cells * i / kNumbers);
          const std::size_t cell =
              age * static_cast<std::size_t>(options_.levels) + static_cast<std::size_t>(level);
          FitColumn column;
          column.cell.assign(rows, cell);
          column.width.assign(rows, static_cast<double>(w) / kWidths);
          if (cells_differ()) column.gain.assign(rows, 1.0), column.offset_steps.assign(rows, 0.0);
          if (convert(column)) columns.push_back(std::move(column));
        }
  return columns;
}

}  // namespace gaincell::attention
