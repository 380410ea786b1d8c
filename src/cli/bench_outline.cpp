#include "cli/bench_outline.h"

#include <fmt/format.h>

#include "characterize/check.h"
#include "cli/say.h"

namespace gaincell::cli {

void print_outline(const characterize::CampaignPlan& campaign) {
  for (const auto& unit : campaign.units) {
    const auto bench = characterize::outline(unit);
    say("{}: {}: {} points", bench.path, bench.name, bench.points);
    if (bench.draws > 1) say(", {} draws of each", bench.draws);
    if (bench.holdout > 0) say(" ({} hold-out)", bench.holdout);
    say(" in {}{} simulations, decks of {:.1f} kB\n", bench.at_most ? "at most " : "",
        bench.simulations, static_cast<double>(bench.deck_bytes) / 1e3);
    for (const std::string& axis : bench.axes) say("  {}\n", axis);
    for (const std::string& warning : bench.warnings) say("  warning: {}\n", warning);
  }
}

}  // namespace gaincell::cli
