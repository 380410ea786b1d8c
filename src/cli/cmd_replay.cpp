#include <fmt/format.h>

#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/units.h"
#include "characterize/netlist.h"
#include "characterize/replay.h"
#include "cli/commands.h"
#include "cli/say.h"

namespace gaincell::cli {
namespace {

int run(characterize::ReplayOptions options) {
  options.pool.worker = characterize::worker_program();
  if (!options.point && options.at.empty())
    throw Error({.place = "gaincell replay",
                 .rule = "needs to know which point",
                 .remedy = "give --point N, or --at corner=slow,v_dd=0.9"});
  const auto report = characterize::replay(options);
  say("{}\n", report.point);
  for (const auto& one : report.values)
    say("{} = {} {}{}\n", one.name, format_exact(one.now), one.unit,
        one.equal() ? "" : fmt::format("   (the file has {})", format_exact(one.in_file)));
  if (!report.failure.empty()) say("{}\n", report.failure);
  for (const auto& one : report.runs)
    say("wrote {}, {}, {}\n", one.deck.string(), one.log.string(), one.waveforms.string());
  say("{}\n", report.command);
  if (!report.equal()) say("not the numbers of the file\n");
  return report.equal() ? 0 : 1;
}

}  // namespace

Run cmd_replay(CLI::App& app) {
  auto options = std::make_shared<characterize::ReplayOptions>();
  app.add_option("samples", options->samples, "samples file")->required();
  app.add_option("--point", options->point, "number of the point, from 0");
  app.add_option("--at", options->at,
                 "the point by its conditions: corner=slow,v_dd=0.9 (and draw=3)");
  app.add_option("--bench", options->bench, "bench; may be left out where the file holds one");
  app.add_option("-o,--output", options->folder, "folder to write; default <bench>_point<N>");
  app.add_option("--allow", options->pool.allow,
                 "what netlists may do beyond being circuits, as for characterize")
      ->check(CLI::IsMember(std::vector<std::string>(characterize::kPermissions.begin(),
                                                     characterize::kPermissions.end())));
  return [options] { return run(*options); };
}

}  // namespace gaincell::cli
