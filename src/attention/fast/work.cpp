#include "attention/fast/work.h"

#include "attention/activity_counter.h"

namespace gaincell::attention {

Work::Work(const FastModel& model, const Ring& ring, const Cells& cells, const FastSpread* mismatch,
           int head_dim, Room room)
    : plan(model, ring), old(cells.room()) {
  const std::size_t dim = head_dim, queries = model.age_block;
  const std::size_t parts = plan.most_parts_of_a_tile(), rows = parts * kUnit;
  const auto weight_bytes = [](const kernels::Stage& stage) {
    return stage.weight_rows() * stage.weight_bytes();
  };
  units.resize(parts);
  lanes.resize(parts * queries);
  query_weights.resize(queries * dim * weight_bytes(model.first.stage()));
  weights.resize(queries * rows * weight_bytes(model.second.stage()));
  width.resize(dim);
  lasting.resize(dim);
  second_lasting.resize(rows);
  x.resize(queries * rows);
  phi.resize(queries * rows);
  second_x.resize(queries * dim);
  second_pulse.resize(queries * dim);
  total.resize(queries * dim);
  beyond_table.resize(kUnit);
  const int steps = ActivityCounter::pulse_steps(model.circuit);
  hat.resize(static_cast<std::size_t>(kernels::Reads::nodes(steps)) * kUnit);
  // Dimensions that there are not have no pulse, and are read on a row of their own.
  q_levels.resize(dim * room.queries, static_cast<std::uint8_t>(model.circuit.q_levels));
  for (auto* levels : {&k_levels, &v_levels}) levels->resize(dim * room.tokens);
  if (mismatch) spread = mismatch->work(static_cast<int>(parts), model.age_block);
}

}  // namespace gaincell::attention
