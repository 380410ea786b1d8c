#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "characterize/analysis/analysis.h"
#include "characterize/circuit/mismatch.h"
#include "characterize/circuit/netlist.h"
#include "characterize/measure/measure.h"
#include "characterize/schema/expression.h"
#include "characterize/schema/net.h"

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
  std::vector<double> values;       // of a scalar: one if fixed; of words: their numbers in `words`
  std::vector<double> text_values;  // the bench's own, where `values` stand in their place
  std::vector<std::string> words;   // what the values 0, 1, ... of a condition of words stand for
  bool swept = false;
  bool simulated = true;  // a simulation follows from it; false: measurements alone
  bool by_row = false;    // `values` are those of the rows, one each
  bool logarithmic = false;
  std::size_t count = 0;  // elements of a vector; 0 for a scalar
  Draw draw;
  Where where;
};

// So many numbers from one to the other, which they meet exactly.
std::vector<double> spaced(double low, double high, std::size_t points, bool logarithmic);

struct Parameter {
  std::string name;
  Quantity value;
};

struct Pulse {
  Quantity initial, pulsed, delay, rise, fall, width;
  std::optional<Quantity> period;
};

struct Ramp {
  Quantity initial, final, start, duration;
};

struct Source {
  std::string name;
  bool current = false;
  NetTemplate net;
  std::string reference;
  std::size_t count = 0;  // 0: a single one, named without a number
  std::optional<Quantity> dc;
  std::optional<Quantity> ac;  // amplitude in ac and noise analyses
  std::optional<Ramp> ramp;
  std::optional<Pulse> pulse;
  std::vector<std::pair<Quantity, Quantity>> pwl;
  std::vector<std::pair<double, double>> wave;  // pwl from a file
  Where where;
};

struct ElementLine {
  Template line;
  std::size_t count = 1;
  Where where;
};

// What a net begins with: the voltage itself, or where the search for an operating point starts.
struct NetVoltage {
  NetTemplate net;
  Quantity value;
  std::size_t count = 1;
};

// A source that a dc analysis takes through the values of a condition, or through its own.
struct Sweep {
  std::string source;
  std::optional<std::size_t> condition;  // index
  std::optional<Quantity> start, stop;   // where there is no condition
  std::size_t points = 0;
  bool logarithmic = false;
};

using Options = std::vector<std::pair<std::string, std::string>>;

struct Analysis {
  std::string name;  // of a single one: its type
  const AnalysisKind* kind = nullptr;
  std::string scale_unit;  // what results lie along: "s", "Hz", "V", "A"; "" = single points
  std::map<std::string, Quantity> numbers;
  std::map<std::string, std::string> words;
  std::set<std::string> flags;  // keys that are true
  std::vector<Sweep> sweeps;
  std::vector<std::string> outputs;  // nets whose noise is looked at
  Options options;
  std::string save_card;  // what the simulator keeps for measurements and waveforms
  Where where;

  bool uses_initial_conditions() const { return flags.contains("use_initial_conditions"); }
};

// "time", "frequency" or "sweep".
std::string scale_name(const Analysis& analysis);

// What a result must hold at every point but the hold-out points. `typical` is for people.
struct Spec {
  std::optional<double> minimum, typical, maximum;
  std::optional<double> sigma;  // greatest standard deviation over the draws
};

struct Measurement {
  std::string name;
  std::string unit;
  std::string description;
  std::size_t analysis = 0;  // index; of a formula: none
  const MeasureKind* kind = nullptr;
  std::vector<std::string> signals;  // as the simulator names them
  std::map<std::string, Quantity> numbers;
  std::map<std::string, std::string> words;
  std::optional<Expression> formula;
  std::set<std::size_t> uses;      // measurements that its formula or arguments name
  std::set<std::size_t> analyses;  // that it rests on
  bool along = false;              // a sweep of conditions: no point of it has its own
  bool searched = false;           // the value that the bench searches, known before its run
  std::optional<Spec> spec;
  Where where;
};

// A signal that is kept whole in the samples file.
struct WaveformRequest {
  std::string name;
  std::string signal;  // as the simulator names it
  std::string unit;
  std::size_t analysis = 0;
};

// Random differences between equal devices (mismatch.h).
struct Mismatch {
  std::vector<PelgromRule> rules;
  bool library_statistics = false;  // the library draws them itself, from our seed
};

// The models that one corner stands for, and the circuit.
struct Corner {
  std::string name;  // "" where the bench names none
  std::unique_ptr<Library> library;
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

// A standard deviation over the draws, or a measurement that is one.
struct SpreadRequest {
  std::string name;
  std::string of;
  bool relative = false;   // over the size of the mean
  bool deviation = false;  // the measurement is a standard deviation: of the only point
  std::string long_name;
};

// The value at which a result changes, found at every point (bisection.h).
struct Search {
  std::string over;  // its name in expressions, and that of the measurement
  std::string unit;
  double minimum = 0, maximum = 0, tolerance = 0;
  std::size_t halvings = 0;          // that lead from the range to the tolerance
  std::string passes_text;           // as the bench has it
  std::optional<Expression> passes;  // greater than 0 on one side of the value, not on the other
  std::set<std::size_t> uses;        // measurements that it names
};

// A file of numbers that a bench names.
struct InputFile {
  std::string name;  // as the bench has it
  std::string text;
};

// A value that a swept condition has beside those of the bench's text.
struct AddedNode {
  std::string bench, condition;  // empty bench: whichever is read
  double value = 0;              // in the condition's unit
  bool operator==(const AddedNode&) const = default;
};

// Values that a swept condition has in place of those of the bench's text. Hold-out points lie
// where they lie with those of the text, so that they stay the same while an axis is refined.
struct AxisValues {
  std::string bench, condition;  // empty bench: whichever is read
  std::vector<double> values;    // rising, in the condition's unit; the ends are those of the text
  bool operator==(const AxisValues&) const = default;
};

// A bench file, read and checked as far as that is possible without a simulator. It is constant
// from then on: what its names are worth at a point stands in an Evaluation (plan/evaluation.h).
struct Bench {
  std::string path;
  std::string text;
  std::string name;
  std::string description;
  Scope scope;  // the names; results and what is drawn have no value yet
  std::vector<Condition> conditions;
  std::size_t rows = 1;  // of the conditions that change together
  std::vector<InputFile> inputs;
  std::vector<Parameter> parameters;
  std::size_t draw_points = 0;  // 0: no vectors are drawn
  std::uint64_t draw_seed = 0;
  std::vector<Corner> corners;  // at least one
  std::string behaviour;        // ngspice's compatibility mode; "" = its own dialect
  bool code_models = false;     // the circuit needs XSPICE
  // Global parameters of the models, set behind them.
  std::vector<std::pair<std::string, Quantity>> library_parameters;
  Mismatch mismatch;
  std::string subcircuit;
  std::vector<std::pair<std::string, Quantity>> subcircuit_parameters;
  std::map<std::string, std::string> ports;
  std::vector<Source> sources;
  std::vector<ElementLine> elements;
  std::vector<NetVoltage> initial_conditions;
  std::vector<NetVoltage> starting_guesses;
  std::vector<Analysis> analyses;
  Options retry;
  std::vector<Measurement> measurements;
  std::optional<Search> search;
  std::vector<TableRequest> tables;
  std::vector<ConstantRequest> constants;
  std::vector<SpreadRequest> spreads;
  // Where tables are used most: the least and the greatest value of some swept conditions.
  std::map<std::string, std::pair<double, double>> working;
  double holdout_share = 0;
  std::size_t holdout_points = 0;
  std::uint64_t holdout_seed = 0;
  std::vector<WaveformRequest> waveforms;
  double timeout_s = 60;
  double memory_bytes = 0;           // of one simulation; 0 = no limit
  std::vector<std::string> filters;  // as given
  std::vector<std::string> at;       // as given
  std::vector<AddedNode> added_nodes;
  std::vector<AxisValues> axis_values;

  // Its index. Throws Error where there is none of this name.
  std::size_t condition(const std::string& condition_name) const;
};

// Which of its points a bench runs: "corner=slow,fast", "temperature=-40..27", "v_dd=0.9".
struct BenchOptions {
  std::vector<std::string> filters;
  // In place of the files that the bench names: the text that went into its decks, one a corner.
  std::vector<std::string> netlists;
  std::set<std::string> allow;      // Library::permit
  std::vector<InputFile> inputs{};  // with `netlists`: in place of the files of numbers
  // "corner=slow", "v_dd=0.81": fixed conditions at other values than the bench's own. Each must be
  // a fixed condition of the bench, and named once.
  std::vector<std::string> at{};
  // Those of other benches are passed over.
  std::vector<AddedNode> added_nodes{};
  std::vector<AxisValues> axis_values{};
};

// Throws Error naming file, line and key. A filter on a condition that this bench does not have is
// not applied to it.
std::unique_ptr<const Bench> read_bench(const std::string& path, const BenchOptions& options = {});
// The same with the text at hand; `path` is where its relative paths start from.
std::unique_ptr<const Bench> parse_bench(std::string text, const std::string& path,
                                         const BenchOptions& options = {});

}  // namespace gaincell::characterize
