#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

#include "digital/activity.h"
#include "digital/fixed_scaler.h"

namespace gaincell::digital {

// A signed pulse in whole femtoseconds. The counting clock's edge k = 1, 2, .. comes
// ceil((2 k - 1) T_max / (output_levels - 1)) after the pulses begin; rounding takes the pulse's
// end neither over an edge nor onto one, so that as many are inside as the engine counts.
std::int64_t pulse_fs(const Head& head, double pulse_s, int count);

// Input and expected output of rtl/tests, in decimal words:
//   gaincell_vectors 1 TOKENS DIM WINDOW TILE Q_LEVELS KV_LEVELS OUTPUT_LEVELS T_MAX_FS
//   a token: SLOT A B, then [dim] each of q levels, k codes and v codes, for each sub-tile [dim]
//   pulses in fs and [dim] counts, then [dim] sums and [dim] scaled outputs.
// Token i is scaled by scalers[i % size]. Tokens follow each other from an empty ring on.
void write_vectors(const std::filesystem::path& path, const Head& head,
                   const std::vector<TokenActivity>& tokens,
                   const std::vector<FixedScaler>& scalers);

}  // namespace gaincell::digital
