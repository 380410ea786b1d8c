#pragma once

#include <cstddef>
#include <vector>

#include "sweep/study.h"

namespace gaincell::sweep {

// One value an axis of the study.
using Point = std::vector<double>;

// The study's points in the order in which they are run, each once. The same study gives the same
// points.
std::vector<Point> design_points(const Study& study);

}  // namespace gaincell::sweep
