#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "characterize/job/job.h"
#include "characterize/plan/evaluation.h"
#include "characterize/pool/pool.h"

namespace gaincell::characterize {

// Which devices the noise of a `noise` analysis is of, over all its frequencies.
struct NoiseShares {
  struct Share {
    std::string device;  // "m.xdut.m1"
    double rms = 0;      // V, at the output
    double share = 0;    // of the total's square
    std::string part;    // its greatest mechanism, as the simulator's model names it: "1overf"
    double part_share = 0;
  };
  std::string analysis;
  double total_rms = 0;
  std::vector<Share> devices;  // greatest first; those that have none are left out
  std::filesystem::path file;  // all of them as CSV
};

// Runs a `noise` analysis, whose deck keeps the noise of every device, for their shares.
// Nothing where the run fails.
std::optional<NoiseShares> noise_shares(const Evaluation& at, const Job& job, bool aided,
                                        const PoolOptions& pool);

std::string csv(const NoiseShares& shares);
// For people: the greatest, one a line.
std::string brief(const NoiseShares& shares);

}  // namespace gaincell::characterize
