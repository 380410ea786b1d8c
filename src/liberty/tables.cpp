#include "liberty/tables.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include "base/units.h"
#include "liberty/benches.h"

namespace gaincell::liberty {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

// The interval of a rising axis that holds the value, or the nearest.
std::size_t interval(const std::vector<double>& axis, double value) {
  const auto above = std::upper_bound(axis.begin() + 1, axis.end() - 1, value);
  return static_cast<std::size_t>(above - axis.begin()) - 1;
}

// "A & !B" of these inputs.
std::string state_text(const Cell& cell, std::uint64_t levels, const std::vector<bool>& named) {
  std::string text;
  for (std::size_t k = 0; k < cell.inputs.size(); ++k) {
    if (!named[k]) continue;
    text += text.empty() ? "" : " & ";
    text += (is_high(levels, k) ? "" : "!") + cell.inputs[k];
  }
  return text;
}

// Which inputs tell apart the edges of a pin that move no output.
std::vector<bool> hidden_names(const Cell& cell, std::size_t pin) {
  if (cell.kind == Kind::kCombinational) {
    std::vector<bool> named(cell.inputs.size(), true);
    named[pin] = false;
    return named;
  }
  std::vector<bool> named(cell.inputs.size(), false);
  if (pin == cell.data) named[cell.clock.pin] = true;
  if (pin == cell.clock.pin && cell.kind == Kind::kClockGate) named[cell.data] = true;
  return named;
}

// Results of one bench at the points of one slew each.
class Readings {
 public:
  Readings(const lut::SampledBench* bench, const std::vector<double>& slews) : bench_(bench) {
    for (std::size_t k = 0; k < slews.size(); ++k) rows_.push_back(k);
    if (bench == nullptr) return;
    const auto slew = bench->conditions.find("slew");
    if (slew == bench->conditions.end()) return;
    for (std::size_t point = 0; point < bench->points(); ++point)
      for (std::size_t k = 0; k < slews.size(); ++k)
        if (slew->second.values[point] == slews[k]) rows_[k] = point;
  }
  double at(const std::string& name, std::size_t row) const {
    if (bench_ == nullptr) return kNaN;
    const auto found = bench_->measurements.find(name);
    if (found == bench_->measurements.end() || rows_[row] >= found->second.values.size())
      return kNaN;
    return found->second.values[rows_[row]];
  }

 private:
  const lut::SampledBench* bench_;
  std::vector<std::size_t> rows_;  // the point of each slew
};

// Means of what is measured more than once.
class Sums {
 public:
  void add(std::vector<std::vector<double>>& sums, std::size_t row, std::size_t column,
           double value) {
    sums[row][column] += value;
    ++counts_[{&sums, row, column}];
  }
  void divide() {
    for (const auto& [place, count] : counts_) {
      const auto& [sums, row, column] = place;
      (*sums)[row][column] /= static_cast<double>(count);
    }
  }

 private:
  std::map<std::tuple<std::vector<std::vector<double>>*, std::size_t, std::size_t>, std::size_t>
      counts_;
};

Grid empty_grid(const std::vector<double>& slews, const std::vector<double>& loads) {
  return {slews, loads, std::vector(slews.size(), std::vector<double>(loads.size(), 0))};
}

// The tables of one cell out of its stimuli.
class CellReader {
 public:
  CellReader(const CellLibrary& library, const Cell& cell, CellTables& tables)
      : library_(library), cell_(cell), tables_(tables) {
    tables_.pins.resize(cell.inputs.size());
    pin_sums_.resize(cell.inputs.size());
    find_single_states();
  }

  void take(const Stimulus& stimulus, const Readings& readings) {
    if (stimulus.leakage) {
      take_leakage(stimulus, readings);
      return;
    }
    for (std::size_t copy = 0; copy < stimulus.copies.size(); ++copy)
      take_copy(stimulus, copy, readings);
    take_charges(stimulus, readings);
  }

  void finish() {
    sums_.divide();
    for (std::size_t pin = 0; pin < cell_.inputs.size(); ++pin) {
      const auto mean = [](const std::vector<double>& values) {
        double sum = 0;
        for (const double value : values) sum += value;
        return values.empty() ? kNaN : sum / static_cast<double>(values.size());
      };
      tables_.pins[pin] = {mean(pin_sums_[pin].rise), mean(pin_sums_[pin].fall)};
    }
    if (cell_.kind != Kind::kCombinational) subtract_hidden();
    for (auto& [state, sum] : leakages_) {
      double total = 0;
      for (const double one : sum) total += one;
      tables_.leakage_w[state] = total / static_cast<double>(sum.size());
    }
  }

 private:
  struct PinSums {
    std::vector<double> rise, fall;
  };

  // Of each pin and output whether there is but one state in which the one moves the other.
  void find_single_states() {
    if (cell_.kind != Kind::kCombinational) return;
    for (std::size_t pin = 0; pin < cell_.inputs.size(); ++pin)
      for (std::uint64_t levels = 0; levels < input_states(cell_); ++levels) {
        if (is_high(levels, pin)) continue;
        const Behaviour low(cell_, levels), high(cell_, levels | std::uint64_t{1} << pin);
        for (std::size_t k = 0; k < cell_.outputs.size(); ++k)
          if (low.output(k) != high.output(k)) ++states_[{pin, k}];
      }
  }

  ArcKey key_of(const Step& step, const Outcome& outcome, std::size_t output) const {
    ArcKey key{output, step.pin, "", outcome.outputs[output], step.high};
    if (cell_.kind != Kind::kCombinational) return key;
    const auto states = states_.find({step.pin, output});
    if (states != states_.end() && states->second > 1)
      key.when = state_text(cell_, outcome.before, hidden_names(cell_, step.pin));
    return key;
  }

  void take_copy(const Stimulus& stimulus, std::size_t copy, const Readings& readings) {
    const std::vector<Outcome> all = outcomes(cell_, stimulus, stimulus.copies[copy]);
    const std::vector<double> loads = loads_of(stimulus);
    const double load_f = stimulus.copies[copy].load_f;
    const auto column =
        static_cast<std::size_t>(std::find(loads.begin(), loads.end(), load_f) - loads.begin());
    for (std::size_t step = 0; step < all.size(); ++step) {
      if (!stimulus.steps[step].measured) continue;
      const Step& one = stimulus.steps[step];
      const Outcome& outcome = all[step];
      if (outcome.moved.empty()) {
        if (copy > 0 && cell_.kind != Kind::kCombinational) continue;
        take_hidden(stimulus, copy, step, outcome, readings);
        continue;
      }
      for (const std::size_t output : outcome.moved) {
        auto [found, added] = tables_.arcs.try_emplace(key_of(one, outcome, output));
        Arc& arc = found->second;
        if (added)
          arc.delay_s = arc.transition_s = arc.energy_j = empty_grid(stimulus.slews_s, loads);
        for (std::size_t row = 0; row < stimulus.slews_s.size(); ++row) {
          sums_.add(arc.delay_s.values, row, column,
                    readings.at(delay_name(copy, step, output), row));
          sums_.add(arc.transition_s.values, row, column,
                    readings.at(end_name(copy, step, output), row) -
                        readings.at(start_name(copy, step, output), row));
          sums_.add(arc.energy_j.values, row, column,
                    internal_j(stimulus, copy, step, outcome, readings, row));
        }
      }
    }
  }

  // Of each of the outputs that move: what the supply gives without leakage and without what goes
  // into the loads.
  double internal_j(const Stimulus& stimulus, std::size_t copy, std::size_t step,
                    const Outcome& outcome, const Readings& readings, std::size_t row) const {
    const double v_dd = library_.conditions.v_dd;
    double energy = readings.at(energy_name(copy, step), row) -
                    readings.at(current_name(copy, step), row) * v_dd *
                        window_s(library_, stimulus, stimulus.slews_s[row]);
    for (const std::size_t output : outcome.moved)
      if (outcome.outputs[output]) energy -= stimulus.copies[copy].load_f * v_dd * v_dd;
    return energy / static_cast<double>(std::max<std::size_t>(outcome.moved.size(), 1));
  }

  void take_hidden(const Stimulus& stimulus, std::size_t copy, std::size_t step,
                   const Outcome& outcome, const Readings& readings) {
    const Step& one = stimulus.steps[step];
    const HiddenKey key{one.pin, state_text(cell_, outcome.before, hidden_names(cell_, one.pin)),
                        one.high};
    auto [found, added] = tables_.hidden_j.try_emplace(key);
    if (added) found->second = empty_grid(stimulus.slews_s, {0});
    for (std::size_t row = 0; row < stimulus.slews_s.size(); ++row)
      sums_.add(found->second.values, row, 0,
                internal_j(stimulus, copy, step, outcome, readings, row));
  }

  void take_charges(const Stimulus& stimulus, const Readings& readings) {
    const double volts = library_.conditions.v_dd * static_cast<double>(stimulus.copies.size());
    for (std::size_t step = 0; step < stimulus.steps.size(); ++step) {
      const Step& one = stimulus.steps[step];
      if (!one.measured) continue;
      for (std::size_t row = 0; row < stimulus.slews_s.size(); ++row) {
        const double farad = readings.at(charge_name(step), row) / volts;
        auto& sums = pin_sums_[one.pin];
        (one.high ? sums.rise : sums.fall).push_back(one.high ? farad : -farad);
      }
    }
  }

  void take_leakage(const Stimulus& stimulus, const Readings& readings) {
    const std::vector<Outcome> all = outcomes(cell_, stimulus, stimulus.copies[0]);
    const std::vector<bool> named(cell_.inputs.size(), true);
    for (std::size_t step = 0; step < all.size(); ++step) {
      const Step& one = stimulus.steps[step];
      const std::uint64_t bit = std::uint64_t{1} << one.pin;
      std::string state =
          state_text(cell_, one.high ? all[step].before | bit : all[step].before & ~bit, named);
      for (std::size_t k = 0; k < cell_.outputs.size(); ++k)
        state += fmt::format(" & {}{}", all[step].outputs[k] ? "" : "!", cell_.outputs[k].pin);
      leakages_[state].push_back(readings.at(power_name(step), 0));
    }
  }

  // What a clock takes at each of its edges stands at its pin; at the output what comes on top.
  void subtract_hidden() {
    for (auto& [key, arc] : tables_.arcs) {
      const auto hidden = tables_.hidden_j.find({key.pin, "", key.pin_rises});
      if (hidden == tables_.hidden_j.end()) continue;
      for (std::size_t row = 0; row < arc.energy_j.values.size(); ++row)
        for (double& value : arc.energy_j.values[row]) value -= hidden->second.values[row][0];
    }
  }

  static std::vector<double> loads_of(const Stimulus& stimulus) {
    std::set<double> loads;
    for (const Copy& copy : stimulus.copies) loads.insert(copy.load_f);
    return {loads.begin(), loads.end()};
  }

  const CellLibrary& library_;
  const Cell& cell_;
  CellTables& tables_;
  Sums sums_;
  std::map<std::pair<std::size_t, std::size_t>, std::size_t> states_;  // by pin and output
  std::vector<PinSums> pin_sums_;
  std::map<std::string, std::vector<double>> leakages_;
};

void take_operating_points(const Cell& cell, const lut::SampledBench* bench, CellTables& tables) {
  const Readings readings(bench, {0});
  const std::vector<bool> named(cell.inputs.size(), true);
  for (std::size_t levels = 0; levels < input_states(cell); ++levels)
    tables.leakage_w[state_text(cell, levels, named)] = readings.at(power_name(levels), 0);
}

ConstraintTable constraint_table(const CellLibrary& library, const Constraint& constraint,
                                 const lut::SampledBench* bench) {
  const auto& slews = library.constraint_slews_s;
  ConstraintTable table{&constraint,
                        std::vector(slews.size(), std::vector<double>(slews.size(), kNaN))};
  if (bench == nullptr) return table;
  const auto& slew = bench->conditions.at("slew").values;
  const auto& clock = bench->conditions.at("clock_slew").values;
  const auto& found = bench->measurements.at(kConstraintName).values;
  for (std::size_t point = 0; point < bench->points(); ++point)
    for (std::size_t row = 0; row < slews.size(); ++row)
      for (std::size_t column = 0; column < slews.size(); ++column)
        if (clock[point] == slews[row] && slew[point] == slews[column])
          table.values_s[row][column] = found[point];
  return table;
}

// Errors at the hold-out points of one kind.
class Collected {
 public:
  void add(double error, std::string where) {
    // What has failed is reported as such.
    if (!std::isfinite(error)) return;
    errors_.push_back(error);
    if (errors_.size() > 1 && error <= worst_) return;
    worst_ = error;
    where_ = std::move(where);
  }
  TableErrors::One one() {
    if (errors_.empty()) return {};
    std::sort(errors_.begin(), errors_.end());
    const auto at = static_cast<std::size_t>(std::ceil(0.95 * static_cast<double>(errors_.size())));
    return {errors_.size(), errors_[std::max<std::size_t>(at, 1) - 1], errors_.back(), where_};
  }

 private:
  std::vector<double> errors_;
  double worst_ = 0;
  std::string where_;
};

// The same arc with the output's other edge, if there is one.
const Arc* other_edge(const std::map<ArcKey, Arc>& arcs, const ArcKey& key) {
  for (const auto& [other, arc] : arcs)
    if (other.output == key.output && other.pin == key.pin && other.when == key.when &&
        other.rises != key.rises)
      return &arc;
  return nullptr;
}

// Tables beside what was simulated between their points.
class HoldoutErrors {
 public:
  void add(const Cell& cell, const ArcKey& key, const Arc& table, const Arc& seen,
           const Arc* other) {
    const Grid& at = seen.delay_s;
    for (std::size_t row = 0; row < at.slews_s.size(); ++row)
      for (std::size_t column = 0; column < at.loads_f.size(); ++column) {
        const double slew = at.slews_s[row], load = at.loads_f[column];
        const std::string where = fmt::format(
            "{} {} to {} {}{}{}, slew {}, load {}", cell.name, cell.inputs[key.pin],
            cell.outputs[key.output].pin, key.rises ? "rise" : "fall",
            key.when.empty() ? "" : " when ", key.when, format_si(slew, "s"), format_si(load, "F"));
        const auto take = [&](Collected& into, const Grid& of, const Grid& measured, double scale) {
          into.add(std::abs((of.at(slew, load) - measured.values[row][column]) / scale), where);
        };
        take(delay_, table.delay_s, seen.delay_s, seen.delay_s.values[row][column]);
        take(transition_, table.transition_s, seen.transition_s,
             seen.transition_s.values[row][column]);
        const double energy = seen.energy_j.values[row][column];
        const double cycle =
            energy + (other != nullptr ? other->energy_j.values[row][column] : energy);
        take(energy_, table.energy_j, seen.energy_j, cycle / 2);
      }
  }
  TableErrors all() { return {delay_.one(), transition_.one(), energy_.one()}; }

 private:
  Collected delay_, transition_, energy_;
};

}  // namespace

double Grid::at(double slew_s, double load_f) const {
  const std::size_t row = interval(slews_s, slew_s);
  const double along = (slew_s - slews_s[row]) / (slews_s[row + 1] - slews_s[row]);
  if (loads_f.size() < 2) return std::lerp(values[row][0], values[row + 1][0], along);
  const std::size_t column = interval(loads_f, load_f);
  const double across = (load_f - loads_f[column]) / (loads_f[column + 1] - loads_f[column]);
  return std::lerp(std::lerp(values[row][column], values[row][column + 1], across),
                   std::lerp(values[row + 1][column], values[row + 1][column + 1], across), along);
}

std::vector<CellTables> tables_of(const CellLibrary& library, std::span<const Stimulus> stimuli,
                                  std::span<const Constraint> constraints, const Samples& samples,
                                  bool holdout) {
  const auto bench = [&](const std::string& name) -> const lut::SampledBench* {
    const auto found = samples.find(name);
    return found == samples.end() ? nullptr : found->second;
  };
  std::vector<CellTables> tables(library.cells.size());
  for (std::size_t number = 0; number < library.cells.size(); ++number) {
    const Cell& cell = library.cells[number];
    CellReader reader(library, cell, tables[number]);
    for (const Stimulus& stimulus : stimuli)
      if (stimulus.cell == number && stimulus.holdout == holdout)
        reader.take(stimulus, Readings(bench(stimulus.name), stimulus.slews_s));
    reader.finish();
    if (holdout) continue;
    if (cell.kind == Kind::kCombinational)
      take_operating_points(cell, bench(leakage_bench_name(cell)), tables[number]);
    for (const Constraint& constraint : constraints)
      if (constraint.cell == number)
        tables[number].constraints.push_back(
            constraint_table(library, constraint, bench(constraint.name)));
  }
  return tables;
}

TableErrors errors_of(const CellLibrary& library, std::span<const CellTables> tables,
                      std::span<const CellTables> holdout) {
  HoldoutErrors errors;
  for (std::size_t number = 0; number < tables.size(); ++number)
    for (const auto& [key, seen] : holdout[number].arcs) {
      const auto table = tables[number].arcs.find(key);
      if (table == tables[number].arcs.end()) continue;
      errors.add(library.cells[number], key, table->second, seen,
                 other_edge(holdout[number].arcs, key));
    }
  return errors.all();
}

}  // namespace gaincell::liberty
