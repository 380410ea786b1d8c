#pragma once

#include <cstdint>

#include "attention/analog.h"

namespace gaincell::audit {

// Runs an engine on random queries, keys and values with identity scalers' units (q a share of the
// longest pulse, k and v volt around the cells' zero). Keys lean to one side by token and values by
// sub-tile and dimension: independent ones would never fill the converters' range.
void run_random_inputs(attention::Analog& engine, int tile, std::int64_t tokens,
                       std::uint64_t seed);

}  // namespace gaincell::audit
