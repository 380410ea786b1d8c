#include "cli/campaign_run.h"

#include <fmt/format.h>

#include <algorithm>
#include <thread>
#include <utility>

#include "base/error.h"
#include "characterize/campaign/campaign_plan.h"
#include "lut/compile.h"
#include "lut/samples_file.h"

namespace gaincell::cli {
namespace {

std::optional<Refinement> refinement_of(const CampaignRequest& request) {
  if (!request.refine) return std::nullopt;
  const bool whole = characterize::parse_shard(request.shard).whole();
  if (!whole || !request.filters.empty())
    throw Error({.place = "--refine",
                 .rule = fmt::format("goes by the whole bench, and {} takes a part of it",
                                     whole ? "--filter" : "--shard"),
                 .remedy = "leave one of them out"});
  return Refinement(
      characterize::plan_campaign(request.benches, request.filters, request.allow, request.at));
}

characterize::CampaignOptions options_of(const CampaignRequest& request,
                                         characterize::Progress* progress) {
  characterize::CampaignOptions campaign;
  campaign.benches = request.benches;
  campaign.filters = request.filters;
  campaign.at = request.at;
  campaign.output = request.output;
  campaign.pool.worker = request.worker;
  campaign.pool.workers =
      request.jobs > 0 ? request.jobs : std::max(1u, std::thread::hardware_concurrency());
  campaign.pool.memory_bytes = request.memory_mib << 20;
  campaign.pool.allow = request.allow;
  campaign.resume = !request.fresh;
  campaign.keep_going = request.keep_going;
  campaign.cache = request.cache;
  campaign.shard = characterize::parse_shard(request.shard);
  campaign.progress = progress;
  return campaign;
}

}  // namespace

CampaignOutcome run_campaign(const CampaignRequest& request, characterize::Progress* progress) {
  characterize::CampaignOptions campaign = options_of(request, progress);
  std::optional<Refinement> refinement = refinement_of(request);
  if (!refinement) return {characterize::characterize(campaign), std::nullopt};
  for (;;) {
    campaign.axis_values = refinement->axes();
    auto report = characterize::characterize(campaign);
    if (report.interrupted ||
        !refinement->add(lut::compile({lut::SamplesFile::read(campaign.output)})))
      return {std::move(report), std::move(refinement)};
  }
}

}  // namespace gaincell::cli
