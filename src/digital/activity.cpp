#include "digital/activity.h"

#include <cmath>

#include "attention/quantiser.h"

namespace gaincell::digital {
namespace {

std::vector<double> or_zero(std::vector<double> values) {
  for (double& value : values)
    if (std::isnan(value)) value = 0;
  return values;
}

// Voltages of one slot as codes of the DAC.
std::vector<std::uint8_t> codes(const Head& head, const std::vector<double>& target_v, int slot) {
  const attention::Quantiser quantiser(0.0, head.v_max, head.kv_levels);
  std::vector<std::uint8_t> codes;
  for (int d = 0; d < head.dim; ++d)
    codes.push_back(static_cast<std::uint8_t>(
        quantiser.index(target_v[static_cast<std::size_t>(slot) * head.dim + d])));
  return codes;
}

}  // namespace

Head Head::of(const attention::Shape& shape, const attention::Circuit& circuit) {
  return {.dim = shape.dim,
          .window = shape.window,
          .tile = circuit.tile,
          .q_levels = circuit.q_levels,
          .kv_levels = circuit.kv_levels,
          .output_levels = circuit.output_levels,
          .t_max_s = circuit.t_max_s,
          .output_full_scale_s = circuit.differential.full_scale_s,
          .v_max = circuit.v_max};
}

TokenActivity activity_of(const Head& head, const attention::StepTrace& trace) {
  const attention::Quantiser q(0.0, 1.0, head.q_levels), output(-1.0, 1.0, head.output_levels);
  TokenActivity activity;
  activity.token = trace.token;
  activity.slot = static_cast<int>(trace.token % head.window);
  for (const double width_s : trace.q_width_s)
    activity.q_levels.push_back(static_cast<std::uint8_t>(q.index(width_s / head.t_max_s)));
  activity.k_codes = codes(head, trace.key_target_v, activity.slot);
  activity.v_codes = codes(head, trace.value_target_v, activity.slot);
  activity.relu_pulse_s = or_zero(trace.phi_s);
  activity.signed_pulse_s = or_zero(trace.second_pulse_s);
  activity.sums.assign(head.dim, 0);
  for (std::size_t i = 0; i < activity.signed_pulse_s.size(); ++i) {
    const int count = output.index(activity.signed_pulse_s[i] / head.output_full_scale_s);
    activity.counts.push_back(count);
    activity.sums[i % static_cast<std::size_t>(head.dim)] += count;
  }
  return activity;
}

ActivityRecorder::ActivityRecorder(const Head& head, int head_index, std::int64_t first,
                                   std::int64_t tokens)
    : head_(head), head_index_(head_index), first_(first), tokens_(tokens) {}

void ActivityRecorder::attach(attention::Analog& engine) {
  engine.observe(
      [this](std::int64_t token, int head) {
        return head == head_index_ && token >= first_ && token - first_ < tokens_;
      },
      [this](const attention::StepTrace& trace) { kept_.push_back(activity_of(head_, trace)); });
}

}  // namespace gaincell::digital
