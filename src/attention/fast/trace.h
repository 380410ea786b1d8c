#pragma once

#include "attention/analog.h"
#include "attention/fast/model.h"
#include "attention/fast/ring.h"
#include "attention/fast/spread.h"
#include "attention/fast/tile_plan.h"

namespace gaincell::attention {

// What observers are shown of a step: the kernels' levels and shares of full scale as volts,
// coulombs and seconds.
class Tracer {
 public:
  // `spread` may be null.
  Tracer(const Shape& shape, const Ring& ring, const FastModel& model, const FastSpread* spread);

  // A query's, before its sub-tiles: its pulses, and NaN for what is to come.
  StepTrace begin(std::int64_t token, int head, const float* q, const Scalers& scalers) const;
  // What a sub-tile made of it, as query `query` of those that the kernels took together.
  void add(const TilePlan& plan, const kernels::SubTile& done, int query, int tile,
           StepTrace& trace) const;

 private:
  void add_cells(const kernels::SubTile& done, const kernels::Unit& unit, int lane, int slot,
                 double age_s, StepTrace& trace) const;

  const Shape& shape_;
  const Ring& ring_;
  const FastModel& model_;
  const FastSpread* spread_;
};

}  // namespace gaincell::attention
