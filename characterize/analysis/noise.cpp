#include <fmt/format.h>

#include "characterize/analysis/analysis.h"

namespace gaincell::characterize {

static std::string card(const AnalysisArguments& arguments) {
  return fmt::format(".noise {} {} {}", arguments.words.at("output"), arguments.words.at("source"),
                     detail::frequencies(arguments));
}

static Proof proof(const AnalysisArguments&) { return {.plot = "noise"}; }

AnalysisKind analysis_noise() {
  std::vector<Key> keys = detail::frequency_keys();
  keys.push_back({"output", form::text(), Key::Presence::kRequired, "v(net) or v(net,net)"});
  keys.push_back({"source", form::name(), Key::Presence::kRequired,
                  "the source that the input noise is referred to; it has `ac`"});
  return {"noise",
          "noise density over frequency; the signals are `onoise` and `inoise`, in V/sqrt(Hz)",
          keys,
          "Hz",
          SignalKind::kNoise,
          card,
          proof};
}

}  // namespace gaincell::characterize
