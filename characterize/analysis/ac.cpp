#include "characterize/analysis/analysis.h"

namespace gaincell::characterize {

static std::string ac_card(const AnalysisArguments& arguments) {
  const detail::Frequencies all = detail::frequencies(arguments);
  return ".ac " + detail::frequency_card(all.points_per_decade, all.start, all.stop);
}

static Proof ac_proof(const AnalysisArguments& arguments) {
  return {.plot = "ac", .end = detail::frequencies(arguments).stop, .has_end = true};
}

AnalysisKind analysis_ac() {
  return {"ac",
          "small signals over frequency, around the operating point; sources with `ac` drive them",
          detail::frequency_keys(),
          "Hz",
          SignalKind::kComplex,
          ac_card,
          ac_proof};
}

}  // namespace gaincell::characterize
