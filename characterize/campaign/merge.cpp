// The shards of a campaign back into the file of the whole.
#include "characterize/campaign/merge.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <unordered_set>
#include <utility>

#include "base/error.h"
#include "base/files.h"
#include "base/version.h"
#include "characterize/campaign/campaign_plan.h"
#include "characterize/campaign/conclude.h"
#include "characterize/job/protocol.h"
#include "characterize/job/wire.h"
#include "characterize/results/journal.h"

namespace gaincell::characterize {
namespace {

struct ShardFile {
  std::string path;
  ShardHeader header;
  KnownResults results;
};

ShardFile read_shard(const std::string& path) {
  ClosedJournal journal = read_journal(path);
  try {
    return {path, decode_shard_header(journal.header), std::move(journal.results)};
  } catch (const BadBytes&) {
    throw Error({.place = path,
                 .rule = "is the journal of an unsharded run",
                 .remedy = "give the outputs of `gaincell characterize --shard k/n`"});
  }
}

[[noreturn]] void refuse_mixed(const ShardFile& one, const ShardFile& other, const char* what) {
  throw Error({.place = other.path,
               .rule = fmt::format("is of another {} than {}", what, one.path),
               .remedy = "merge the shards of one campaign, made with one program"});
}

// Throws where these are not all shards of one campaign, each once.
void check_complete(const std::vector<ShardFile>& shards) {
  const ShardFile& first = shards.front();
  if (first.header.program_version != kVersion)
    throw Error(
        {.place = first.path,
         .value = first.header.program_version,
         .rule = fmt::format("was made by another version than this program ({})", kVersion),
         .remedy = "merge with the program that made it"});
  std::vector<const ShardFile*> by_index(first.header.shard.count, nullptr);
  for (const ShardFile& shard : shards) {
    if (shard.header.identity != first.header.identity)
      refuse_mixed(first, shard, "program or simulator");
    if (shard.header.shard.count != first.header.shard.count)
      refuse_mixed(first, shard, "number of shards");
    if (shard.header.fingerprint != first.header.fingerprint)
      refuse_mixed(first, shard, "campaign");
    const ShardFile*& place = by_index.at(shard.header.shard.index - 1);
    if (place != nullptr)
      throw Error({.place = shard.path,
                   .rule = fmt::format("is shard {} again, after {}", shard.header.shard.name(),
                                       place->path),
                   .remedy = "give each shard once"});
    place = &shard;
  }
  std::string missing;
  std::size_t lacking = 0;
  constexpr std::size_t kNamed = 20;
  for (std::size_t k = 0; k < by_index.size(); ++k) {
    if (by_index[k] != nullptr) continue;
    if (++lacking <= kNamed) missing += fmt::format("{}{}", missing.empty() ? "" : ", ", k + 1);
  }
  if (lacking > kNamed) missing += fmt::format(" and {} more", lacking - kNamed);
  if (!missing.empty())
    throw Error(
        {.place = "gaincell merge",
         .rule = fmt::format("of {} shards these are missing: {}", by_index.size(), missing),
         .remedy = "run them with --shard k/n, then merge all"});
}

[[noreturn]] void refuse_content(const ShardFile& shard, const char* what) {
  throw Error({.place = shard.path,
               .rule = what,
               .remedy = fmt::format("run --shard {} again", shard.header.shard.name())});
}

void take_results(const ShardFile& shard, CampaignPlan& campaign) {
  std::size_t missing = 0;
  std::unordered_set<std::string_view> taken;
  for (std::uint64_t id = 0; id < campaign.places.size(); ++id) {
    if (!shard.header.shard.has(id)) continue;
    const auto found = shard.results.find(campaign.keys[id]);
    if (found == shard.results.end()) {
      ++missing;
      continue;
    }
    if (!fits(campaign.job(id), found->second))
      refuse_content(shard, "holds a result that is not of its simulation");
    campaign.result(id) = found->second;
    campaign.result(id).id = id;
    taken.insert(found->first);
  }
  if (missing > 0)
    throw Error({.place = shard.path,
                 .rule = fmt::format("lacks {} of its simulations: it is not finished", missing),
                 .remedy = fmt::format("run --shard {} again: it goes on from there",
                                       shard.header.shard.name())});
  if (taken.size() < shard.results.size())
    refuse_content(shard, "holds results of simulations that are not in it");
}

}  // namespace

CampaignReport merge_shards(const std::vector<std::string>& paths,
                            const std::vector<std::string>& benches,
                            const std::filesystem::path& output) {
  std::vector<ShardFile> shards;
  for (const std::string& path : paths) shards.push_back(read_shard(path));
  if (shards.empty()) throw Error({.place = "gaincell merge", .rule = "needs the shards' files"});
  require_output(output);
  check_complete(shards);
  const ShardHeader& header = shards.front().header;
  CampaignPlan campaign = plan_campaign(benches.empty() ? header.benches : benches, header.filters,
                                        header.allow, header.at);
  if (campaign.fingerprint() != header.fingerprint)
    throw Error({.place = shards.front().path,
                 .rule = "its benches, netlists or models are not what they were when it was made",
                 .remedy = "run the shards again, or give the benches as they were with --bench"});
  for (const ShardFile& shard : shards) take_results(shard, campaign);
  CampaignReport report;
  report.simulations = campaign.places.size();
  report.pool.ngspice_version = header.ngspice_version;
  for (const CampaignPlan::Unit& unit : campaign.units) {
    for (const JobResult& result : unit.results) {
      const bool run = result.ok || result.failure.why != JobFailure::Why::kNotRun;
      if (!run) ++report.not_run;
      if (run && !result.ok) ++report.failed_simulations;
    }
  }
  conclude(campaign, output, header.ngspice_version, report);
  return report;
}

}  // namespace gaincell::characterize
