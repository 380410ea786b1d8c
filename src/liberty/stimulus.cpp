#include "liberty/stimulus.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/random.h"

namespace gaincell::liberty {
namespace {

// Every copy is computed at the time steps of all: those whose edges are alike stand together, and
// not too many of them, while each simulation has its own beginning to pay.
constexpr std::size_t kMostCopies = 6;
// Currents inside a stack take so many times longer than an edge to come to rest.
constexpr double kStillTimes = 100;

std::uint64_t with(std::uint64_t levels, std::size_t pin, bool high) {
  const std::uint64_t bit = std::uint64_t{1} << pin;
  return high ? levels | bit : levels & ~bit;
}

std::vector<double> scaled(const std::vector<double>& loads, double drive) {
  std::vector<double> result;
  for (const double load : loads) result.push_back(load * drive);
  return result;
}

// Drawn in log between the ends of the grid, rising: no table sees them.
std::vector<double> drawn(const std::vector<double>& grid, std::size_t count, Random random) {
  std::vector<double> values;
  for (std::size_t k = 0; k < count; ++k)
    values.push_back(std::exp(random.uniform(std::log(grid.front()), std::log(grid.back()))));
  std::sort(values.begin(), values.end());
  return values;
}

// The steps of cells with a state, written down in levels that act.
class Script {
 public:
  explicit Script(std::uint64_t initial) : initial_(initial) {}
  Script& fast(const Control& pin, bool on) { return add(pin, on, false); }
  Script& slewed(const Control& pin, bool on) { return add(pin, on, true); }
  const std::vector<Step>& steps() const { return steps_; }
  std::uint64_t initial() const { return initial_; }

 private:
  Script& add(const Control& pin, bool on, bool measured) {
    steps_.push_back({pin.pin, on == pin.high, measured});
    return *this;
  }
  std::uint64_t initial_;
  std::vector<Step> steps_;
};

// Nothing acts: no clock, no clear, no preset; data low.
std::uint64_t at_rest(const Cell& cell) {
  std::uint64_t levels = with(0, cell.clock.pin, !cell.clock.high);
  if (cell.clear) levels = with(levels, cell.clear->pin, !cell.clear->high);
  if (cell.preset) levels = with(levels, cell.preset->pin, !cell.preset->high);
  return levels;
}

std::vector<Script> flip_flop_scripts(const Cell& cell) {
  const Control d{cell.data, true}, ck = cell.clock;
  std::vector<Script> scripts;
  scripts.emplace_back(at_rest(cell));
  scripts.back().fast(ck, true).fast(ck, false).slewed(d, true).slewed(ck, true);
  scripts.back().slewed(ck, false).slewed(ck, true).slewed(d, false).fast(ck, false);
  scripts.back().slewed(ck, true).slewed(ck, false).slewed(ck, true).slewed(d, true);
  scripts.back().fast(ck, false).slewed(d, false);
  for (const auto& [control, level] :
       {std::pair{cell.clear, true}, std::pair{cell.preset, false}}) {
    if (!control) continue;
    scripts.emplace_back(with(at_rest(cell), cell.data, level));
    scripts.back().fast(ck, true).fast(ck, false).slewed(*control, true);
    scripts.back().slewed(*control, false).slewed(*control, true);
  }
  return scripts;
}

std::vector<Script> latch_scripts(const Cell& cell) {
  const Control d{cell.data, true}, g = cell.clock;
  Script script(at_rest(cell));
  script.fast(g, true).slewed(d, true).slewed(d, false).slewed(g, false).slewed(d, true);
  script.slewed(g, true).slewed(g, false).slewed(d, false).slewed(g, true).fast(g, false);
  script.slewed(g, true);
  return {script};
}

std::vector<Script> clock_gate_scripts(const Cell& cell) {
  const Control e{cell.data, true}, ck = cell.clock;
  Script script(at_rest(cell));
  script.slewed(e, true).slewed(ck, true).slewed(ck, false).fast(ck, true).slewed(e, false);
  script.fast(ck, false).slewed(ck, true).slewed(ck, false).fast(ck, true).slewed(e, true);
  script.fast(e, false).fast(ck, false).fast(e, true).slewed(e, false);
  return {script};
}

std::vector<Script> scripts_of(const Cell& cell) {
  switch (cell.kind) {
    case Kind::kFlipFlop:
      return flip_flop_scripts(cell);
    case Kind::kLatch:
      return latch_scripts(cell);
    case Kind::kClockGate:
      return clock_gate_scripts(cell);
    case Kind::kCombinational:
      break;
  }
  return {};
}

// Whether any output moves with the pin where the others are so.
bool moves(const Cell& cell, std::size_t pin, std::uint64_t levels) {
  Behaviour low(cell, with(levels, pin, false)), high(cell, with(levels, pin, true));
  for (std::size_t k = 0; k < cell.outputs.size(); ++k)
    if (low.output(k) != high.output(k)) return true;
  return false;
}

// Of a combinational cell: each input up and down, in every state of the others. States in which no
// output moves have one copy, as a load that is not moved costs nothing.
class PinStimuli {
 public:
  PinStimuli(const CellLibrary& library, std::size_t number, std::vector<Stimulus>& into)
      : library_(library), cell_(library.cells[number]), number_(number), into_(into) {}

  void add(std::size_t pin, const std::vector<double>& slews, const std::vector<double>& loads,
           bool holdout) {
    std::vector<Copy> copies;
    std::size_t part = 0;
    const auto flush = [&] {
      if (copies.empty()) return;
      Stimulus stimulus;
      stimulus.name =
          fmt::format("{}_{}{}{}", cell_.name, cell_.inputs[pin],
                      part > 0 ? fmt::format("_{}", part) : "", holdout ? "_holdout" : "");
      ++part;
      stimulus.cell = number_;
      stimulus.copies = std::exchange(copies, {});
      stimulus.steps = {{pin, true, true}, {pin, false, true}};
      stimulus.slews_s = slews;
      stimulus.settle_s = library_.settle_s;
      stimulus.holdout = holdout;
      into_.push_back(std::move(stimulus));
    };
    for (std::uint64_t levels = 0; levels < input_states(cell_); ++levels) {
      if (is_high(levels, pin)) continue;
      const bool moving = moves(cell_, pin, levels);
      if (!moving && holdout) continue;
      const std::size_t more = moving ? loads.size() : 1;
      if (copies.size() + more > kMostCopies) flush();
      for (std::size_t k = 0; k < more; ++k) copies.push_back({loads[k], levels});
    }
    flush();
  }

 private:
  const CellLibrary& library_;
  const Cell& cell_;
  std::size_t number_;
  std::vector<Stimulus>& into_;
};

void add_scripts(const CellLibrary& library, std::size_t number, const std::vector<double>& slews,
                 const std::vector<double>& loads, bool holdout, std::vector<Stimulus>& into) {
  const Cell& cell = library.cells[number];
  std::size_t part = 0;
  for (const Script& script : scripts_of(cell)) {
    Stimulus stimulus;
    stimulus.name = fmt::format("{}_{}{}", cell.name, part++, holdout ? "_holdout" : "");
    stimulus.cell = number;
    for (const double load : loads) stimulus.copies.push_back({load, 0});
    stimulus.initial = script.initial();
    stimulus.steps = script.steps();
    stimulus.slews_s = slews;
    stimulus.settle_s = library.settle_s;
    stimulus.holdout = holdout;
    into.push_back(std::move(stimulus));
  }
}

// The same steps, fast and each followed until all is still.
void add_leakage(const CellLibrary& library, std::size_t number, std::vector<Stimulus>& into) {
  const Cell& cell = library.cells[number];
  std::size_t part = 0;
  for (const Script& script : scripts_of(cell)) {
    Stimulus stimulus;
    stimulus.name = fmt::format("{}_leakage_{}", cell.name, part++);
    stimulus.cell = number;
    stimulus.copies = {{library.loads_f.front() * cell.drive, 0}};
    stimulus.initial = script.initial();
    for (Step step : script.steps()) {
      step.measured = true;
      stimulus.steps.push_back(step);
    }
    stimulus.slews_s = {library.slews_s.front()};
    stimulus.settle_s = library.settle_s * kStillTimes;
    stimulus.leakage = true;
    into.push_back(std::move(stimulus));
  }
}

// The constraints of one cell.
class Constraints {
 public:
  Constraints(const CellLibrary& library, std::size_t number, std::vector<Constraint>& into)
      : cell_(library.cells[number]), number_(number), into_(into) {}

  void add_all() {
    if (cell_.kind == Kind::kCombinational) return;
    for (const bool rising : {true, false}) {
      add(Constraint::Is::kSetup, cell_.data, rising);
      add(Constraint::Is::kHold, cell_.data, rising);
    }
    if (cell_.clear) add_release(*cell_.clear, true);
    if (cell_.preset) add_release(*cell_.preset, false);
  }

 private:
  using Is = Constraint::Is;
  using Follows = Constraint::Follows;

  Constraint begun(Is is, std::size_t pin, bool rising) const {
    static constexpr const char* kNames[] = {"setup", "hold", "recovery", "removal"};
    Constraint one;
    one.is = is;
    one.name = fmt::format("{}_{}_{}_{}", cell_.name, cell_.inputs[pin],
                           kNames[static_cast<int>(is)], rising ? "rise" : "fall");
    one.cell = number_;
    one.pin = pin;
    one.rising = rising;
    // A latch holds behind the edge that closes it.
    one.clock_rises = cell_.kind == Kind::kLatch ? !cell_.clock.high : cell_.clock.high;
    return one;
  }

  void add(Is is, std::size_t pin, bool rising) {
    Constraint one = begun(is, pin, rising);
    const bool ahead = one.ahead();
    const bool taken = ahead ? rising : !rising;  // the level that the clock's edge takes
    one.initial = with(at_rest(cell_), pin, cell_.kind == Kind::kFlipFlop ? !taken : !rising);
    const bool on = cell_.clock.high;
    if (cell_.kind == Kind::kFlipFlop) {
      one.prepare = {{cell_.clock.pin, on, false}, {cell_.clock.pin, !on, false}};
      if (!ahead) one.prepare.push_back({pin, taken, false});
    } else if (cell_.kind == Kind::kLatch) {
      one.prepare = {{cell_.clock.pin, on, false}};
    }
    if (cell_.kind == Kind::kLatch)
      one.follows = ahead ? Follows::kPin : Follows::kNothing;
    else if (cell_.kind == Kind::kClockGate && !taken)
      one.follows = Follows::kNothing;
    finish(std::move(one));
  }

  // Of clear or preset, ahead of a clock that takes the other level.
  void add_release(const Control& control, bool data) {
    for (const Is is : {Is::kRecovery, Is::kRemoval}) {
      Constraint one = begun(is, control.pin, !control.high);
      one.initial = with(with(at_rest(cell_), cell_.data, data), control.pin, control.high);
      if (is == Is::kRemoval) one.follows = Follows::kNothing;
      finish(std::move(one));
    }
  }

  // Which way the output goes where the constraint is met.
  void finish(Constraint one) {
    Behaviour cell(cell_, one.initial);
    for (const Step& step : one.prepare) cell.drive(step.pin, step.high);
    const bool before = cell.output(one.output);
    if (one.ahead()) cell.drive(one.pin, one.rising);
    cell.drive(cell_.clock.pin, one.clock_rises);
    one.output_rises = !before && cell.output(one.output);
    into_.push_back(std::move(one));
  }

  const Cell& cell_;
  std::size_t number_;
  std::vector<Constraint>& into_;
};

}  // namespace

Behaviour::Behaviour(const Cell& cell, std::uint64_t inputs) : cell_(cell), inputs_(inputs) {
  settle(false);
}

void Behaviour::drive(std::size_t pin, bool high) {
  const bool was = on(cell_.clock);
  inputs_ = with(inputs_, pin, high);
  settle(!was && on(cell_.clock));
}

void Behaviour::settle(bool clocked) {
  const bool data = input(cell_.data);
  switch (cell_.kind) {
    case Kind::kCombinational:
      return;
    case Kind::kFlipFlop:
      if (clocked) state_ = data;
      break;
    case Kind::kLatch:
      if (on(cell_.clock)) state_ = data;
      break;
    case Kind::kClockGate:
      if (!on(cell_.clock)) state_ = data;
      break;
  }
  if (cell_.clear && on(*cell_.clear)) state_ = false;
  if (cell_.preset && on(*cell_.preset)) state_ = true;
}

bool Behaviour::output(std::size_t number) const {
  const Function& function = cell_.outputs[number].function;
  std::uint64_t levels = 0;
  for (std::size_t k = 0; k < function.names().size(); ++k) {
    const std::string& name = function.names()[k];
    bool high = name == kState ? state_ : !state_;
    const auto pin = std::find(cell_.inputs.begin(), cell_.inputs.end(), name);
    if (pin != cell_.inputs.end())
      high = input(static_cast<std::size_t>(pin - cell_.inputs.begin()));
    levels = with(levels, k, high);
  }
  return function.at(levels);
}

std::vector<Outcome> outcomes(const Cell& cell, const Stimulus& stimulus, const Copy& copy) {
  Behaviour behaviour(cell, stimulus.initial | copy.levels);
  std::vector<bool> outputs(cell.outputs.size());
  for (std::size_t k = 0; k < outputs.size(); ++k) outputs[k] = behaviour.output(k);
  std::vector<Outcome> all;
  for (const Step& step : stimulus.steps) {
    Outcome one;
    one.before = behaviour.inputs();
    behaviour.drive(step.pin, step.high);
    for (std::size_t k = 0; k < outputs.size(); ++k) {
      const bool now = behaviour.output(k);
      if (now != outputs[k]) one.moved.push_back(k);
      outputs[k] = now;
    }
    one.outputs = outputs;
    one.state = behaviour.state();
    all.push_back(std::move(one));
  }
  return all;
}

std::vector<Stimulus> stimuli(const CellLibrary& library) {
  std::vector<Stimulus> all;
  for (std::size_t number = 0; number < library.cells.size(); ++number) {
    const Cell& cell = library.cells[number];
    for (const bool holdout : {false, true}) {
      const auto loads_at = [&](std::size_t pin) {
        if (!holdout) return scaled(library.loads_f, cell.drive);
        return scaled(drawn(library.loads_f, library.holdout_loads,
                            Random(library.holdout_seed, cell.name + "_loads", pin)),
                      cell.drive);
      };
      const auto slews_at = [&](std::size_t pin) {
        if (!holdout) return library.slews_s;
        return drawn(library.slews_s, library.holdout_slews,
                     Random(library.holdout_seed, cell.name + "_slews", pin));
      };
      if (cell.kind != Kind::kCombinational) {
        add_scripts(library, number, slews_at(0), loads_at(0), holdout, all);
        continue;
      }
      for (std::size_t pin = 0; pin < cell.inputs.size(); ++pin)
        PinStimuli(library, number, all).add(pin, slews_at(pin), loads_at(pin), holdout);
    }
    add_leakage(library, number, all);
  }
  return all;
}

std::size_t input_states(const Cell& cell) { return std::size_t{1} << cell.inputs.size(); }

std::vector<Constraint> constraints(const CellLibrary& library) {
  std::vector<Constraint> all;
  for (std::size_t number = 0; number < library.cells.size(); ++number)
    Constraints(library, number, all).add_all();
  return all;
}

}  // namespace gaincell::liberty
