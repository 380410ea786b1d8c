#pragma once

#include <cstdint>
#include <vector>

#include "attention/fast/cells.h"
#include "attention/fast/kernels.h"
#include "attention/fast/lines.h"
#include "attention/fast/model.h"
#include "attention/fast/ring.h"
#include "attention/fast/spread.h"
#include "attention/fast/tile_plan.h"

namespace gaincell::attention {

// Work space of one thread of the fast level: a block's plan, the levels of an array's next tokens,
// and what the kernels write (kernels::SubTile's names).
struct Work {
  // For the levels of so many tokens' keys and values, and of so many queries.
  struct Room {
    int tokens, queries;
  };
  // dim: rounded up to kUnit. `spread` may be null.
  Work(const FastModel& model, const Ring& ring, const Cells& cells, const FastSpread* spread,
       int dim, Room room);

  TilePlan plan;
  std::vector<kernels::Unit> units;
  std::vector<kernels::Lanes> lanes;
  kernels::Pulses pulses[kernels::kMaxQueries] = {};
  Lines<std::byte> query_weights, weights;
  Lines<float> width, lasting, second_lasting, x, phi, second_x, second_pulse, total, beyond_table;
  Lines<float> hat;
  Lines<std::uint8_t> q_levels;            // [head of the array][tokens][dim]
  Lines<std::uint8_t> k_levels, v_levels;  // [tokens][dim]
  Cells::Kept old;
  FastSpread::Work spread;  // where there is any
};

}  // namespace gaincell::attention
