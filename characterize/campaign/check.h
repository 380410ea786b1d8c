#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "characterize/campaign/campaign_plan.h"
#include "characterize/pool/pool.h"

namespace gaincell::characterize {

// What a bench would run.
struct BenchOutline {
  std::string name, path;
  std::size_t points = 0, holdout = 0, draws = 1;
  std::size_t simulations = 0;
  bool at_most = false;               // so many, as those of a search follow from one another
  std::size_t deck_bytes = 0;         // of one simulation, models included
  std::vector<std::string> axes;      // "v_store: 19 values, 0 ... 0.9 V"
  std::vector<std::string> warnings;  // what is allowed and probably not meant
};
BenchOutline outline(const CampaignPlan::Unit& unit);

// Some points of each bench, run to see whether they have results and how fast they go.
struct Probe {
  std::size_t simulations = 0;
  double seconds_each = 0;            // of the simulator, mean
  std::vector<std::string> failures;  // of simulations and measurements: bench, point, reason
};
// The simulations of `count` points of each bench, spread over it. One entry a bench; the results
// go into the campaign.
std::vector<Probe> probe(CampaignPlan& campaign, const PoolOptions& pool, std::size_t count);

}  // namespace gaincell::characterize
