#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "characterize/campaign/noise_shares.h"
#include "characterize/pool/pool.h"

namespace gaincell::characterize {

struct ReplayOptions {
  std::filesystem::path samples;
  std::string bench;                 // may be left out where the file holds one
  std::optional<std::size_t> point;  // its number; or
  std::vector<std::string> at;       // its conditions: points_at()
  std::filesystem::path folder;      // made; default <bench>_point<N> in the working folder
  PoolOptions pool;
};

// One analysis of the point.
struct ReplayedRun {
  std::filesystem::path deck, log, waveforms;
};

struct ReplayReport {
  std::filesystem::path folder;
  std::string point;  // full_name() of it
  std::vector<ReplayedRun> runs;
  std::string command;  // that runs the first of them in plain ngspice
  struct Value {
    std::string name, unit;
    double in_file = 0, now = 0;  // NaN where there is no number
    bool equal() const;           // to the bit, or neither has a number
  };
  std::vector<Value> values;
  std::vector<NoiseShares> noise;  // one a `noise` analysis that ran
  std::string failure;             // why the point has no result now
  bool equal() const;              // all values
};

// Simulates one point of a samples file again, from what the file itself holds (bench and netlist),
// and writes into the folder, for each analysis: the exact deck, the simulator's log, the measured
// signals over their scale as CSV, of `noise` also its devices by their shares; and a `.spiceinit`,
// so that plain `ngspice -b` in that folder gives the same numbers. Throws Error for a point that
// the file does not have, for conditions that several points have, for a bench or netlist in it
// that this program would not run, and for a folder that holds other things.
ReplayReport replay(const ReplayOptions& options);

}  // namespace gaincell::characterize
