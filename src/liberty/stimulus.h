#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "liberty/library.h"

namespace gaincell::liberty {

// Levels of a cell's inputs are bits: of the k-th input bit k.
inline bool is_high(std::uint64_t levels, std::size_t pin) { return (levels >> pin & 1) != 0; }

// What a cell does at its pins, by its functions: the state is that of a flip-flop or latch.
class Behaviour {
 public:
  Behaviour(const Cell& cell, std::uint64_t inputs);
  void drive(std::size_t pin, bool high);
  bool input(std::size_t pin) const { return is_high(inputs_, pin); }
  std::uint64_t inputs() const { return inputs_; }
  bool state() const { return state_; }
  bool output(std::size_t number) const;

 private:
  bool on(const Control& control) const { return input(control.pin) == control.high; }
  void settle(bool clocked);

  const Cell& cell_;
  std::uint64_t inputs_;
  bool state_ = false;
};

// One of the cells that stand side by side in one simulation: same steps, own load and own levels
// of the inputs that no step drives.
struct Copy {
  double load_f = 0;
  std::uint64_t levels = 0;
};

// An input goes to a level, and all settles.
struct Step {
  std::size_t pin = 0;
  bool high = false;
  bool measured = false;  // with the slew of the point; else fast, to get somewhere
};

struct Stimulus {
  std::string name;  // of its bench
  std::size_t cell = 0;
  std::vector<Copy> copies;
  std::uint64_t initial = 0;  // levels of the inputs that steps drive
  std::vector<Step> steps;
  std::vector<double> slews_s;
  double settle_s = 0;
  bool holdout = false;
  bool leakage = false;  // what is measured is the power when all is still
};

// What becomes of a copy at a step.
struct Outcome {
  std::uint64_t before = 0;        // levels of all inputs
  std::vector<std::size_t> moved;  // outputs
  std::vector<bool> outputs;       // behind the step
  bool state = false;
};
std::vector<Outcome> outcomes(const Cell& cell, const Stimulus& stimulus, const Copy& copy);

// Everything that the tables of a library are made of, but the constraints.
std::vector<Stimulus> stimuli(const CellLibrary& library);

// Levels of a combinational cell's inputs at which it leaks: one operating point each, side by
// side.
std::size_t input_states(const Cell& cell);

// A pin may not move within some time of an edge of the clock. Two copies stand side by side: in
// one the pin moves long before that edge (or, after it, never), in the other so near that it just
// works.
struct Constraint {
  enum class Is { kSetup, kHold, kRecovery, kRemoval } is = Is::kSetup;
  std::string name;  // of its bench
  std::size_t cell = 0;
  std::size_t pin = 0;        // that is constrained
  bool rising = false;        // its edge
  bool clock_rises = true;    // the edge of the clock
  std::uint64_t initial = 0;  // levels of the inputs at the beginning
  std::vector<Step> prepare;  // lead to where the edges are tried
  std::size_t output = 0;
  bool output_rises = false;
  // What the output's delay is counted from, where it moves at all.
  enum class Follows { kClock, kPin, kNothing } follows = Follows::kClock;

  // The pin's edge comes ahead of the clock's.
  bool ahead() const { return is == Is::kSetup || is == Is::kRecovery; }
};
std::vector<Constraint> constraints(const CellLibrary& library);

}  // namespace gaincell::liberty
