#include <fmt/format.h>

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/error.h"
#include "characterize/campaign.h"
#include "cli/commands.h"

namespace gaincell::cli {
namespace {

struct Options {
  std::vector<std::string> benches;
  std::string output = "samples.h5";
  unsigned jobs = 0;
  bool fresh = false;
  bool quiet = false;
};

int run(const Options& options) {
  characterize::CampaignOptions campaign;
  campaign.benches = options.benches;
  campaign.output = options.output;
  campaign.pool.worker = characterize::worker_program();
  campaign.pool.workers =
      options.jobs > 0 ? options.jobs : std::max(1u, std::thread::hardware_concurrency());
  campaign.resume = !options.fresh;
  campaign.progress = options.quiet ? nullptr : stderr;
  const auto report = characterize::characterize(campaign);
  fmt::print("{}", report.brief());
  if (report.interrupted) return 130;
  fmt::print("wrote {}\n", options.output);
  return report.ok() ? 0 : 1;
}

}  // namespace

Run cmd_characterize(CLI::App& app) {
  auto options = std::make_shared<Options>();
  app.add_option("bench", options->benches, "bench files (docs/bench.md)")->required();
  app.add_option("-o,--output", options->output, "samples file to write");
  app.add_option("-j,--jobs", options->jobs, "simulators at a time; 0 = as many as cores");
  app.add_flag("--fresh", options->fresh, "do not go on from the journal of an interrupted run");
  app.add_flag("-q,--quiet", options->quiet, "no progress");
  return [options] { return run(*options); };
}

}  // namespace gaincell::cli
