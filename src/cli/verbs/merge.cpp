#include "characterize/campaign/merge.h"

#include <fmt/format.h>

#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "cli/commands.h"
#include "cli/datasheet_page.h"
#include "cli/say.h"
#include "sweep/sweep.h"

namespace gaincell::cli {
namespace {

struct MergeOptions {
  std::vector<std::string> shards;
  std::vector<std::string> benches;
  std::string output = "samples.h5";
};

int merge_study(const MergeOptions& options) {
  if (!options.benches.empty())
    throw Error({.place = "--bench",
                 .rule = "is of campaigns; the shards of a study need no other file",
                 .remedy = "drop it"});
  const sweep::SweepReport report = sweep::merge_studies(options.shards, options.output);
  say("{}wrote {}\n", report.brief(), options.output);
  return report.ok() ? 0 : 1;
}

int merge(const MergeOptions& options) {
  if (sweep::is_study_shard(options.shards.front())) return merge_study(options);
  const auto report = characterize::merge_shards(options.shards, options.benches, options.output);
  say("{}wrote {}\n", report.brief(), options.output);
  const bool holds = check_specifications({.samples = options.output, .page = {}});
  return report.ok() && holds ? 0 : 1;
}

}  // namespace

Run cmd_merge(Arguments& app) {
  auto options = std::make_shared<MergeOptions>();
  app.add_option("shard", options->shards,
                 "outputs of `gaincell characterize --shard k/n` or of `gaincell sweep`, all n")
      .required();
  app.add_option("-o,--output", options->output, "samples or study file to write");
  app.add_option("--bench", options->benches,
                 "the campaign's benches in their order, where they have moved since");
  return [options] { return merge(*options); };
}

}  // namespace gaincell::cli
