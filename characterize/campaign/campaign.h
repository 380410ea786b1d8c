#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "characterize/campaign/progress.h"
#include "characterize/plan/plan.h"
#include "characterize/pool/pool.h"
#include "characterize/results/shard.h"

namespace gaincell::characterize {

struct CampaignOptions {
  std::vector<std::string> benches;
  std::vector<std::string> filters;     // which points: BenchOptions
  std::vector<std::string> at;          // and what is fixed where: BenchOptions
  std::vector<AddedNode> added_nodes;   // BenchOptions; not for shards
  std::vector<AxisValues> axis_values;  // BenchOptions; not for shards
  std::filesystem::path output;
  PoolOptions pool;
  bool resume = true;            // use an earlier journal of this output
  bool keep_going = false;       // run also what is left of a bench of which nothing has worked
  std::filesystem::path cache;   // folder of earlier results; empty = none
  Shard shard;                   // the output is a shard's file, unless it is the whole
  Progress* progress = nullptr;  // who is told, if anyone
};

struct BenchReport {
  std::string name;
  std::size_t points = 0;
  std::size_t holdout = 0;
  std::size_t simulations = 0;
  std::size_t failed_points = 0;
  std::size_t aided_points = 0;
  struct Failure {
    std::size_t points = 0;
    std::size_t first = 0;   // number of the first of them
    std::string first_name;  // full_name() of it
  };
  std::map<std::string, Failure> failures;  // of points, by reason
};

struct CampaignReport {
  std::vector<BenchReport> benches;  // none for a shard
  PoolReport pool;
  Shard shard;
  std::size_t simulations = 0;  // of this shard
  std::size_t failed_simulations = 0;
  std::size_t not_run = 0;       // of benches that were given up
  std::size_t from_journal = 0;  // of an interrupted run
  std::size_t from_cache = 0;
  std::vector<std::string> notes;  // what a user should know that is no failure
  bool interrupted = false;        // by SIGINT or SIGTERM; the journal stays
  bool ok() const;                 // every point measured
  std::string brief() const;       // some lines for people
  std::string to_json() const;     // the event `end`, one line: docs/campaigns.md
};

// Benches in, samples file out; or one shard of it. Simulations that fail, and results that have no
// number, stand in the file with their reason, be it all of them. Where none of a bench's first
// simulations (8, spread over it) works, the rest of that bench is not run and recorded so; the
// journal then stays, for a run with `keep_going`. Throws Error for wrong input.
CampaignReport characterize(const CampaignOptions& options);

}  // namespace gaincell::characterize
