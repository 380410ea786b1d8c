#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "characterize/campaign/campaign.h"
#include "cli/refinement.h"

namespace gaincell::cli {

// A campaign as a user asks for it: by `gaincell characterize` or from Python.
struct CampaignRequest {
  std::vector<std::string> benches;
  std::vector<std::string> filters;
  std::vector<std::string> at;
  std::string output = "samples.h5";
  unsigned jobs = 0;  // simulators at a time; 0 = as many as cores
  std::size_t memory_mib = 4096;
  std::string shard = "1/1";
  std::filesystem::path cache;  // empty = none
  std::vector<std::string> allow;
  bool fresh = false;
  bool keep_going = false;
  bool refine = false;
  std::filesystem::path worker;  // the program
};

struct CampaignOutcome {
  characterize::CampaignReport report;
  std::optional<Refinement> refinement;  // where it was asked for
};

// Runs it; with `refine` again and again, with more values of the axes, as long as that brings a
// table to its limit. Throws Error for wrong input.
CampaignOutcome run_campaign(const CampaignRequest& request, characterize::Progress* progress);

}  // namespace gaincell::cli
