#pragma once

#include "characterize/campaign/campaign_plan.h"

namespace gaincell::cli {

// Prints what a campaign would run, with its warnings.
void print_outline(const characterize::CampaignPlan& campaign);

}  // namespace gaincell::cli
