#include "lut/retention.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/numeric/odeint/stepper/generation/generation_dense_output_runge_kutta.hpp>
#include <boost/numeric/odeint/stepper/generation/generation_runge_kutta_dopri5.hpp>
#include <boost/numeric/odeint/stepper/generation/make_dense_output.hpp>
#include <cmath>
#include <span>

#include "base/error.h"

namespace gaincell::lut {
namespace {

constexpr double kControlV = 1e-9;
constexpr double kFirstStepV = 1e-3;  // what the fastest start moves by until the first age after 0
constexpr double kSettledV = 1e-3;
constexpr int kMostHalvings = 2;       // of the distance between start voltages
constexpr int kDensest = 64;           // ages per decade
constexpr int kMostSteps = 1'000'000;  // of one start; some hundred are usual
constexpr double kLongestSpan = 1e9;   // of the first age: a cell that hardly leaks never settles

using State = std::array<double, 1>;

struct Cell {
  const Table& leakage;
  const Table& capacitance;
  double low, high;  // where both are known

  // dV/dt; held at the ends of the range.
  double rate(double v) const {
    const double rate = unheld(v);
    return held(v, rate) ? 0 : rate;
  }
  // At a stable balance, within the control of the integration.
  bool settled(double v) const {
    const double here = rate(v);
    if (here == 0) return true;
    const double c = capacitance.at(v);
    const double slope =
        (leakage.at(v) * capacitance.derivative(0, v) / c - leakage.derivative(0, v)) / c;
    return slope < 0 && std::abs(here / slope) < kControlV;
  }

 private:
  double unheld(double v) const {
    const double inside = std::clamp(v, low, high);
    return -leakage.at(inside) / capacitance.at(inside);
  }
  bool held(double v, double rate) const {
    return (v <= low && rate < 0) || (v >= high && rate > 0);
  }
};

// V at each of the rising ages, the first of which is 0.
std::vector<double> trajectory(const Cell& cell, double start, const std::vector<double>& ages) {
  namespace odeint = boost::numeric::odeint;
  const auto system = [&cell](const State& v, State& dvdt, double) { dvdt[0] = cell.rate(v[0]); };
  auto stepper = odeint::make_dense_output(kControlV, 0.0, odeint::runge_kutta_dopri5<State>());
  stepper.initialize(State{start}, 0.0, ages[1] / 4);
  std::vector<double> voltages{start};
  voltages.reserve(ages.size());
  int steps = 0;
  for (const double age : std::span(ages).subspan(1)) {
    // Once the way that is left is nothing, the time constant of the settled cell must not go on
    // limiting the steps: ages may span many decades more.
    while (stepper.current_time() < age && !cell.settled(stepper.current_state()[0])) {
      stepper.do_step(system);
      if (++steps > kMostSteps)
        throw Error({.place = "table cell_retention",
                     .key = cell.leakage.name(),
                     .rule = "cannot be integrated: it changes too fast with the stored voltage",
                     .remedy = "look at the samples of its bench with `gaincell show`"});
    }
    if (stepper.current_time() < age) {
      voltages.push_back(stepper.current_state()[0]);
    } else {
      State v;
      stepper.calc_state(age, v);
      voltages.push_back(v[0]);
    }
  }
  return voltages;
}

std::vector<double> age_grid(double first, double last, int per_decade) {
  const double decades = std::log10(last / first);
  const int steps = std::max(3, static_cast<int>(std::ceil(decades * per_decade)));
  std::vector<double> ages{0};
  for (int i = 0; i <= steps; ++i) ages.push_back(first * std::pow(10.0, decades * i / steps));
  ages.back() = last;
  return ages;
}

// All nodes and, between each two, their middle.
std::vector<double> with_middles(std::span<const double> nodes) {
  std::vector<double> result;
  for (std::size_t i = 0; i + 1 < nodes.size(); ++i) {
    result.push_back(nodes[i]);
    result.push_back(0.5 * (nodes[i] + nodes[i + 1]));
  }
  result.push_back(nodes.back());
  return result;
}

// Time until the slowest start is within kSettledV of where it ends, by quadrature of dV/rate.
double settling_time(const Cell& cell, std::span<const double> starts, double first) {
  const double step = (cell.high - cell.low) * 1e-4;
  double latest = first;
  for (const double start : starts) {
    const double direction = cell.rate(start) > 0 ? step : -step;
    double end = start;
    while (cell.rate(end) * direction > 0) end += direction;
    double time = 0;
    for (double v = start + direction / 2;
         (end - v) * direction > 0 && std::abs(end - v) > kSettledV; v += direction)
      time += step / std::abs(cell.rate(v));
    latest = std::max(latest, time);
  }
  return std::min(latest, kLongestSpan * first);
}

}  // namespace

Retention integrate_retention(const Table& leakage, const Table& capacitance,
                              const RetentionOptions& options) {
  const std::string place = "table cell_retention";
  if (leakage.dimensions() != 1 || capacitance.dimensions() != 1)
    throw Error(
        {.place = place,
         .value = fmt::format("{} over {} axes, {} over {}", leakage.name(), leakage.dimensions(),
                              capacitance.name(), capacitance.dimensions()),
         .rule = "both must be over the stored voltage alone"});
  if (capacitance.minimum() <= 0)
    throw Error({.place = place,
                 .key = capacitance.name(),
                 .value = fmt::format("{}", capacitance.minimum()),
                 .rule = "a capacitance must be positive"});
  const Cell cell{leakage, capacitance,
                  std::max(leakage.axis(0).front(), capacitance.axis(0).front()),
                  std::min(leakage.axis(0).back(), capacitance.axis(0).back())};
  std::vector<double> starts;
  for (const double v : leakage.axis(0).nodes())
    if (v >= cell.low && v <= cell.high) starts.push_back(v);
  if (starts.size() < 4)
    throw Error(
        {.place = place,
         .value = fmt::format("{} start voltages", starts.size()),
         .rule = fmt::format("{} and {} hardly overlap", leakage.name(), capacitance.name()),
         .remedy = "sweep both over the same stored voltages"});

  double fastest = 0;
  for (const double v : starts)
    fastest = std::max(fastest, std::abs(leakage.at(v) / capacitance.at(v)));
  const bool leaves = leakage.at(cell.low) > 0 || leakage.at(cell.high) < 0;
  if (fastest == 0 && !options.longest_age_s)
    throw Error({.place = place,
                 .key = leakage.name(),
                 .rule = "nothing leaks, so there is no scale for the ages"});
  const double first = fastest > 0 ? kFirstStepV / fastest : *options.longest_age_s * 1e-3;
  double last = options.longest_age_s ? *options.longest_age_s : settling_time(cell, starts, first);
  last = std::max(last, 10 * first);

  for (int per_decade = 4, halvings = 0;;) {
    const Axis initial("v_initial", leakage.axis(0).unit(), starts,
                       "stored voltage just after the write");
    const Axis age("age", "s", age_grid(first, last, per_decade), "time since the write");
    const std::vector<double> fine_starts = with_middles(starts),
                              fine_ages = with_middles(age.nodes());
    std::vector<double> values;
    std::vector<std::vector<double>> fine;
    for (const double start : fine_starts) fine.push_back(trajectory(cell, start, fine_ages));
    for (std::size_t s = 0; s < starts.size(); ++s)
      for (std::size_t a = 0; a < age.size(); ++a) values.push_back(fine[2 * s][2 * a]);
    const Table table(
        {"cell_retention", leakage.axis(0).unit(), "stored voltage against its start and age"},
        {initial, age}, std::move(values));
    double error = 0, error_by_age = 0, error_by_start = 0;
    for (std::size_t s = 0; s < fine_starts.size(); ++s) {
      for (std::size_t a = 0; a < fine_ages.size(); ++a) {
        const double here = std::abs(table.at(fine_starts[s], fine_ages[a]) - fine[s][a]);
        error = std::max(error, here);
        if (s % 2 == 0) error_by_age = std::max(error_by_age, here);
        if (a % 2 == 0) error_by_start = std::max(error_by_start, here);
      }
    }
    const bool denser_ages = error_by_age > options.tolerance_v && per_decade < kDensest;
    const bool denser_starts = error_by_start > options.tolerance_v && halvings < kMostHalvings;
    if (!denser_ages && !denser_starts) return {table, error, leaves};
    if (denser_ages) per_decade *= 2;
    if (denser_starts) {
      ++halvings;
      starts = fine_starts;
    }
  }
}

std::optional<double> half_a_level_v(const DeviceFile& device) {
  const Constant* zero = device.find_constant("v_zero");
  const Constant* levels = device.find_constant("kv_levels");
  if (zero == nullptr || levels == nullptr || levels->value < 2) return std::nullopt;
  return zero->value / (levels->value - 1);
}

std::optional<double> age_of_loss_s(const Table& retention, double start_v, double lost_v) {
  const auto off = [&](double age) {
    return std::abs(retention.at(start_v, age) - start_v) - lost_v;
  };
  const Axis& ages = retention.axis(1);
  for (std::size_t i = 1; i < ages.size(); ++i) {
    if (off(ages.nodes()[i]) < 0) continue;
    double low = ages.nodes()[i - 1], high = ages.nodes()[i];
    for (int halving = 0; halving < 60; ++halving) {
      const double middle = 0.5 * (low + high);
      (off(middle) < 0 ? low : high) = middle;
    }
    return high;
  }
  return std::nullopt;
}

}  // namespace gaincell::lut
