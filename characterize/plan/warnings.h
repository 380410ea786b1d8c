#pragma once

#include <string>
#include <vector>

#include "characterize/plan/evaluation.h"

namespace gaincell::characterize {

// What a bench may hold and probably does not mean, at one point. Throws
// Error where a number would surely be another than meant (loose_ends.h).
std::vector<std::string> warnings_of(const Evaluation& at);

}  // namespace gaincell::characterize
