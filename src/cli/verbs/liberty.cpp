#include "liberty/liberty.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "base/json.h"
#include "base/process.h"
#include "characterize/campaign/progress.h"
#include "characterize/results/cache.h"
#include "cli/commands.h"
#include "cli/program.h"
#include "cli/say.h"

namespace gaincell::cli {
namespace {

struct VerbOptions {
  std::string library;
  std::vector<std::string> at;
  std::filesystem::path output;
  unsigned jobs = 0;
  std::string cache = characterize::default_cache_folder();
  bool no_cache = false;
  bool quiet = false;
  bool json = false;
};

// What the tables may be off at hold-out points.
constexpr double kMostAt95 = 0.02, kMost = 0.05;

bool holds(const liberty::TableErrors::One& one) {
  return one.p95 <= kMostAt95 && one.max <= kMost;
}

bool holds(const liberty::TableErrors& errors) {
  return holds(errors.delay) && holds(errors.transition) && holds(errors.energy);
}

nlohmann::json error_json(const liberty::TableErrors::One& one) {
  return {{"points", one.points},
          {"within_95_percent", one.p95},
          {"max", one.max},
          {"worst", one.worst}};
}

nlohmann::json report_json(const liberty::LibertyReport& report, const VerbOptions& o) {
  nlohmann::json at = {{"temperature", report.conditions.temperature_degc},
                       {"v_dd", report.conditions.v_dd}};
  if (!report.conditions.corner.empty()) at["corner"] = report.conditions.corner;
  if (!report.conditions.flavour.empty()) at["flavour"] = report.conditions.flavour;
  return {{"ok", report.written && holds(report.errors)},
          {"output", report.written ? nlohmann::json(o.output.string()) : nlohmann::json()},
          {"samples", report.samples.string()},
          {"benches", report.benches.string()},
          {"at", at},
          {"cells", report.cells},
          {"arcs", report.arcs},
          {"simulations", report.simulations},
          {"failed_simulations", report.failed},
          {"from_cache", report.from_cache},
          {"from_journal", report.from_journal},
          {"holdout",
           {{"delay", error_json(report.errors.delay)},
            {"slew", error_json(report.errors.transition)},
            {"energy", error_json(report.errors.energy)}}},
          {"reasons", report.reasons}};
}

void say_error(const char* what, const liberty::TableErrors::One& one) {
  say("  {:<7}{} hold-out points: 95 % within {:.2f} %, largest {:.2f} %{}\n", what, one.points,
      one.p95 * 100, one.max * 100,
      holds(one) ? "" : fmt::format(", of {}: above the limit", one.worst));
}

void say_report(const liberty::LibertyReport& report, const VerbOptions& o) {
  say("{} cells, {} arcs, {} simulations", report.cells, report.arcs, report.simulations);
  if (report.from_cache > 0) say(", {} from the cache", report.from_cache);
  if (report.from_journal > 0) say(", {} from an interrupted run", report.from_journal);
  say("\n");
  for (const std::string& reason : report.reasons) say("  {}\n", reason);
  if (!report.written) {
    say("  {} not written; the samples are in {}\n", o.output.string(), report.samples.string());
    return;
  }
  say_error("delay", report.errors.delay);
  say_error("slew", report.errors.transition);
  say_error("energy", report.errors.energy);
  say("wrote {}\n", o.output.string());
}

int run(const VerbOptions& o) {
  const auto watcher = o.json || o.quiet ? characterize::quiet_progress(stderr)
                                         : characterize::text_progress(stderr);
  liberty::LibertyOptions options;
  options.library = o.library;
  options.at = o.at;
  options.output = o.output;
  options.pool.worker = characterize::worker_program();
  options.pool.workers = o.jobs > 0 ? o.jobs : std::max(1u, std::thread::hardware_concurrency());
  if (!o.no_cache) options.cache = o.cache;
  options.progress = watcher.get();
  const liberty::LibertyReport report = liberty::make_liberty(options);
  if (report.interrupted) {
    note("stopped; the same command goes on from here\n");
    return kInterrupted;
  }
  if (o.json) {
    fmt::print("{}\n", json_text(report_json(report, o), 2));
  } else {
    say_report(report, o);
  }
  return report.written && holds(report.errors) ? 0 : 1;
}

}  // namespace

Run cmd_liberty(Arguments& app) {
  auto o = std::make_shared<VerbOptions>();
  app.add_option("library", o->library,
                 "standard cells as data, such as netlists/logic_cells/library.yaml")
      .required();
  app.add_option("-o,--output", o->output, "Liberty file to write").required();
  app.add_option("--at", o->at,
                 "other conditions than the library's own: "
                 "corner=slow,temperature=-40,v_dd=0.81,flavour=hvt")
      .one_at_a_time();
  app.add_option("-j,--jobs", o->jobs, "simulators at a time; 0 = as many as cores");
  app.add_option("--cache", o->cache, "folder with results of earlier simulations");
  app.add_flag("--no-cache", o->no_cache, "simulate everything");
  app.add_flag("-q,--quiet", o->quiet, "no progress, warnings alone");
  app.add_flag("--json", o->json, "the report as JSON");
  app.footer(
      "Benches and samples stay beside the output: of -o x.lib x.benches and x.samples.h5. An "
      "interrupted run\ngoes on by the same command. Exits with 1 where a cell could not be "
      "measured (nothing is written), or where\nthe tables are off at hold-out points by more than "
      "2 % (95 % of them) or 5 % (all).");
  return [o] { return run(*o); };
}

}  // namespace gaincell::cli
