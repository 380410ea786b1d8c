#include "characterize/campaign/merge.h"

#include <fmt/format.h>

#include <memory>
#include <string>
#include <vector>

#include "cli/commands.h"
#include "cli/datasheet_page.h"
#include "cli/say.h"

namespace gaincell::cli {
namespace {

struct MergeOptions {
  std::vector<std::string> shards;
  std::vector<std::string> benches;
  std::string output = "samples.h5";
};

int merge(const MergeOptions& options) {
  const auto report = characterize::merge_shards(options.shards, options.benches, options.output);
  say("{}wrote {}\n", report.brief(), options.output);
  const bool holds = check_specifications({.samples = options.output, .page = {}});
  return report.ok() && holds ? 0 : 1;
}

}  // namespace

Run cmd_merge(Arguments& app) {
  auto options = std::make_shared<MergeOptions>();
  app.add_option("shard", options->shards, "outputs of `gaincell characterize --shard k/n`, all n")
      .required();
  app.add_option("-o,--output", options->output, "samples file to write");
  app.add_option("--bench", options->benches,
                 "the campaign's benches in their order, where they have moved since");
  return [options] { return merge(*options); };
}

}  // namespace gaincell::cli
