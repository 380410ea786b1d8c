#include "characterize/measure/measure.h"

namespace gaincell::characterize {
using namespace detail;  // NOLINT(google-build-using-namespace): the helpers of this folder

// Worked out by the planner from the other results of a point.
MeasureKind measure_formula() {
  return {"formula",
          MeasureKind::Takes::kFormula,
          "from earlier measurements, conditions and parameters: `\"width_p - width_n\"`",
          {}};
}

}  // namespace gaincell::characterize
