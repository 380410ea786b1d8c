#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "characterize/campaign/campaign.h"

namespace gaincell::characterize {

// The shards of one campaign in, its samples file out: the bytes that an unsharded run writes. The
// benches are read again: from `benches`, or where that is empty, from where they were. Throws
// Error for shards that are missing, unfinished or of different campaigns.
CampaignReport merge_shards(const std::vector<std::string>& shards,
                            const std::vector<std::string>& benches,
                            const std::filesystem::path& output);

}  // namespace gaincell::characterize
