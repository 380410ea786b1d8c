#pragma once

#include <vector>

#include "attention/fast/lines.h"
#include "attention/fast/model.h"
#include "attention/fast/ring.h"
#include "attention/fast/spread_kernels.h"
#include "attention/physical_spread.h"

namespace gaincell::attention {

// One layer's mismatch and noise as the fast kernels take them: two bytes a cell and 16 bytes a
// converter, drawn once from PhysicalSpread. Immutable.
class FastSpread {
 public:
  FastSpread(const Shape& shape, const Ring& ring, const FastModel& model,
             const PhysicalSpread& physical);

  // Of one thread.
  struct Work {
    std::vector<kernels::CellSpread> cells;
    std::vector<kernels::Converters> first;
    kernels::TokenNoise first_noise[kernels::kMaxQueries] = {},
                        second_noise[kernels::kMaxQueries] = {};
    Lines<float> u, seen;
    kernels::SpreadTile tile = {};
  };
  // Room for sub-tiles of `parts` units under `queries` queries.
  Work work(int parts, int queries) const;

  // Queries of one call are those of `token` and after, in one head of the group that reads an
  // array: the conversions of one token follow each other.
  struct Member {
    int group, place;
  };
  void set_conversions(std::int64_t token, int queries, Member member, Work& work) const;
  // Part `part` of a sub-tile is this unit of the ring.
  void set_unit(int array, int unit, int part, Work& work) const;
  // Sub-tile of all parts that were set.
  const kernels::SpreadTile* tile(int array, int sub_tile, Work& work) const;

  double offset_v(PhysicalSpread::Array stage, int array, int slot, int d) const {
    return physical_.cell(stage, array, slot, d).offset_v;
  }
  std::size_t bytes() const;

 private:
  struct Steps {
    std::vector<std::int8_t> gain, offset;
  };
  struct Converters {
    std::vector<float> gain, offset;
    std::vector<std::uint32_t> low, high;

    void resize(std::size_t n);
    void set(std::size_t at, const PhysicalSpread::Converter& converter, double full_scale_c);
    kernels::Converters from(std::size_t at) const;
    std::size_t bytes() const { return gain.size() * 16; }
  };

  const PhysicalSpread physical_;
  int dim_, units_, tiles_;
  Steps keys_, values_;        // in the layout of the levels; empty where cells are alike
  Converters first_, second_;  // [array][unit][kUnit], [array][sub-tile][dim]
  float first_noise_x_, second_noise_x_;
};

}  // namespace gaincell::attention
