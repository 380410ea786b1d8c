#pragma once

#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "characterize/campaign/simulation.h"
#include "lut/device_file.h"

namespace gaincell::audit {

// A table is believed where the largest error found is at most so many times the one it states.
inline constexpr double kBelieved = 1.5;

struct VerifyOptions {
  std::size_t points = 60;  // a table
  std::uint64_t seed = 1;
  std::vector<std::string> tables;  // of these names; empty = all
  std::vector<std::string> allow;   // what the benches' netlists may do beyond being circuits
};

// A condition, and what the simulator and the table say there.
struct VerifiedPoint {
  std::string drawn;       // where: range, intervals, working or inference
  std::vector<double> at;  // by axis
  double simulated = 0, table = 0;
};

struct VerifiedTable {
  lut::Quantity quantity;
  std::vector<lut::Axis> axes;
  std::string bench;  // that was simulated
  lut::Accuracy stated;
  lut::Accuracy found;
  std::vector<VerifiedPoint> points;
  std::size_t worst = 0;               // of `points`
  std::size_t failed = 0;              // simulations that gave no value
  std::vector<std::string> reasons{};  // of them, each once

  // Largest error found over the one stated; nothing where none is stated.
  std::optional<double> ratio() const;
  bool believed() const;
  std::string verdict() const;
};

// A table that no fresh simulation can be compared with.
struct LeftOut {
  std::string table, reason;
};

struct Verification {
  std::vector<VerifiedTable> tables;
  std::vector<LeftOut> left_out;
  bool ok() const;  // there are tables, and all are believed
  nlohmann::ordered_json to_json() const;
  std::string brief() const;
};

// Draws conditions anew for every table of a device, simulates them from the benches and netlists
// that the file holds, and compares. In turn a condition is uniform over the table's range, in any
// of the intervals between the bench's values (where they lie dense: around zero and the knee),
// in the bench's working range where it states one, and, of a gain-cell device, one that the engine
// meets on random inputs. Throws Error for a device that holds no bench, Interrupted.
Verification verify(const lut::DeviceFile& device, const VerifyOptions& options,
                    const characterize::SimulateOptions& simulate);

}  // namespace gaincell::audit
