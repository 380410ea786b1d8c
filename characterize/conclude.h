#pragma once

#include <filesystem>
#include <string>

#include "base/error.h"
#include "characterize/campaign.h"
#include "characterize/campaign_plan.h"

namespace gaincell::characterize {

// Nothing of a bench worked: no file is written, and what was simulated is of no use.
struct HopelessBench : Error {
  using Error::Error;
};

// Throws HopelessBench where simulations of this bench were run and none gave a result.
void refuse_if_hopeless(const CampaignPlan::Unit& unit);

// All results are there: writes the samples file, and reports on its benches.
void conclude(CampaignPlan& campaign, const std::filesystem::path& output,
              const std::string& ngspice_version, CampaignReport& report);

}  // namespace gaincell::characterize
