#pragma once

#include <string>

#include "characterize/schema/form.h"

namespace gaincell::characterize {

// The bench file: the root of the table.
const Block& bench_block();

// The reference page in Markdown (docs/bench.md), and the bench that it shows.
std::string bench_reference();
std::string bench_example();

}  // namespace gaincell::characterize
