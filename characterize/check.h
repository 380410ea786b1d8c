#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "characterize/campaign_plan.h"
#include "characterize/pool.h"

namespace gaincell::characterize {

// What a bench would run.
struct BenchOutline {
  std::string name, path;
  std::size_t points = 0, holdout = 0, draws = 1;
  std::size_t simulations = 0;
  std::size_t deck_bytes = 0;         // of one simulation, models included
  std::vector<std::string> axes;      // "v_store: 19 values, 0 ... 0.9 V"
  std::vector<std::string> warnings;  // what is allowed and probably not meant
};
BenchOutline outline(const CampaignPlan::Unit& unit);

// Some simulations of each bench, run to see whether and how fast they go.
struct Probe {
  std::size_t simulations = 0;
  double seconds_each = 0;            // of the simulator, mean
  std::vector<std::string> failures;  // with the bench's name
};
// `count` of a bench's jobs, spread over its points. Adds one entry a bench.
std::vector<Probe> probe(CampaignPlan& campaign, const PoolOptions& pool, std::size_t count);

}  // namespace gaincell::characterize
