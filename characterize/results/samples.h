#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "characterize/plan/plan.h"

namespace gaincell::characterize {

// One bench with the results of all its points.
struct BenchSamples {
  const Bench* bench;
  const Plan* plan;
  std::vector<PointResult> points;
  std::span<const JobResult> results;  // of its jobs
};

// Writes the samples file (characterize/FORMAT.md): whole, or not at all. Nothing in it depends on
// when or in how many processes the simulations ran.
void write_samples(const std::filesystem::path& path, std::span<const BenchSamples> benches,
                   const std::string& ngspice_version);

}  // namespace gaincell::characterize
