#include "sweep/sweep.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <string>
#include <thread>

#include "base/files.h"
#include "characterize/campaign/progress.h"
#include "characterize/results/shard.h"
#include "cli/commands.h"
#include "cli/program.h"
#include "cli/say.h"
#include "cli/sweep_run.h"
#include "sweep/study.h"

namespace gaincell::cli {
namespace {

struct SweepVerb {
  std::string study;
  std::string output = "study.h5";
  std::string shard = "1/1";
  int jobs = 1;
  bool fresh = false, dry_run = false, quiet = false, json = false;
};

std::unique_ptr<characterize::Progress> progress(const SweepVerb& o) {
  if (o.json) return characterize::json_progress(stdout);
  if (o.quiet) return characterize::quiet_progress(stderr);
  return characterize::text_progress(stderr);
}

void say_plan(const sweep::StudyPlan& plan) {
  say("{}: {} points, {} runs ({})\n", plan.name, plan.points.size(), plan.runs(), plan.design);
  for (std::size_t run = 0; run < plan.runs(); ++run) {
    if (!plan.adaptations.empty() && run % plan.seed_count() == 0)
      say("{}\n", plan.adaptations[plan.point_of(run)]);
    say("{}\n", plan.commands[run]);
  }
}

int run_sweep(const SweepVerb& o) {
  const characterize::Shard shard = characterize::parse_shard(o.shard);
  const sweep::Study study = sweep::read_study(o.study);
  if (!o.dry_run) require_output(o.output);
  const int cores = std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
  StudyRunner runner(study, std::max(1, cores / o.jobs));
  if (o.dry_run) {
    say_plan(runner.plan());
    return 0;
  }
  const auto watcher = progress(o);
  const sweep::SweepReport report = sweep::run_study(
      runner.plan(), {.output = o.output,
                      .shard = shard,
                      .jobs = static_cast<unsigned>(o.jobs),
                      .resume = !o.fresh,
                      .progress = watcher.get(),
                      .evaluate = [&](std::size_t run, const std::function<void()>& tick) {
                        return runner.evaluate(run, tick);
                      }});
  if (o.json)
    fmt::print("{}\n", report.to_json());
  else
    say("{}{}", report.brief(), report.interrupted ? "" : fmt::format("wrote {}\n", o.output));
  if (report.interrupted) return kInterrupted;
  return report.ok() ? 0 : 1;
}

}  // namespace

Run cmd_sweep(Arguments& app) {
  auto o = std::make_shared<SweepVerb>();
  app.add_option("study", o->study, "study file (docs/sweep.md)").required();
  app.add_option("-o,--output", o->output, "study file to write, or the shard's file");
  app.add_option("--shard", o->shard, "k/n: every n-th run, for `gaincell merge`");
  app.add_option("-j,--jobs", o->jobs, "runs side by side; they share the cores").from_to(1, 1024);
  app.add_flag("--dry-run", o->dry_run, "say each run's own command, and run nothing");
  app.add_flag("--fresh", o->fresh, "do not go on from the journal of an interrupted run");
  app.add_flag("-q,--quiet", o->quiet, "no progress, warnings alone");
  app.add_flag("--json", o->json, "events and report, one JSON object a line");
  return [o] { return run_sweep(*o); };
}

}  // namespace gaincell::cli
