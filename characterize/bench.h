#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "characterize/analysis/analysis.h"
#include "characterize/expression.h"
#include "characterize/measure/measure.h"
#include "characterize/netlist.h"

namespace gaincell::characterize {

// Numbers for the elements of a vector condition.
struct Draw {
  enum class Kind { kEnumerate, kUniform, kNormal, kValues } kind = Kind::kValues;
  std::vector<double> numbers;
};

struct Condition {
  std::string name;
  std::string unit;
  std::string description;
  std::vector<double> values;  // of a scalar: one if fixed
  bool swept = false;
  bool logarithmic = false;
  std::size_t count = 0;  // elements of a vector; 0 for a scalar
  Draw draw;
  Where where;
};

struct Parameter {
  std::string name;
  Quantity value;
};

struct Pulse {
  Quantity initial, pulsed, delay, rise, fall, width;
  std::optional<Quantity> period;
};

struct Source {
  std::string name;
  bool current = false;
  Template net;
  std::string reference;
  std::size_t count = 0;  // 0: a single one, named without a number
  std::optional<Quantity> dc;
  std::optional<Pulse> pulse;
  std::vector<std::pair<Quantity, Quantity>> pwl;
  Where where;
};

struct ElementLine {
  Template line;
  std::size_t count = 1;
  Where where;
};

struct InitialCondition {
  Template net;
  Quantity value;
  std::size_t count = 1;
};

struct Sweep {
  std::string source;
  std::size_t condition;  // index
};

struct Analysis {
  const AnalysisKind* kind = nullptr;
  std::map<std::string, Quantity> numbers;
  bool use_initial_conditions = false;
  std::vector<Sweep> sweeps;
  Where where;
};

struct Measurement {
  std::string name;
  std::string unit;
  std::string description;
  const MeasureKind* kind = nullptr;
  std::vector<std::string> signals;  // as the simulator names them
  std::map<std::string, Quantity> numbers;
  std::map<std::string, std::string> words;
  std::optional<Expression> formula;
  Where where;
};

struct TableRequest {
  std::string name;
  std::string of;
  std::vector<std::string> over;
  std::string long_name;
  std::vector<std::string> interpolation;  // empty, or one an axis
  std::map<std::string, double> limits;    // max_percent, rms_percent, max, rms
};

struct ConstantRequest {
  std::string name;
  std::string unit;
  std::string long_name;
  double value = 0;
};

using Options = std::vector<std::pair<std::string, std::string>>;

// A bench file, read and checked as far as that is possible without a simulator. Expressions hold
// pointers into `scope`: a Bench stays where it was made.
struct Bench {
  Bench() = default;
  Bench(const Bench&) = delete;
  Bench& operator=(const Bench&) = delete;

  std::string path;
  std::string text;
  std::string name;
  std::string description;
  Scope scope;
  std::vector<Condition> conditions;
  std::vector<Parameter> parameters;
  std::size_t draw_points = 0;  // 0: no vectors are drawn
  std::uint64_t draw_seed = 0;
  std::unique_ptr<Library> library;
  std::string subcircuit;
  std::vector<std::pair<std::string, Quantity>> subcircuit_parameters;
  std::map<std::string, std::string> ports;
  std::vector<Source> sources;
  std::vector<ElementLine> elements;
  std::vector<InitialCondition> initial_conditions;
  Analysis analysis;
  Options options;
  Options retry;
  std::vector<Measurement> measurements;
  std::vector<TableRequest> tables;
  std::vector<ConstantRequest> constants;
  double holdout_share = 0;
  std::size_t holdout_points = 0;
  std::uint64_t holdout_seed = 0;
  double timeout_s = 60;

  std::size_t condition(const std::string& condition_name) const;  // index; must exist
};

// Throws Error naming file, line and key.
std::unique_ptr<Bench> read_bench(const std::string& path);

}  // namespace gaincell::characterize
