#pragma once

#include <map>
#include <span>
#include <string>
#include <tuple>
#include <vector>

#include "liberty/stimulus.h"
#include "lut/samples_file.h"

namespace gaincell::liberty {

// Numbers over slews (rows) and loads (columns); between them straight lines along both, as all
// readers of Liberty files draw them. One load: over slews alone.
struct Grid {
  std::vector<double> slews_s, loads_f;
  std::vector<std::vector<double>> values;

  double at(double slew_s, double load_f) const;
};

// An edge of an output that follows from an edge of an input, the other inputs being so.
struct ArcKey {
  std::size_t output = 0, pin = 0;
  std::string when;    // "" where it is so in one state alone, or whatever the others are
  bool rises = false;  // the output
  bool pin_rises = false;
  bool operator<(const ArcKey& o) const {
    return std::tie(output, pin, when, rises, pin_rises) <
           std::tie(o.output, o.pin, o.when, o.rises, o.pin_rises);
  }
};

struct Arc {
  Grid delay_s, transition_s;
  Grid energy_j;  // internal
};

// An edge of an input that moves no output.
struct HiddenKey {
  std::size_t pin = 0;
  std::string when;
  bool rises = false;
  bool operator<(const HiddenKey& o) const {
    return std::tie(pin, when, rises) < std::tie(o.pin, o.when, o.rises);
  }
};

struct PinCapacitance {
  double rise_f = 0, fall_f = 0;
};

// Rows: slews of the clock; columns: of the pin.
struct ConstraintTable {
  const Constraint* constraint = nullptr;
  std::vector<std::vector<double>> values_s;
};

struct CellTables {
  std::map<ArcKey, Arc> arcs;
  std::map<HiddenKey, Grid> hidden_j;
  std::vector<PinCapacitance> pins;         // one an input
  std::map<std::string, double> leakage_w;  // by state, as a Boolean function
  std::vector<ConstraintTable> constraints;
};

// What was measured, by the benches' names.
using Samples = std::map<std::string, const lut::SampledBench*>;

// Tables of the library's grid, or those of the hold-out points. What was not measured is NaN.
std::vector<CellTables> tables_of(const CellLibrary& library, std::span<const Stimulus> stimuli,
                                  std::span<const Constraint> constraints, const Samples& samples,
                                  bool holdout);

// How far tables are off at points that they have not seen, relative: of delays and slews to the
// value, of energies to the mean over the output's two edges.
struct TableErrors {
  struct One {
    std::size_t points = 0;
    double p95 = 0, max = 0;
    std::string worst;  // where
  };
  One delay, transition, energy;
};
TableErrors errors_of(const CellLibrary& library, std::span<const CellTables> tables,
                      std::span<const CellTables> holdout);

}  // namespace gaincell::liberty
