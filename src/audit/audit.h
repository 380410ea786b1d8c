#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "attention/circuit.h"
#include "audit/array_bench.h"
#include "audit/column_case.h"
#include "audit/deviation.h"
#include "audit/replay.h"

namespace gaincell::audit {

// One column at all three levels. Pulses in s; signed in the second stage.
struct Compared {
  Place place;
  bool ok = false;     // SPICE gave a pulse
  std::string reason;  // where not
  double spice_s = 0, column_s = 0, fast_s = 0;
  double alone_s = 0;  // in SPICE, where spice_s is of the whole array
};

// A set of columns beside each other, each level given the same stored voltages and pulses.
struct Comparison {
  std::vector<ColumnCase> cases;
  std::vector<Compared> columns;
  std::size_t failed() const;
  Deviation of(double Compared::*level, double unit_s) const;
  // Share of the counts that differ from SPICE's once the counter has rounded: it has `levels`
  // levels over -full_scale_s .. full_scale_s.
  double counts_that_differ(double Compared::*level, double full_scale_s, int levels) const;
  // Indices into columns, worst first.
  std::vector<std::size_t> worst(double Compared::*level, std::size_t n) const;
};

// Whole sub-tiles, the second array read by the pulses that each level itself got from the first.
struct Audit {
  std::string title;
  double t_max_s = 0, full_scale_s = 0;
  int output_levels = 0;
  Comparison first, second;
  Comparison tile_first, tile_second;    // of chained sub-tiles
  bool written_cells = false;            // of `first`: written in SPICE too, not set
  bool whole_arrays = false;             // of chained sub-tiles: simulated with all they share
  std::vector<std::string> worst_decks;  // of the worst column of first and second

  double lsb_s() const { return 2 * full_scale_s / (output_levels - 1); }
  nlohmann::ordered_json to_json() const;
  std::string brief() const;
  void write(const std::filesystem::path& path, const std::string& settings) const;

 private:
  // Both stages, of the drawn columns where there are some.
  std::pair<const Comparison*, const Comparison*> shown() const;
};

// The column benches of both stages; of the first also the one that writes its cells, where there
// is one. Whole sub-tiles are simulated with cells that are set: column by column, or as arrays
// where there are benches of such.
struct ColumnBenches {
  ColumnBench first, second;
  std::optional<ColumnBench> first_written;
  std::optional<ArrayBench> first_array, second_array;
};

// Replays the recorded columns. Throws Error where not one of a stage ran.
Audit replay(const Cases& cases, const attention::Circuit& circuit, ColumnBenches& benches,
             const characterize::SimulateOptions& options);

}  // namespace gaincell::audit
