#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/error.h"
#include "base/files.h"
#include "base/json.h"
#include "characterize/campaign/campaign.h"
#include "characterize/campaign/campaign_plan.h"
#include "characterize/circuit/netlist.h"
#include "characterize/results/cache.h"
#include "cli/bench_outline.h"
#include "cli/commands.h"
#include "cli/datasheet_page.h"
#include "cli/program.h"
#include "cli/refinement.h"
#include "cli/say.h"
#include "lut/compile.h"
#include "lut/samples_file.h"

namespace gaincell::cli {
namespace {

struct CharacterizeOptions {
  std::vector<std::string> benches;
  std::vector<std::string> filters;
  std::vector<std::string> at;
  std::string output = "samples.h5";
  std::string datasheet;
  bool dry_run = false;
  unsigned jobs = 0;
  std::size_t memory_mib = 4096;
  std::string shard = "1/1";
  std::string cache = characterize::default_cache_folder();
  bool no_cache = false;
  std::vector<std::string> allow;
  bool fresh = false;
  bool keep_going = false;
  bool refine = false;
  bool quiet = false;
  bool json = false;
};

std::unique_ptr<characterize::Progress> progress(const CharacterizeOptions& options) {
  if (options.json) return characterize::json_progress(stdout);
  if (options.quiet) return characterize::quiet_progress(stderr);
  return characterize::text_progress(stderr);
}

std::optional<Refinement> refinement_of(const CharacterizeOptions& options) {
  if (!options.refine) return std::nullopt;
  const bool whole = characterize::parse_shard(options.shard).whole();
  if (!whole || !options.filters.empty())
    throw Error({.place = "--refine",
                 .rule = fmt::format("goes by the whole bench, and {} takes a part of it",
                                     whole ? "--filter" : "--shard"),
                 .remedy = "leave one of them out"});
  return Refinement(
      characterize::plan_campaign(options.benches, options.filters, options.allow, options.at));
}

// Once, or with more values as long as that brings a table to its limit.
characterize::CampaignReport run_campaign(characterize::CampaignOptions campaign,
                                          std::optional<Refinement>& refinement) {
  if (!refinement) return characterize::characterize(campaign);
  for (;;) {
    campaign.axis_values = refinement->axes();
    auto report = characterize::characterize(campaign);
    if (report.interrupted ||
        !refinement->add(lut::compile({lut::SamplesFile::read(campaign.output)})))
      return report;
  }
}

int run(const CharacterizeOptions& options) {
  if (options.dry_run) {
    print_outline(
        characterize::plan_campaign(options.benches, options.filters, options.allow, options.at));
    return 0;
  }
  if (!options.datasheet.empty()) {
    for (const std::string& bench : options.benches) note_input(bench);
    require_output(options.datasheet);
  }
  const auto watcher = progress(options);
  characterize::CampaignOptions campaign;
  campaign.benches = options.benches;
  campaign.filters = options.filters;
  campaign.at = options.at;
  campaign.output = options.output;
  campaign.pool.worker = characterize::worker_program();
  campaign.pool.workers =
      options.jobs > 0 ? options.jobs : std::max(1u, std::thread::hardware_concurrency());
  campaign.pool.memory_bytes = options.memory_mib << 20;
  campaign.pool.allow = options.allow;
  campaign.resume = !options.fresh;
  campaign.keep_going = options.keep_going;
  if (!options.no_cache) campaign.cache = options.cache;
  campaign.shard = characterize::parse_shard(options.shard);
  campaign.progress = watcher.get();
  std::optional<Refinement> refinement = refinement_of(options);
  const auto report = run_campaign(campaign, refinement);
  if (options.json) {
    fmt::print("{}\n", report.to_json());
    if (refinement)
      fmt::print("{}\n", json_text(nlohmann::json{{"event", "refined"},
                                                  {"refinement", refinement->to_json()}}));
  } else {
    say("{}", report.brief());
    if (refinement) say("{}", refinement->brief(report.simulations));
    if (!report.interrupted) say("wrote {}\n", options.output);
  }
  if (report.interrupted) return kInterrupted;
  if (!campaign.shard.whole()) return report.ok() ? 0 : 1;
  const bool holds = check_specifications(
      {.samples = options.output, .page = options.datasheet, .quiet = options.json});
  return report.ok() && holds ? 0 : 1;
}

}  // namespace

Run cmd_characterize(Arguments& app) {
  auto options = std::make_shared<CharacterizeOptions>();
  app.add_option("bench", options->benches, "bench files (docs/bench.md)").required();
  app.add_option("-o,--output", options->output, "samples file to write, or the shard's file");
  app.add_option("--filter", options->filters,
                 "only some values of a condition: corner=slow,fast or temperature=-40..27")
      .one_at_a_time();
  app.add_option("--at", options->at,
                 "fixed conditions at other values than the benches' own: corner=slow,v_dd=0.81")
      .delimiter(',');
  app.add_option("--datasheet", options->datasheet, "Markdown page of the results to write");
  app.add_flag("--dry-run", options->dry_run, "say what would run, and run nothing");
  app.add_option("-j,--jobs", options->jobs, "simulators at a time; 0 = as many as cores");
  app.add_option("--memory", options->memory_mib, "limit of one simulator in MiB")
      .from_to(32, 1 << 20);
  app.add_option("--shard", options->shard, "k/n: every n-th simulation, for `gaincell merge`");
  app.add_option("--cache", options->cache, "folder with results of earlier simulations");
  app.add_flag("--no-cache", options->no_cache, "simulate everything");
  app.add_option(
         "--allow", options->allow,
         "what netlists may do beyond being circuits: control, shell, source, codemodel, write")
      .one_of(std::vector<std::string>(characterize::kPermissions.begin(),
                                       characterize::kPermissions.end()));
  app.add_flag("--refine", options->refine, kRefineHelp);
  app.add_flag("--fresh", options->fresh, "do not go on from the journal of an interrupted run");
  app.add_flag("-q,--quiet", options->quiet, "no progress, warnings alone");
  app.add_flag("--keep-going", options->keep_going,
               "run all of a bench, also where none of its first simulations works");
  app.add_flag("--json", options->json, "events and report, one JSON object a line");
  return [options] { return run(*options); };
}

}  // namespace gaincell::cli
