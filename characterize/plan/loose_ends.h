#pragma once

#include <string>
#include <vector>

#include "characterize/bench/bench.h"

namespace gaincell::characterize {

// What of a bench leads nowhere or has no effect, at the point that its scope stands at. Throws
// Error where a number would surely be another than meant: a measured net that is not in the
// circuit, a voltage given twice. The rest is allowed and probably not meant.
std::vector<std::string> loose_ends(Bench& bench);

}  // namespace gaincell::characterize
