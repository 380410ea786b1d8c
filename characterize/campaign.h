#pragma once

#include <cstdio>
#include <filesystem>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "characterize/plan.h"
#include "characterize/pool.h"
#include "characterize/samples.h"

namespace gaincell::characterize {

struct CampaignOptions {
  std::vector<std::string> benches;
  std::filesystem::path output;
  PoolOptions pool;
  bool resume = true;             // use an earlier journal of this output
  std::FILE* progress = nullptr;  // where to draw, if anywhere
};

struct BenchReport {
  std::string name;
  std::size_t points = 0;
  std::size_t holdout = 0;
  std::size_t simulations = 0;
  std::size_t failed_points = 0;
  std::size_t aided_points = 0;
  std::map<std::string, std::size_t> reasons;  // of failed points
};

struct CampaignReport {
  std::vector<BenchReport> benches;
  PoolReport pool;
  std::size_t simulations = 0;
  std::size_t from_journal = 0;  // of an interrupted run
  bool interrupted = false;      // by SIGINT or SIGTERM; the journal stays
  bool ok() const;               // every point measured
  std::string brief() const;     // some lines for people
};

// Benches in, samples file out. Throws Error for wrong input, and where a bench has not one good
// point: then nothing is written.
CampaignReport characterize(const CampaignOptions& options);

// The same for points from elsewhere, without journal or file: their results in order.
std::vector<PointResult> simulate(Bench& bench, const Plan& plan, const PoolOptions& pool,
                                  std::FILE* progress = nullptr);

}  // namespace gaincell::characterize
