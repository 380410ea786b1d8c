// The column level: obvious loops in double precision. What a person reads to know what the engine
// means, and what the fast level is held to.
#include <cmath>
#include <limits>

#include "attention/activity_counter.h"
#include "attention/levels.h"
#include "attention/quantiser.h"

namespace gaincell::attention {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

class ColumnLevel final : public Analog {
 public:
  ColumnLevel(Shape shape, const Circuit& circuit, Scalers scalers, AnalogOptions options)
      : Analog(shape, std::move(scalers)),
        circuit_(with_effects(circuit, options.effects)),
        options_(options),
        q_(0.0, 1.0, circuit_.q_levels),
        kv_(0.0, circuit_.v_max, circuit_.kv_levels),
        output_(-1.0, 1.0, circuit_.output_levels),
        counter_(circuit_, (shape.window - 1) * options.token_period_s) {
    const std::size_t cells = static_cast<std::size_t>(shape.heads) * shape.window * shape.dim;
    key_target_v_.resize(cells);
    value_target_v_.resize(cells);
  }

  const energy::Activity& activity() const override { return counter_.activity(); }

 private:
  void reset_ring() override {
    now_ = 0;
    counter_.clear();
  }

  void run_checked(int tokens, const float* q, const float* k, const float* v,
                   float* out) override {
    const int heads = shape().heads, dim = shape().dim;
    for (int t = 0; t < tokens; ++t, ++now_) {
      for (int h = 0; h < heads; ++h) {
        const std::size_t at = (static_cast<std::size_t>(t) * heads + h) * dim;
        step(h, q + at, k + at, v + at, out + at);
      }
      counter_.activity().tokens += 1;
    }
  }

  double* cells(std::vector<double>& targets, int head, int slot) {
    return targets.data() + (static_cast<std::size_t>(head) * shape().window + slot) * shape().dim;
  }

  void write(std::vector<double>& targets, int head, const float* x, double a, double b) {
    double* to = cells(targets, head, static_cast<int>(now_ % shape().window));
    const bool quantise = options_.effects.has(Effect::kStorageQuantiser);
    for (int d = 0; d < shape().dim; ++d) {
      const double target = a * x[d] + b;
      to[d] = quantise ? kv_(target) : kv_.clamp(target);
      counter_.activity().writes[kv_.index(target)] += 1;
    }
    counter_.activity().dac_values += shape().dim;
  }

  // What the cells of a token hold at its age.
  std::vector<double> stored_v(const double* targets, double age_s) const {
    std::vector<double> stored(shape().dim);
    for (int d = 0; d < shape().dim; ++d)
      stored[d] = circuit_.retained_v(circuit_.written_v(targets[d]), age_s);
    return stored;
  }

  void count_reads(energy::CellReads& reads, double age_s, double target_v, double width_s) {
    std::vector<double> cells(circuit_.kv_levels, 0.0);
    cells[kv_.index(target_v)] = 1;
    counter_.read(reads, age_s, width_s, cells.data());
  }

  void step(int head, const float* q, const float* k, const float* v, float* out) {
    const int dim = shape().dim, window = shape().window, tile = circuit_.tile;
    const Scalers& s = scalers();
    energy::Activity& activity = counter_.activity();
    write(key_target_v_, head, k, s.a_k[head], s.b_k[head]);
    write(value_target_v_, head, v, s.a_v[head], s.b_v[head]);

    std::vector<double> q_width_s(dim);
    for (int d = 0; d < dim; ++d) {
      const double x = static_cast<double>(s.a_q[head]) * q[d] + s.b_q[head];
      q_width_s[d] =
          circuit_.t_max_s * (options_.effects.has(Effect::kInputQuantiser) ? q_(x) : q_.clamp(x));
    }

    const int filled = static_cast<int>(std::min<std::int64_t>(now_ + 1, window));
    const int newest = static_cast<int>(now_ % window);
    std::vector<double> age_s(filled), charge_c(filled), phi_s(filled);
    std::vector<std::vector<double>> value_v(filled), key_v(filled);
    for (int slot = 0; slot < filled; ++slot) {
      age_s[slot] = (newest - slot + window) % window * options_.token_period_s;
      const double* targets = cells(key_target_v_, head, slot);
      key_v[slot] = stored_v(targets, age_s[slot]);
      value_v[slot] = stored_v(cells(value_target_v_, head, slot), age_s[slot]);
      charge_c[slot] = column_charge_c(circuit_, circuit_.relu, key_v[slot], q_width_s);
      phi_s[slot] = circuit_.relu.pulse_s(charge_c[slot]);
      counter_.convert(activity.first_conversions, charge_c[slot]);
      for (int d = 0; d < dim; ++d)
        count_reads(activity.first_reads, age_s[slot], targets[d], q_width_s[d]);
    }

    const int tiles = (filled + tile - 1) / tile;
    std::vector<double> second_charge_c, second_pulse_s;
    for (int d = 0; d < dim; ++d) out[d] = 0;
    std::vector<double> sum(dim, 0.0);
    for (int i = 0; i < tiles; ++i) {
      const int first = i * tile, last = std::min(filled, first + tile);
      const std::vector<double> widths(phi_s.begin() + first, phi_s.begin() + last);
      for (int d = 0; d < dim; ++d) {
        std::vector<double> column;
        for (int slot = first; slot < last; ++slot) {
          column.push_back(value_v[slot][d]);
          count_reads(activity.second_reads, age_s[slot], cells(value_target_v_, head, slot)[d],
                      phi_s[slot]);
        }
        const double charge = column_charge_c(circuit_, circuit_.differential, column, widths);
        const double pulse = circuit_.differential.pulse_s(charge);
        second_charge_c.push_back(charge);
        second_pulse_s.push_back(pulse);
        counter_.convert(activity.second_conversions, charge);
        const double part = pulse / circuit_.differential.full_scale_s;
        sum[d] += options_.effects.has(Effect::kCounter) ? output_(part) : output_.clamp(part);
      }
    }
    for (int d = 0; d < dim; ++d) out[d] = static_cast<float>(s.a_o[head] * sum[d] + s.b_o[head]);
    activity.token_heads += 1;
    activity.sub_tile_steps += tiles;

    if (!observed(now_, head)) return;
    StepTrace trace;
    trace.token = now_;
    trace.head = head;
    trace.q_width_s = q_width_s;
    trace.first_charge_c = charge_c;
    trace.phi_s = phi_s;
    trace.first_charge_c.resize(window, kNan);
    trace.phi_s.resize(window, kNan);
    for (int slot = 0; slot < filled; ++slot) {
      trace.key_v.insert(trace.key_v.end(), key_v[slot].begin(), key_v[slot].end());
      trace.value_v.insert(trace.value_v.end(), value_v[slot].begin(), value_v[slot].end());
    }
    trace.key_v.resize(static_cast<std::size_t>(window) * dim, kNan);
    trace.value_v.resize(static_cast<std::size_t>(window) * dim, kNan);
    const std::size_t columns = static_cast<std::size_t>((window + tile - 1) / tile) * dim;
    trace.second_charge_c = std::move(second_charge_c);
    trace.second_pulse_s = std::move(second_pulse_s);
    trace.second_charge_c.resize(columns, kNan);
    trace.second_pulse_s.resize(columns, kNan);
    show(trace);
  }

  Circuit circuit_;
  AnalogOptions options_;
  Quantiser q_, kv_, output_;
  ActivityCounter counter_;
  std::int64_t now_ = 0;                               // tokens since reset
  std::vector<double> key_target_v_, value_target_v_;  // [head][slot][dim]
};

}  // namespace

std::unique_ptr<Analog> make_column_level(Shape shape, const Circuit& circuit, Scalers scalers,
                                          AnalogOptions options) {
  return std::make_unique<ColumnLevel>(shape, circuit, std::move(scalers), options);
}

}  // namespace gaincell::attention
