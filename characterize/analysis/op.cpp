#include "characterize/analysis/analysis.h"

namespace gaincell::characterize {

static std::string op_card(const AnalysisArguments&) { return ".op"; }
static Proof op_proof(const AnalysisArguments&) { return {.plot = "op", .count = 1}; }

AnalysisKind analysis_op() {
  return {"op",
          "operating point; capacitors open, waveforms at their start",
          {},
          "",
          SignalKind::kReal,
          op_card,
          op_proof};
}

}  // namespace gaincell::characterize
