#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/files.h"
#include "base/json.h"
#include "characterize/campaign/campaign.h"
#include "characterize/campaign/campaign_plan.h"
#include "characterize/circuit/netlist.h"
#include "characterize/results/cache.h"
#include "cli/bench_outline.h"
#include "cli/campaign_run.h"
#include "cli/commands.h"
#include "cli/datasheet_page.h"
#include "cli/program.h"
#include "cli/refinement.h"
#include "cli/say.h"

namespace gaincell::cli {
namespace {

struct CharacterizeOptions {
  CampaignRequest campaign;
  std::string cache = characterize::default_cache_folder();
  std::string datasheet;
  bool dry_run = false;
  bool no_cache = false;
  bool quiet = false;
  bool json = false;
};

std::unique_ptr<characterize::Progress> progress(const CharacterizeOptions& options) {
  if (options.json) return characterize::json_progress(stdout);
  if (options.quiet) return characterize::quiet_progress(stderr);
  return characterize::text_progress(stderr);
}

int run(CharacterizeOptions options) {
  CampaignRequest& campaign = options.campaign;
  if (options.dry_run) {
    print_outline(characterize::plan_campaign(campaign.benches, campaign.filters, campaign.allow,
                                              campaign.at));
    return 0;
  }
  if (!options.datasheet.empty()) {
    for (const std::string& bench : campaign.benches) note_input(bench);
    require_output(options.datasheet);
  }
  const auto watcher = progress(options);
  campaign.worker = characterize::worker_program();
  if (!options.no_cache) campaign.cache = options.cache;
  const auto [report, refinement] = run_campaign(campaign, watcher.get());
  if (options.json) {
    fmt::print("{}\n", report.to_json());
    if (refinement)
      fmt::print("{}\n", json_text(nlohmann::json{{"event", "refined"},
                                                  {"refinement", refinement->to_json()}}));
  } else {
    say("{}", report.brief());
    if (refinement) say("{}", refinement->brief(report.simulations));
    if (!report.interrupted) say("wrote {}\n", campaign.output);
  }
  if (report.interrupted) return kInterrupted;
  if (!report.shard.whole()) return report.ok() ? 0 : 1;
  const bool holds = check_specifications(
      {.samples = campaign.output, .page = options.datasheet, .quiet = options.json});
  return report.ok() && holds ? 0 : 1;
}

}  // namespace

Run cmd_characterize(Arguments& app) {
  auto options = std::make_shared<CharacterizeOptions>();
  CampaignRequest& campaign = options->campaign;
  app.add_option("bench", campaign.benches, "bench files (docs/bench.md)").required();
  app.add_option("-o,--output", campaign.output, "samples file to write, or the shard's file");
  app.add_option("--filter", campaign.filters,
                 "only some values of a condition: corner=slow,fast or temperature=-40..27")
      .one_at_a_time();
  app.add_option("--at", campaign.at,
                 "fixed conditions at other values than the benches' own: corner=slow,v_dd=0.81")
      .delimiter(',');
  app.add_option("--datasheet", options->datasheet, "Markdown page of the results to write");
  app.add_flag("--dry-run", options->dry_run, "say what would run, and run nothing");
  app.add_option("-j,--jobs", campaign.jobs, "simulators at a time; 0 = as many as cores");
  app.add_option("--memory", campaign.memory_mib, "limit of one simulator in MiB")
      .from_to(32, 1 << 20);
  app.add_option("--shard", campaign.shard, "k/n: every n-th simulation, for `gaincell merge`");
  app.add_option("--cache", options->cache, "folder with results of earlier simulations");
  app.add_flag("--no-cache", options->no_cache, "simulate everything");
  app.add_option(
         "--allow", campaign.allow,
         "what netlists may do beyond being circuits: control, shell, source, codemodel, write")
      .one_of(std::vector<std::string>(characterize::kPermissions.begin(),
                                       characterize::kPermissions.end()));
  app.add_flag("--refine", campaign.refine, kRefineHelp);
  app.add_flag("--fresh", campaign.fresh, "do not go on from the journal of an interrupted run");
  app.add_flag("-q,--quiet", options->quiet, "no progress, warnings alone");
  app.add_flag("--keep-going", campaign.keep_going,
               "run all of a bench, also where none of its first simulations works");
  app.add_flag("--json", options->json, "events and report, one JSON object a line");
  return [options] { return run(*options); };
}

}  // namespace gaincell::cli
