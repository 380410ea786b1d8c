#include "attention/fast/trace.h"

#include <limits>

namespace gaincell::attention {

Tracer::Tracer(const Shape& shape, const Ring& ring, const FastModel& model,
               const FastSpread* spread)
    : shape_(shape), ring_(ring), model_(model), spread_(spread) {}

StepTrace Tracer::begin(std::int64_t token, int head, const float* q,
                        const Scalers& scalers) const {
  constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
  const int dim = shape_.dim, window = ring_.window();
  const std::size_t cells = static_cast<std::size_t>(window) * dim,
                    outputs = static_cast<std::size_t>(ring_.tiles()) * dim;
  StepTrace trace;
  trace.token = token;
  trace.head = head;
  for (int d = 0; d < dim; ++d) trace.q_width_s.push_back(model_.q_width_s(scalers, head, q[d]));
  trace.key_v.assign(cells, kNan);
  trace.value_v.assign(cells, kNan);
  trace.key_target_v.assign(cells, kNan);
  trace.value_target_v.assign(cells, kNan);
  trace.age_s.assign(window, kNan);
  trace.first_charge_c.assign(window, kNan);
  trace.phi_s.assign(window, kNan);
  trace.second_charge_c.assign(outputs, kNan);
  trace.second_pulse_s.assign(outputs, kNan);
  return trace;
}

void Tracer::add(const TilePlan& plan, const kernels::SubTile& done, int query, int tile,
                 StepTrace& trace) const {
  const int window = ring_.window(), now = static_cast<int>(trace.token % window);
  for (int i = 0; i < done.units; ++i) {
    const TilePlan::Part& part = plan.part(plan.first_part(tile) + i);
    const kernels::Lanes lanes = done.lanes[query * done.units + i];
    for (int lane = lanes.first; lane < lanes.last; ++lane) {
      const int slot = part.begin + lane - part.lane;
      const int at = (query * done.units + i) * kUnit + lane;
      const double age_s =
          (part.age(now, window) - (slot - part.begin)) * model_.options.token_period_s;
      trace.age_s[slot] = age_s;
      trace.first_charge_c[slot] = done.x[at] * model_.first.full_scale_c();
      trace.phi_s[slot] = done.phi[at] * model_.circuit.relu.full_scale_s;
      add_cells(done, done.unit[i], lane, slot, age_s, trace);
    }
  }
  for (int d = 0; d < shape_.dim; ++d) {
    const std::size_t column = static_cast<std::size_t>(tile) * shape_.dim + d;
    const int at = query * done.dim + d;
    trace.second_charge_c[column] = done.second_x[at] * model_.second.full_scale_c();
    trace.second_pulse_s[column] = done.second_pulse[at] * model_.circuit.differential.full_scale_s;
  }
}

void Tracer::add_cells(const kernels::SubTile& done, const kernels::Unit& unit, int lane, int slot,
                       double age_s, StepTrace& trace) const {
  using Which = PhysicalSpread::Array;
  for (int d = 0; d < shape_.dim; ++d) {
    const std::size_t cell = static_cast<std::size_t>(slot) * shape_.dim + d;
    trace.key_target_v[cell] = model_.target_v(unit.keys[key_at(lane, d)]);
    trace.value_target_v[cell] = model_.target_v(unit.values[value_at(lane, d, done.dim)]);
    trace.key_v[cell] = model_.stored_v(unit.keys[key_at(lane, d)], age_s);
    trace.value_v[cell] = model_.stored_v(unit.values[value_at(lane, d, done.dim)], age_s);
    if (!spread_) continue;
    trace.key_v[cell] += spread_->offset_v(Which::kKeys, trace.head / shape_.group, slot, d);
    trace.value_v[cell] += spread_->offset_v(Which::kValues, trace.head / shape_.group, slot, d);
  }
}

}  // namespace gaincell::attention
