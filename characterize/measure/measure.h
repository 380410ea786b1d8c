#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "characterize/measure/waves.h"
#include "characterize/schema/form.h"

// Measurements: one file each in this folder and one row in registry.cpp.
namespace gaincell::characterize {

// A number that follows from what calls before this one found.
struct Derived {
  std::string expression;                        // over the names of both maps
  std::map<std::string, double> known;           // conditions and parameters
  std::map<std::string, std::uint32_t> results;  // measurements, by their call in the same job
  bool operator==(const Derived&) const = default;
};

// One measurement with its arguments, as the worker gets it.
struct MeasureCall {
  std::string kind;
  std::vector<std::string> signals;
  std::map<std::string, double> numbers;
  std::map<std::string, std::string> words;
  std::map<std::string, Derived> derived{};  // further numbers; of a formula "formula"

  bool has(const std::string& name) const { return numbers.contains(name); }
  double number(const std::string& name, double otherwise) const;
  std::string word(const std::string& name, const std::string& otherwise) const;
  bool operator==(const MeasureCall&) const = default;
};

// A source as signals see it.
struct SourceSignals {
  std::string voltage;  // "v(bl)" or "v(bl,ref)"
  std::string current;  // from the net into the source: "i(vbl)"
};

struct MeasureKind {
  std::string name;  // the key of a bench that chooses it
  enum class Takes { kSignal, kSources, kFormula } takes;
  std::string text;  // one line for the reference page
  // Its own keys. A quantity or integer becomes a number of the call, a word a word, a text a
  // further signal.
  std::vector<Key> keys;
  // The result on a run. Throws NoResult. Empty for a formula.
  double (*measure)(Waves& waves, const MeasureCall& call) = nullptr;
  // kSources: the signal whose integral this is.
  std::string (*signal_of)(std::span<const SourceSignals> sources) = nullptr;
};

std::span<const MeasureKind> measure_kinds();
const MeasureKind& measure_kind(std::string_view name);

// The result of a call whose numbers are all known. Throws NoResult.
double measure(Waves& waves, const MeasureCall& call);

struct Measured {
  double value = 0;
  std::string reason;  // "" = measured
};
// The results of a job's calls, in order; `waves` are those that a call is read off.
std::vector<Measured> measure_all(std::span<const MeasureCall> calls,
                                  const std::function<Waves&(const MeasureCall&)>& waves);
// Why nothing follows from a result that has no number.
std::string reason_without(const std::string& result);

// Helpers that several kinds share.
namespace detail {
Window window_of(const Waves& waves, const MeasureCall& call);
std::vector<Key> window_keys();
Key key(std::string name, Form form, std::string text);
Key required(std::string name, Form form, std::string text);
// `otherwise` of the call, or NoResult with this reason.
double otherwise(const MeasureCall& call, const std::string& reason);
Key otherwise_key();
std::string show(double value);
// The number-th (1 = first, -1 = last) of the crossings with this edge (rise, fall, either); null
// if there are not so many.
const Crossing* pick(std::span<const Crossing> all, const std::string& edge, double number);
// The first of the extreme values in the window. A signal is linear between points, so they lie on
// points or ends of the window.
struct Extreme {
  double x, y;
};
Extreme extreme(Waves& waves, const MeasureCall& call,
                const std::function<bool(double, double)>& better);
}  // namespace detail

// The kinds; each stands in its own file.
MeasureKind measure_value();
MeasureKind measure_integral();
MeasureKind measure_charge();
MeasureKind measure_energy();
MeasureKind measure_crossing();
MeasureKind measure_delay();
MeasureKind measure_width();
MeasureKind measure_time_above();
MeasureKind measure_minimum();
MeasureKind measure_maximum();
MeasureKind measure_minimum_at();
MeasureKind measure_maximum_at();
MeasureKind measure_total_noise();
MeasureKind measure_peak_to_peak();
MeasureKind measure_average();
MeasureKind measure_rms();
MeasureKind measure_slope();
MeasureKind measure_settling();
MeasureKind measure_loss_time();
MeasureKind measure_time_constant();
MeasureKind measure_formula();

}  // namespace gaincell::characterize
