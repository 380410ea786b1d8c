#include "characterize/campaign/check.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "characterize/circuit/netlist.h"
#include "cli/bench_outline.h"
#include "cli/commands.h"
#include "cli/say.h"

namespace gaincell::cli {
namespace {

struct CheckOptions {
  std::vector<std::string> benches;
  std::vector<std::string> filters;
  std::vector<std::string> allow;
  std::size_t probes = 3;
  unsigned jobs = 0;
};

int run(const CheckOptions& options) {
  auto campaign = characterize::plan_campaign(options.benches, options.filters, options.allow);
  print_outline(campaign);
  if (options.probes == 0) return 0;
  characterize::PoolOptions pool;
  pool.allow = options.allow;
  pool.worker = characterize::worker_program();
  pool.workers =
      options.jobs > 0 ? options.jobs : std::max(1u, std::thread::hardware_concurrency());
  const auto probes = characterize::probe(campaign, pool, options.probes);
  double seconds = 0;
  bool failed = false;
  for (std::size_t k = 0; k < probes.size(); ++k) {
    seconds += probes[k].seconds_each *
               static_cast<double>(characterize::outline(campaign.units[k]).simulations);
    std::set<std::string> said;
    for (const std::string& failure : probes[k].failures) {
      failed = true;
      if (said.insert(failure).second) say("  probe failed: {}\n", failure);
    }
  }
  say("about {:.2g} s of one simulator, {:.2g} s with {} (from {} probes a bench)\n", seconds,
      seconds / static_cast<double>(pool.workers), pool.workers, options.probes);
  return failed ? 1 : 0;
}

}  // namespace

Run cmd_check(Arguments& app) {
  auto options = std::make_shared<CheckOptions>();
  app.add_option("bench", options->benches, "bench files").required();
  app.add_option("--filter", options->filters, "only some values of a condition: corner=slow,fast")
      .one_at_a_time();
  app.add_option("--probes", options->probes,
                 "simulations of each bench that are run for the estimate; 0 = none");
  app.add_option("--allow", options->allow,
                 "what netlists may do beyond being circuits, as for characterize")
      .one_of(std::vector<std::string>(characterize::kPermissions.begin(),
                                       characterize::kPermissions.end()));
  app.add_option("-j,--jobs", options->jobs, "simulators at a time; 0 = as many as cores");
  return [options] { return run(*options); };
}

}  // namespace gaincell::cli
