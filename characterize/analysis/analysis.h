#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "characterize/measure/waves.h"
#include "characterize/schema/form.h"

// Analyses: one file each in this folder and one row in registry.cpp.
namespace gaincell::characterize {

// What shows that the simulator did all of its work: its return codes show nothing.
struct Proof {
  std::string plot;  // the new plot's name begins with it: "tran", "dc", "op", "ac", "noise"
  double end = 0;    // last value of the scale, where `has_end`; what lies beyond it is cut off
  bool has_end = false;
  std::uint64_t count = 0;  // length of the scale; 0 = any
  // Of a dc run: the values of its innermost sweep, through which it goes once for each of the
  // outer one. The simulator's own scale may be a counter.
  std::vector<double> axis{};
  bool operator==(const Proof&) const = default;
};

// A source that a dc run sweeps, as the deck has it.
struct SweepCard {
  std::string element;
  double start;
  double stop;
  double step;
  std::vector<double> values;  // what the source takes
};

struct AnalysisArguments {
  std::map<std::string, double> numbers;
  std::map<std::string, std::string> words;
  std::set<std::string> flags;    // keys that are true
  std::vector<SweepCard> sweeps;  // innermost first
};

// Arguments that make no card, with the rule that they break.
struct BadCard : std::runtime_error {
  using std::runtime_error::runtime_error;
};

struct AnalysisKind {
  std::string name;  // `type` in a bench
  std::string text;
  // Beside `type` and `options`. A number becomes one of the arguments' numbers, a text, name or
  // word one of their words, what is true a flag, and a list of sweep_block() their sweeps.
  std::vector<Key> keys;
  std::string scale_unit;  // what results lie along: "s", "Hz"; "" = single points, or a sweep
  SignalKind signals = SignalKind::kReal;
  // The card and its proof. Throws BadCard.
  std::string (*card)(const AnalysisArguments&) = nullptr;
  Proof (*proof)(const AnalysisArguments&) = nullptr;
};

std::span<const AnalysisKind> analysis_kinds();
// Throws Error where there is none of this name.
const AnalysisKind& analysis_kind(std::string_view name);

// One of the sweeps of a dc analysis.
const Block& sweep_block();

AnalysisKind analysis_op();
AnalysisKind analysis_dc();
AnalysisKind analysis_tran();
AnalysisKind analysis_ac();
AnalysisKind analysis_noise();

// Helpers of this folder.
namespace detail {
// The frequencies of an ac or noise analysis; throws BadCard.
struct Frequencies {
  double start, stop;
  double points_per_decade;  // so many that at least one step fits; of a single frequency 0
  double steps() const;
};
Frequencies frequencies(const AnalysisArguments& arguments);
// "dec points start stop".
std::string frequency_card(double points_per_decade, double start, double stop);
std::vector<Key> frequency_keys();
double number(const AnalysisArguments& arguments, const std::string& name, double otherwise);
}  // namespace detail

// Simulator options that a bench may set; others, ngspice accepts in silence.
std::span<const std::string> simulator_options();

}  // namespace gaincell::characterize
