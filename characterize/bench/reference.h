#pragma once

#include <string>

namespace gaincell::characterize {

// The reference page of the bench file in Markdown (docs/bench.md).
std::string bench_reference();

}  // namespace gaincell::characterize
