#pragma once

#include <filesystem>
#include <stdexcept>
#include <vector>

#include "characterize/campaign/progress.h"
#include "characterize/plan/plan.h"
#include "characterize/pool/pool.h"

namespace gaincell::characterize {

struct SimulateOptions {
  PoolOptions pool;
  std::filesystem::path cache{};  // folder of earlier results, also of an interrupted run
  Progress* progress = nullptr;
};

// SIGINT or SIGTERM ended a run that can go on: simulate(), whose results are in the cache, or what
// says otherwise.
struct Interrupted : std::runtime_error {
  explicit Interrupted(const char* what = "stopped; the same command goes on from its cache")
      : std::runtime_error(what) {}
};

// A plan through the pool, without journal or file: the results of its points, in order. Throws
// Interrupted.
std::vector<PointResult> simulate(const Bench& bench, const Plan& plan,
                                  const SimulateOptions& options);

}  // namespace gaincell::characterize
