#pragma once

#include <string>
#include <vector>

#include "characterize/bench/bench.h"

namespace gaincell::characterize {

// What a bench may hold and probably does not mean, at the point that its scope stands at. Throws
// Error where a number would surely be another than meant (loose_ends.h).
std::vector<std::string> warnings_of(Bench& bench);

}  // namespace gaincell::characterize
