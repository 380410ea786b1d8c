#pragma once

#include <string>
#include <vector>

#include "characterize/plan/evaluation.h"

namespace gaincell::characterize {

// What of a bench leads nowhere or has no effect, at one point. Throws
// Error where a number would surely be another than meant: a measured net that is not in the
// circuit, a voltage given twice. The rest is allowed and probably not meant.
std::vector<std::string> loose_ends(const Evaluation& at);

}  // namespace gaincell::characterize
