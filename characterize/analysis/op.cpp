#include "characterize/analysis/analysis.h"

namespace gaincell::characterize {

static std::string card(const AnalysisArguments&) { return ".op"; }
static Proof proof(const AnalysisArguments&) { return {.plot = "op", .count = 1}; }

AnalysisKind analysis_op() {
  return {"op",
          "operating point; capacitors open, waveforms at their start",
          {},
          "",
          SignalKind::kReal,
          card,
          proof};
}

}  // namespace gaincell::characterize
