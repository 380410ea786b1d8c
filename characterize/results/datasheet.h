#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "characterize/bench/bench.h"

namespace gaincell::characterize {

// What a samples file says of its measurements: their range over all points but the hold-out
// points, and whether the bench's specification holds.
struct DatasheetRow {
  std::string name, unit, description;
  std::size_t points = 0;  // with a number
  std::size_t failed = 0;  // without one
  double minimum = 0, median = 0, maximum = 0;
  std::string minimum_at, maximum_at;  // "point 7 (corner=slow v_dd=900mV)", the first that has it
  std::string failed_at;               // the first without a number
  // Over the draws; of several points with draws, the greatest sigma and the mean beside it.
  std::optional<double> mean, sigma;
  std::string sigma_at;
  Spec spec;
  bool specified = false;

  // Names what does not hold: "maximum 3 V > 2 V"; empty where all does. A point without a number
  // meets no specification.
  std::vector<std::string> misses() const;
  std::string limit() const;   // ">= 1 V, <= 3 V"
  std::string status() const;  // "pass", "fail"; "" without a specification
};

struct DatasheetCondition {
  std::string name, unit, description;
  std::string values;  // for people: "0 V ... 900 mV (19 values)", "slow, fast", "27 degC"
  // In full; of a condition of words these, by their numbers. Empty where it is drawn.
  std::vector<double> numbers;
  std::vector<std::string> words;
};

struct BenchDatasheet {
  std::string name, description;
  std::size_t draws = 1;
  std::vector<DatasheetCondition> conditions;
  std::vector<DatasheetRow> rows;
};

struct Datasheet {
  std::string ngspice_version;
  std::vector<BenchDatasheet> benches;
  // "bench.measurement: maximum 3 V > 2 V", one a specification that is missed.
  std::vector<std::string> misses() const;
};

// Throws Error where it is no samples file.
Datasheet read_datasheet(const std::filesystem::path& samples);

}  // namespace gaincell::characterize
