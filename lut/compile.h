#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "lut/device_file.h"
#include "lut/samples_file.h"

namespace gaincell::lut {

struct CompileOptions {
  // How many missing points a report spells out for each table.
  std::size_t listed_points = 8;
};

// What happened to one table.
struct TableReport {
  std::string name, unit, bench;
  std::size_t nodes = 0;
  Accuracy accuracy{};
  Accuracy working{};  // in the bench's working range
  Limit limit{};
  std::size_t hold_out_failed = 0;  // hold-out simulations that gave no value
  std::string worst{};              // coordinates of the largest error, with simulation and table
  std::vector<std::string> problems{};  // why it is no good; empty: it stands
  std::vector<std::string> notes{};     // what a reader should know, though it stands
};

// What happened to one standard deviation over draws: constant `spread_<name>`.
struct SpreadReport {
  std::string name, unit, bench;
  std::size_t draws = 0, failed = 0;  // failed ones count in nothing; no draws: measured as such
  double mean = 0, value = 0;
  std::vector<std::string> problems{};  // why there is no constant
};

struct CompileReport {
  std::vector<TableReport> tables;
  std::vector<SpreadReport> spreads;
  bool ok() const;
  // For people: one aligned line a table, then problems and notes.
  std::string brief() const;
  nlohmann::json to_json() const;
};

struct Compiled {
  DeviceFile device;  // holds what stands even where the report is not ok()
  CompileReport report;
};

// Makes tables of samples, and measures each against the hold-out simulations, which no table sees.
//
// A table stands if every node has a value, its limits hold, and hold-out points are there wherever
// a limit is. cell_retention is not sampled but integrated from cell_leakage_current and
// cell_storage_capacitance (retention.h); a bench table of that name is then hold-out altogether.
// A bench's spreads become constants `spread_<name>`: the standard deviation (n - 1) of a
// measurement over the draws that gave a value, of which there must be two or more; relative ones
// are divided by the size of the mean. A deviation that was measured as such is of the only point.
// Throws Error where two benches give one name different
// meanings, or a request makes no table.
Compiled compile(const std::vector<SamplesFile>& files, const CompileOptions& options = {});

}  // namespace gaincell::lut
