#include "audit/verify.h"

#include <fmt/format.h>

#include <filesystem>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/error.h"
#include "base/json.h"
#include "characterize/circuit/netlist.h"
#include "characterize/results/cache.h"
#include "cli/commands.h"
#include "cli/say.h"

namespace gaincell::cli {
namespace {

constexpr int kMostPoints = 100'000;

struct VerifyOptions {
  std::filesystem::path device;
  int points = 60;
  audit::VerifyOptions verify;
  unsigned jobs = 0;
  std::string cache = characterize::default_cache_folder();
  bool json = false;
};

int run(VerifyOptions o) {
  const lut::DeviceFile device = lut::DeviceFile::read(o.device);
  o.verify.points = static_cast<std::size_t>(o.points);
  characterize::SimulateOptions simulate;
  simulate.pool.worker = characterize::worker_program();
  simulate.pool.workers = o.jobs > 0 ? o.jobs : std::max(1u, std::thread::hardware_concurrency());
  simulate.pool.allow = o.verify.allow;
  simulate.cache = o.cache;
  const auto progress = characterize::text_progress(stderr);
  simulate.progress = progress.get();
  const audit::Verification result = audit::verify(device, o.verify, simulate);
  if (o.json) {
    auto report = result.to_json();
    report["device"] = o.device.string();
    report["seed"] = o.verify.seed;
    report["points"] = o.points;
    fmt::print("{}\n", json_text(report, 2));
  } else {
    say("{}: {} fresh conditions a table, seed {}\n{}", o.device.string(), o.points, o.verify.seed,
        result.brief());
  }
  return result.ok() ? 0 : 1;
}

}  // namespace

Run cmd_verify(Arguments& app) {
  auto o = std::make_shared<VerifyOptions>();
  app.add_option("device", o->device, "device file of `gaincell compile`").required();
  app.add_option("--points", o->points, "conditions to draw for each table")
      .from_to(1, kMostPoints);
  app.add_option("--seed", o->verify.seed, "of the draw");
  app.add_option("--table", o->verify.tables, "only these tables").delimiter(',');
  app.add_option("-j,--jobs", o->jobs, "simulators at a time; 0 = as many as cores");
  app.add_option("--cache", o->cache, "folder with results of earlier simulations");
  app.add_option(
         "--allow", o->verify.allow,
         "what the netlists in the file may do beyond being circuits: control, shell, source, "
         "codemodel, write")
      .one_of(std::vector<std::string>(characterize::kPermissions.begin(),
                                       characterize::kPermissions.end()));
  app.add_flag("--json", o->json, "as JSON");
  app.footer(
      "Simulates from the benches and netlists that the device file itself holds. The conditions "
      "are in "
      "turn\nuniform over a table's range, in one of the intervals between its values (where they "
      "lie dense; twice\nas many), in the bench's working range where it states one, and, of "
      "converters and reads, met by the\nengine on random inputs. Exits with 1 where the largest "
      "error found is more than 1.5\ntimes the one that a table states, or a simulation failed.");
  return [o] { return run(*o); };
}

}  // namespace gaincell::cli
