#include <stdexcept>

#include "characterize/analysis/analysis.h"

namespace gaincell::characterize {

std::span<const AnalysisKind> analysis_kinds() {
  static const std::vector<AnalysisKind> kinds{analysis_op(), analysis_dc(), analysis_tran()};
  return kinds;
}

const AnalysisKind& analysis_kind(std::string_view name) {
  for (const AnalysisKind& kind : analysis_kinds()) {
    if (kind.name == name) return kind;
  }
  throw std::invalid_argument("there is no such analysis");
}

std::span<const std::string> simulator_options() {
  static const std::vector<std::string> names{
      "abstol", "chgtol", "cshunt",   "gmin",   "gminsteps", "gshunt", "itl1",
      "itl2",   "itl4",   "maxord",   "method", "noopiter",  "pivrel", "pivtol",
      "reltol", "rshunt", "srcsteps", "tnom",   "trtol",     "vntol",  "xmu"};
  return names;
}

}  // namespace gaincell::characterize
