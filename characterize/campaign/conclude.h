#pragma once

#include <filesystem>
#include <string>

#include "characterize/campaign/campaign.h"
#include "characterize/campaign/campaign_plan.h"

namespace gaincell::characterize {

// All results are there: writes the samples file, and reports on its benches.
void conclude(CampaignPlan& campaign, const std::filesystem::path& output,
              const std::string& ngspice_version, CampaignReport& report);

}  // namespace gaincell::characterize
