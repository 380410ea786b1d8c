#pragma once

#include <filesystem>
#include <limits>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "characterize/bench/bench.h"
#include "characterize/yaml/item.h"

namespace gaincell::characterize {

// Fills a Bench from a validated file, in the order in which names become known: what is swept
// (read_conditions.cpp, read_rows.cpp), the circuit (read_circuit.cpp) and what drives it
// (read_sources.cpp), what is simulated (read_analyses.cpp), read off (read_measurements.cpp) and
// made of it (read_results.cpp). Each of them also holds its part of the grammar.
class BenchReader {
 public:
  BenchReader(const Item& root, const BenchOptions& options, Bench& bench)
      : root_(root), options_(options), bench_(bench) {}
  void read();

 private:
  Quantity quantity(const Item& item, const std::string& unit) const {
    return Quantity(item.text(), unit, bench_.scope, item.where());
  }
  // Conditions, parameters and measurements share their names.
  void know(const std::string& name, const Item& at);

  void read_conditions();
  void add_condition(const std::string& name, const Item& item);
  void add_corner_condition();
  void bound_points(const Item& item);
  void apply_filters(Condition& condition, const Item& item);
  void read_fixed();
  bool apply_at(Condition& condition);
  void refuse_unused_at() const;
  void refuse_idle_nodes() const;
  void add_nodes(Condition& condition);
  void replace_values(Condition& condition);
  void read_rows();
  void add_row(const std::vector<std::pair<std::string, std::string>>& cells, const Where& where);
  void fill_by_row(Condition& condition) const;
  void drop_rows();
  std::string input_text(const Item& file);
  void read_draws();
  void read_holdout();
  void read_working(const Item& item);
  void declare_search();
  void read_parameters();

  void read_circuit();
  std::filesystem::path beside(const std::string& path) const;
  void refuse_stray_link(const Item& item, const std::string& named) const;
  void add_file(Library& library, const Item& item, Library::Use use) const;
  void read_corners();
  void read_behaviour();
  void read_library_parameters();
  void read_subcircuit(const Item& circuit);
  void read_mismatch();
  PelgromRule read_rule(const std::string& name, const Item& item) const;
  void read_sources();
  void read_wave_file(const Item& item, const std::string& unit, Source& source);
  void read_waveform(const Item& item, const std::string& unit, Source& source);
  void read_elements();
  void read_net_voltages();
  void refuse_idle_voltages() const;
  void note_simulated();
  std::vector<NetVoltage> net_voltages(const std::string& key) const;

  void read_analyses();
  void read_analysis(const std::string& name, const Item& item);
  void read_argument(Analysis& analysis, const Key& key, const Item& item);
  void read_sweeps(const Item& item, Analysis& analysis);
  Sweep read_sweep(const Item& row, bool innermost);
  void read_noise(const Item& item, Analysis& analysis);
  Options read_options(const Item& block) const;
  std::size_t analysis_of(const Item& item) const;
  // Of a measurement with `count`: which one it is.
  using Number = std::optional<std::size_t>;
  std::string simulator_signal(const Item& item, const AnalysisKind& kind, Number number);
  const Source& source_of(const std::string& name) const;
  std::string known_source(const Item& item) const;
  std::string current_of(const std::string& name) const;
  std::vector<SourceSignals> source_signals(const Item& item);
  void read_measurements();
  std::string numbered(const Item& item, Number number) const;
  void require_numbered(const Item& item, const MeasureKind& kind) const;
  void read_measurement(const std::string& name, const Item& item, Number number);
  std::string unit_of_argument(const Measurement& m, const Form& form) const;
  void read_argument(Measurement& m, const Key& key, const Item& item, Number number);
  void read_place(Measurement& m, const Item& item) const;
  void check_unit(const Measurement& m, const Item& item) const;
  bool changes(const std::string& condition, std::size_t measurement) const;
  void rest_on(Measurement& m, const Expression* expression, const Item& item) const;
  Spec read_spec(const Item& item, const std::string& unit) const;
  void add_searched();
  void read_search();
  void read_waveforms();
  void read_tables();
  void read_table_limits(const Item& item, TableRequest& table) const;
  void read_constants();
  void read_spreads();
  void read_limits();
  void make_save_cards();

  const Item& root_;
  const BenchOptions& options_;
  Bench& bench_;
  // Conditions by row and their cells, the place of each row, and whether the filters leave it.
  std::map<std::string, std::vector<std::string>> row_cells_;
  std::vector<Where> row_places_;
  std::vector<bool> row_kept_;
  // What the values of conditions may name: the fixed ones and nothing else.
  Scope fixed_;
  std::set<std::string> names_;
  std::map<std::string, std::size_t> source_names_;  // and those of a count -> index of the source
};

// Throws Error where the key of an item is none of `own`: blocks of several kinds share a schema.
void refuse_other_keys(const Item& item, const std::string& kind,
                       const std::vector<std::string>& own);

// A kind of analysis or measurement has a key of a form that nobody would read: a bug, which the
// test that walks all of them finds.
[[noreturn]] void no_argument(const Key& key);

// How many a block with `count` stands for; `lines` counts those of its kind, which are bounded
// together.
std::size_t read_count(const Item& item, std::size_t& lines);

// Throws Error where nothing can be simulated at it.
void require_temperature(double celsius, const Where& where);

// What a name is worth where it is read: results, and whatever has no single value.
constexpr double kNotKnown = std::numeric_limits<double>::quiet_NaN();

template <class Range>
std::vector<std::string> names_of(const Range& range) {
  std::vector<std::string> names;
  for (const auto& one : range) names.push_back(one.name);
  return names;
}

// Which of these names a text is; throws Error where none.
std::size_t index_of(const std::vector<std::string>& names, const Item& item, const char* what);

}  // namespace gaincell::characterize
