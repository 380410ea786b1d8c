#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "lut/device_file.h"

namespace gaincell::lut {

// One number per point.
struct Series {
  Quantity quantity;
  std::vector<double> values;
  std::vector<std::string> words{};  // of a condition of words (corner): `values` number them
  std::optional<double> spec_minimum{}, spec_maximum{};  // limits of a measurement
};

// A condition of several elements, such as a column's stored voltages: row-major, by point.
struct VectorSeries {
  Quantity quantity;
  std::size_t elements = 0;
  std::vector<double> values;
};

// A table that a bench asks for.
struct TableOrder {
  Quantity quantity;
  std::string of;                 // measurement
  std::vector<std::string> over;  // axes, in order
  std::vector<Interpolation> interpolation;
  Limit limit;
};

// A standard deviation over the draws that a bench asks for, or a measurement that is one.
struct SpreadOrder {
  std::string name, of, long_name;
  bool relative = false;   // over the size of the mean
  bool deviation = false;  // the measurement of the only point is the standard deviation
};

// What one bench has simulated.
struct SampledBench {
  std::string name, description;
  std::vector<Axis> axes;  // swept conditions of more than one value, in the order of the bench
  std::vector<std::uint8_t> status;  // by point: 0 simulated, else failed
  std::vector<std::uint8_t>
      hold_out;  // 0 in the tables, 1 kept from them, 2 and in the working range
  std::vector<std::uint32_t> draw{};         // which draw a point is; empty without draws
  std::vector<std::uint8_t> aided{};         // 1: it took the retry options; empty: not said
  std::map<std::string, Series> conditions;  // those with one number per point
  std::map<std::string, VectorSeries> vector_conditions{};
  std::map<std::string, Series> measurements;   // NaN where failed
  std::map<std::size_t, std::string> failures;  // reason by point
  std::vector<TableOrder> tables;
  std::vector<Constant> constants;
  std::vector<SpreadOrder> spreads;
  Provenance provenance;

  std::size_t points() const { return status.size(); }
  std::size_t failed() const;
};

// What becomes of a file without a checksum, or that another program changed.
enum class Unsealed { kWarn, kRefuse };

// What `gaincell characterize` writes. The file is the contract: lut never meets the harness.
struct SamplesFile {
  std::string place;
  std::string program_version, ngspice_version;
  std::vector<SampledBench> benches;

  // Throws Error for a file that is no samples file of this format version, or damaged.
  static SamplesFile read(const std::filesystem::path& path, Unsealed unsealed = Unsealed::kWarn);
};

}  // namespace gaincell::lut
