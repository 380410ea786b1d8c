#include <fmt/format.h>

#include "characterize/analysis/analysis.h"

namespace gaincell::characterize {

static std::string card(const AnalysisArguments& arguments) {
  return ".ac " + detail::frequencies(arguments);
}

static Proof proof(const AnalysisArguments&) { return {.plot = "ac"}; }

AnalysisKind analysis_ac() {
  return {"ac",
          "small signals over frequency, around the operating point; sources with `ac` drive them",
          detail::frequency_keys(),
          "Hz",
          SignalKind::kComplex,
          card,
          proof};
}

}  // namespace gaincell::characterize
