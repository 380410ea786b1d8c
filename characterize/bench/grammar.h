#pragma once

#include "characterize/schema/form.h"

namespace gaincell::characterize {

// The bench file: the root of the table.
const Block& bench_block();

}  // namespace gaincell::characterize
