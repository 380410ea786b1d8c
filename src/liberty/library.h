#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "liberty/function.h"

namespace gaincell::liberty {

// The state of an output's function: "IQ", or inverted "IQN".
inline constexpr std::string_view kState = "IQ";
inline constexpr std::string_view kInverseState = "IQN";

enum class Kind { kCombinational, kFlipFlop, kLatch, kClockGate };

// An input and the level at which it acts: of the clock of a flip-flop the one behind the edge.
struct Control {
  std::size_t pin = 0;  // among the cell's inputs
  bool high = true;
};

struct Output {
  std::string pin;
  Function function;  // over inputs and the state
};

struct Cell {
  std::string name;
  std::string subcircuit;  // lower case, as netlists have it
  std::string place;       // file:line, for messages
  std::vector<std::string> inputs;
  std::vector<Output> outputs;
  double drive = 1;               // loads are multiplied by it
  std::optional<double> area_m2;  // in place of the rule's
  Kind kind = Kind::kCombinational;
  // Of a cell with a state.
  Control clock;         // or enable of a latch
  std::size_t data = 0;  // or enable of a clock gate
  std::optional<Control> clear, preset;

  std::string pin_name(const Control& control) const {
    return (control.high ? "" : "!") + inputs[control.pin];
  }
};

// What is fixed in one Liberty file.
struct Conditions {
  std::string flavour, corner;  // "" where the library has none
  double temperature_degc = 27;
  double v_dd = 0;
};

struct Section {
  std::filesystem::path file;
  std::string section;  // "" = the whole file
};

// A standard-cell library as data: library.yaml, read and checked as far as that goes without its
// netlists. Paths are absolute.
struct CellLibrary {
  std::filesystem::path path;
  std::string sha256;  // of the file
  std::string name, description;
  std::vector<std::filesystem::path> netlists;
  std::map<std::string, std::vector<std::filesystem::path>> flavours;
  std::vector<Section> models;
  std::map<std::string, std::vector<Section>> corners;
  Conditions conditions;
  std::vector<std::string> power, ground;  // ports, lower case
  double wire_base_f = 0, wire_per_terminal_f = 0;
  double pitch_m = 0, extra_columns = 0, height_m = 0;
  double lower = 0.2, upper = 0.8;  // of the supply: slews are counted between these
  std::vector<double> slews_s, loads_f;
  std::vector<double> constraint_slews_s;
  double settle_s = 1e-9;
  std::size_t holdout_slews = 0, holdout_loads = 0;
  std::uint64_t holdout_seed = 0;
  std::vector<Cell> cells;
};

// `at`: "corner=slow", "v_dd=0.81", ... in place of the library's own conditions. Throws Error.
CellLibrary read_library(const std::string& path, const std::vector<std::string>& at = {});

}  // namespace gaincell::liberty
