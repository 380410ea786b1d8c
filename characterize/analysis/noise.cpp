#include <fmt/format.h>

#include <cmath>

#include "characterize/analysis/analysis.h"

namespace gaincell::characterize {

// ngspice keeps to the points per decade and ends at the last one before the stop, so it is sent
// one step further and cut off there.
static std::string noise_card(const AnalysisArguments& arguments) {
  const detail::Frequencies all = detail::frequencies(arguments);
  double stop = all.stop;
  if (all.points_per_decade > 0)
    stop = all.start * std::pow(10, (std::ceil(all.steps()) + 0.5) / all.points_per_decade);
  const auto devices = arguments.words.find("devices");
  return fmt::format(".noise {} {} {}{}", arguments.words.at("output"),
                     arguments.words.at("source"),
                     detail::frequency_card(all.points_per_decade, all.start, stop),
                     devices == arguments.words.end() ? "" : " 1");
}

static Proof noise_proof(const AnalysisArguments& arguments) {
  return {.plot = "noise", .end = detail::frequencies(arguments).stop, .has_end = true};
}

AnalysisKind analysis_noise() {
  std::vector<Key> keys = detail::frequency_keys();
  keys.push_back({"output", form::text(), Key::Presence::kRequired, "v(net) or v(net,net)"});
  keys.push_back({"source", form::name(), Key::Presence::kRequired,
                  "the source that the input noise is referred to; it has `ac`"});
  return {"noise",
          "noise density over frequency; the signals are `onoise` and `inoise`, and of one "
          "device's share `onoise(device)` and `inoise(device)`, in V/sqrt(Hz)",
          keys,
          "Hz",
          SignalKind::kNoise,
          noise_card,
          noise_proof};
}

}  // namespace gaincell::characterize
