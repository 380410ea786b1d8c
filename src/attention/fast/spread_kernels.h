#pragma once

#include <cstdint>

#include "attention/fast/kernels.h"

// What differs from cell to cell and from converter to converter, in the fast level's vector code.
// Sub-tiles without a SpreadTile never come here.
namespace gaincell::attention::kernels {

// Steps of gain and offset of 16 slots' cells, each in the layout of its levels (Unit).
struct CellSpread {
  const std::int8_t *key_gain, *key_offset, *value_gain, *value_offset;
};

// Converters side by side: they act on x gain + offset + noise_x times a standard normal.
struct Converters {
  const float *gain, *offset;
  const std::uint32_t *low, *high;  // keys of their noise
};

struct TokenNoise {
  std::uint32_t low, high;
};

struct SpreadTile {
  // [unit]; null: all alike. Sums are then in floats, and planes of tables for u_r are
  // followed by as many for its change with one step of offset, u'_r: u_r(cell) = (u_r + u'_r
  // offset) (1 + gain_step gain).
  const CellSpread* cells;
  float gain_step;
  const Converters* first;                       // [unit], of kUnit converters
  Converters second;                             // of dim converters
  float first_noise_x, second_noise_x;           // 0: none, and no keys are read
  const TokenNoise *first_noise, *second_noise;  // [query]
  // Work space: kMaxRank * kUnit * max(dim, units * kUnit), queries * max(dim, units * kUnit).
  float *u, *seen;
};

// sums[rank][segments][kUnit] of one unit's columns of the first array, or of 16 dimensions of the
// second, under one query. Query 0 comes first: it makes ready what the others of its columns use.
void sum_first_of_spread(const Stage& stage, const SubTile& tile, int query, int unit, float* sums);
void sum_second_of_spread(const Stage& stage, const SubTile& tile, int query, int set, float* sums);

// What the converters act on, for the x on their bitlines: SpreadTile::seen, laid out as x is.
const float* first_seen(const SubTile& tile);
const float* second_seen(const SubTile& tile);

}  // namespace gaincell::attention::kernels
