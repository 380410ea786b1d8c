// The column level: obvious loops in double precision. What a person reads to know what the engine
// means, and what the fast level is held to.
#include "attention/column_level.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <utility>

#include "attention/activity_counter.h"
#include "attention/column_simulator.h"
#include "attention/physical_spread.h"
#include "attention/quantiser.h"
#include "base/error.h"

namespace gaincell::attention {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

class ColumnLevel final : public Analog {
 public:
  // `simulator` reads the columns, or where there is none, the circuit's functions do.
  ColumnLevel(Shape shape, const Circuit& circuit, Scalers scalers, AnalogOptions options,
              std::shared_ptr<ColumnSimulator> simulator)
      : Analog(shape, std::move(scalers)),
        circuit_(with_effects(circuit, options.effects)),
        options_(options),
        q_(0.0, 1.0, circuit_.q_levels),
        kv_(0.0, circuit_.v_max, circuit_.kv_levels),
        output_(-1.0, 1.0, circuit_.output_levels),
        spread_(shape, options),
        counter_(circuit_, (shape.window - 1) * options.token_period_s),
        beyond_(levels_beyond(
            circuit_, std::min(circuit_.known_age_s, (shape.window - 1) * options.token_period_s))),
        simulator_(std::move(simulator)) {
    const std::size_t cells = static_cast<std::size_t>(shape.arrays()) * shape.window * shape.dim;
    for (Cells* array : {&keys_, &values_}) {
      array->target_v.resize(cells);
      array->level.resize(cells);
    }
  }

  energy::Activity activity() const override { return counter_.activity(); }
  std::size_t ring_bytes() const override {
    return (keys_.level.size() + values_.level.size()) * (sizeof(double) + sizeof(std::uint8_t));
  }

 private:
  // One stage's cells, [array][slot][dim].
  struct Cells {
    PhysicalSpread::Array which;
    std::vector<double> target_v;     // what they were written to
    std::vector<std::uint8_t> level;  // nearest one, for the energy
  };

  void reset_ring() override {
    before_ += now_;
    now_ = 0;
    counter_.clear();
  }
  void pass_over(std::int64_t tokens) override { before_ += tokens; }

  void run_checked(int tokens, const float* q, const float* k, const float* v,
                   float* out) override {
    const int heads = shape().heads, arrays = shape().arrays(), dim = shape().dim;
    if (!options_.effects.has(Effect::kClipping)) check_ranges(tokens, k, v);
    for (int t = 0; t < tokens; ++t, ++now_) {
      for (int array = 0; array < arrays; ++array) {
        const std::size_t at = (static_cast<std::size_t>(t) * arrays + array) * dim;
        store(array, k + at, v + at);
      }
      for (int h = 0; h < heads; ++h) {
        const std::size_t at = (static_cast<std::size_t>(t) * heads + h) * dim;
        step(h, q + at, out + at);
      }
      counter_.activity().tokens += 1;
      count_ages(filled(), options_.token_period_s, circuit_.known_age_s);
    }
  }

  // What k or v asks a cell for, quantised and clipped as far as that is on.
  double target_v(double x) const {
    const bool quantise = options_.effects.has(Effect::kStorageQuantiser);
    if (!options_.effects.has(Effect::kClipping)) return quantise ? kv_.round(x) : x;
    return quantise ? kv_(x) : kv_.clamp(x);
  }

  // Unclipped keys and values must lie where the circuit is known.
  void check_ranges(int tokens, const float* k, const float* v) const {
    const int arrays = shape().arrays(), dim = shape().dim;
    const Scalers& s = scalers();
    const auto check = [&](const char* which, int token, int head, int d, double x) {
      const double target = target_v(x);
      const bool known = target >= circuit_.target_low_v && target <= circuit_.target_high_v;
      const double written = known ? circuit_.written_v(target, 0) : 0.0;
      if (known && written >= circuit_.store_low_v && written <= circuit_.store_high_v) return;
      throw Error(
          {.place = place(),
           .key = fmt::format("{}[token {}][head {}][{}]", which, now_ + token, head, d),
           .value = fmt::format("{:.4g} V", x),
           .rule = fmt::format("without clipping, the device's tables end at {:.4g} and {:.4g} V",
                               std::max(circuit_.target_low_v, circuit_.store_low_v),
                               std::min(circuit_.target_high_v, circuit_.store_high_v)),
           .remedy = "scale it down, or leave the effect `clipping` on"});
    };
    for (int t = 0; t < tokens; ++t)
      for (int h = 0; h < arrays; ++h)
        for (int d = 0; d < dim; ++d) {
          const std::size_t at = (static_cast<std::size_t>(t) * arrays + h) * dim + d;
          check("k", t, h, d, static_cast<double>(s.a_k[h]) * k[at] + s.b_k[h]);
          check("v", t, h, d, static_cast<double>(s.a_v[h]) * v[at] + s.b_v[h]);
        }
  }

  double q_share(double x) const {
    const bool quantise = options_.effects.has(Effect::kInputQuantiser);
    if (!options_.effects.has(Effect::kClipping)) return quantise ? q_.round(x) : x;
    return quantise ? q_(x) : q_.clamp(x);
  }

  // A sub-tile's output in counts, or in full scales without the counter: whole numbers add up to
  // the same sum in any order and at every level.
  double counted(double part) const {
    if (options_.effects.has(Effect::kSaturation)) part = output_.clamp(part);
    return options_.effects.has(Effect::kCounter) ? output_.steps(part) : part;
  }
  double count_unit() const {
    return options_.effects.has(Effect::kCounter) ? output_.step() : 1.0;
  }

  int filled() const { return static_cast<int>(std::min<std::int64_t>(now_ + 1, shape().window)); }

  // What lies outside the range of one of q, k and v.
  double outside(const Quantiser& range, double a, double b, const float* x) const {
    double count = 0;
    for (int d = 0; d < shape().dim; ++d) count += range.outside(a * x[d] + b);
    return count;
  }

  double conversions_beyond(const Circuit::Converter& converter,
                            const std::vector<ColumnOutput>& columns) const {
    return static_cast<double>(
        std::count_if(columns.begin(), columns.end(), [&](const ColumnOutput& column) {
          return column.charge_c < converter.known_low_c ||
                 column.charge_c > converter.known_high_c;
        }));
  }

  double* cells(std::vector<double>& voltages, int array, int slot) {
    return voltages.data() +
           (static_cast<std::size_t>(array) * shape().window + slot) * shape().dim;
  }
  std::uint8_t* cells(std::vector<std::uint8_t>& levels, int array, int slot) {
    return levels.data() + (static_cast<std::size_t>(array) * shape().window + slot) * shape().dim;
  }

  int array_of(int head) const { return head / shape().group; }
  // A conversion of this token's in a head: those of one array follow each other.
  std::int64_t conversion(int head) const {
    return (before_ + now_) * shape().group + head % shape().group;
  }

  void write(Cells& stage, int array, const float* x, double a, double b) {
    const int slot = static_cast<int>(now_ % shape().window);
    double* targets = cells(stage.target_v, array, slot);
    std::uint8_t* levels = cells(stage.level, array, slot);
    double beyond = 0;
    for (int d = 0; d < shape().dim; ++d) {
      const double target = a * x[d] + b;
      targets[d] = target_v(target);
      levels[d] = static_cast<std::uint8_t>(kv_.index(target));
      counter_.activity().writes[levels[d]] += 1;
      beyond += beyond_[levels[d]];
    }
    for_readers(array, [&](RangeReport::Head& ranges) {
      ranges.stored_beyond += beyond;
      ranges.cells += shape().dim;
    });
    counter_.activity().dac_values += shape().dim;
  }

  // The ranges of all heads that read an array.
  template <class Add>
  void for_readers(int array, const Add& add) {
    for (int h = array * shape().group; array_of(h) == array; ++h) add(ranges_.heads[h]);
  }

  // One token's key and value.
  void store(int array, const float* k, const float* v) {
    const Scalers& s = scalers();
    write(keys_, array, k, s.a_k[array], s.b_k[array]);
    write(values_, array, v, s.a_v[array], s.b_v[array]);
    counter_.count_installed(shape());
    if (!options_.effects.has(Effect::kClipping)) return;
    const double outside_k = outside(kv_, s.a_k[array], s.b_k[array], k),
                 outside_v = outside(kv_, s.a_v[array], s.b_v[array], v);
    for_readers(array, [&](RangeReport::Head& ranges) {
      ranges.k += outside_k;
      ranges.v += outside_v;
    });
  }

  // A token's cells as they are now.
  struct Stored {
    std::vector<double> v, gain;  // [dim]; gain is empty where every read takes its whole charge
  };
  Stored stored(Cells& stage, int array, int slot, double age_s) {
    const int dim = shape().dim;
    const double* targets = cells(stage.target_v, array, slot);
    Stored now{std::vector<double>(dim), {}};
    double last = std::numeric_limits<double>::quiet_NaN(), v = last;
    std::array<std::pair<double, double>, 16> seen;  // few distinct targets where quantised
    std::size_t known = 0;
    for (int d = 0; d < dim; ++d) {
      if (targets[d] != last) {
        last = targets[d];
        const auto end = seen.begin() + static_cast<std::ptrdiff_t>(known);
        const auto found =
            std::find_if(seen.begin(), end, [&](const auto& pair) { return pair.first == last; });
        if (found != end) {
          v = found->second;
        } else {
          v = circuit_.stored_v(last, age_s);
          if (known < seen.size()) seen[known++] = {last, v};
        }
      }
      now.v[d] = v;
    }
    if (circuit_.read_share) now.gain.assign(dim, circuit_.read_share(age_s));
    if (!spread_.of_cells()) return now;
    now.gain.resize(dim, 1.0);
    for (int d = 0; d < dim; ++d) {
      const auto cell = spread_.cell(stage.which, array, slot, d);
      now.v[d] += cell.offset_v;
      now.gain[d] *= cell.gain;
    }
    return now;
  }

  // The first array's columns, by slot.
  std::vector<ColumnOutput> read_first(int head, const std::vector<Stored>& key,
                                       const std::vector<double>& q_width_s) {
    if (simulator_) {
      std::vector<ColumnInput> columns;
      for (const Stored& token : key) columns.push_back({token.v, q_width_s});
      return simulator_->first(columns);
    }
    std::vector<ColumnOutput> read(key.size());
    for (std::size_t slot = 0; slot < key.size(); ++slot) {
      const double charge =
          column_charge_c(circuit_, circuit_.relu, key[slot].v, q_width_s, key[slot].gain);
      read[slot] = {charge, circuit_.relu.pulse_s(spread_.converted_c(
                                ArrayStage::kFirst, array_of(head), static_cast<int>(slot),
                                conversion(head), charge))};
    }
    return read;
  }

  // The second array's columns, [sub-tile][dim].
  std::vector<ColumnOutput> read_second(int head, const std::vector<Stored>& value,
                                        const std::vector<double>& phi_s) {
    const int dim = shape().dim, tile = circuit_.tile, filled = static_cast<int>(value.size());
    std::vector<ColumnInput> columns;
    std::vector<ColumnOutput> read;
    for (int first = 0; first < filled; first += tile) {
      const int last = std::min(filled, first + tile);
      const std::vector<double> widths(phi_s.begin() + first, phi_s.begin() + last);
      for (int d = 0; d < dim; ++d) {
        std::vector<double> column, gain;
        for (int slot = first; slot < last; ++slot) {
          column.push_back(value[slot].v[d]);
          if (!value[slot].gain.empty()) gain.push_back(value[slot].gain[d]);
        }
        if (simulator_) {
          columns.push_back({std::move(column), widths});
          continue;
        }
        const double charge =
            column_charge_c(circuit_, circuit_.differential, column, widths, gain);
        read.push_back({charge, circuit_.differential.pulse_s(spread_.converted_c(
                                    ArrayStage::kSecond, array_of(head),
                                    static_cast<int>(read.size()), conversion(head), charge))});
      }
    }
    return simulator_ ? simulator_->second(columns) : read;
  }

  void count_outside(int head, const float* q) {
    if (!options_.effects.has(Effect::kClipping)) return;
    const Scalers& s = scalers();
    RangeReport::Head& ranges = ranges_.heads[head];
    ranges.values += shape().dim;
    ranges.q += outside(q_, s.a_q[head], s.b_q[head], q);
  }

  // What a token's step computes on its way to the output, of one head.
  struct Step {
    std::vector<double> q_width_s;               // [dim]
    std::vector<double> age_s, charge_c, phi_s;  // [slot]
    std::vector<Stored> key, value;              // [slot]
    std::vector<ColumnOutput> second;            // [sub-tile][dim]
  };

  void step(int head, const float* q, float* out) {
    const int array = array_of(head);
    const int dim = shape().dim, window = shape().window, tile = circuit_.tile;
    const Scalers& s = scalers();
    energy::Activity& activity = counter_.activity();
    count_outside(head, q);

    Step now;
    for (int d = 0; d < dim; ++d)
      now.q_width_s.push_back(circuit_.t_max_s *
                              q_share(static_cast<double>(s.a_q[head]) * q[d] + s.b_q[head]));
    const int filled = this->filled();
    const int newest = static_cast<int>(now_ % window);
    for (int slot = 0; slot < filled; ++slot) {
      const double age_s = (newest - slot + window) % window * options_.token_period_s;
      now.age_s.push_back(age_s);
      now.key.push_back(stored(keys_, array, slot, age_s));
      now.value.push_back(stored(values_, array, slot, age_s));
    }

    const std::vector<ColumnOutput> first = read_first(head, now.key, now.q_width_s);
    for (int slot = 0; slot < filled; ++slot) {
      now.charge_c.push_back(first[slot].charge_c);
      now.phi_s.push_back(first[slot].pulse_s);
      counter_.convert(activity.first_conversions, first[slot].charge_c);
      const std::uint8_t* levels = cells(keys_.level, array, slot);
      for (int d = 0; d < dim; ++d)
        counter_.read_cell(activity.first_reads, now.age_s[slot], std::abs(now.q_width_s[d]),
                           levels[d]);
    }

    const int tiles = (filled + tile - 1) / tile;
    now.second = read_second(head, now.value, now.phi_s);
    std::vector<double> sum(dim, 0.0);
    for (int i = 0; i < tiles; ++i)
      for (int d = 0; d < dim; ++d) {
        const auto& [charge, pulse] = now.second[i * dim + d];
        for (int slot = i * tile; slot < std::min(filled, (i + 1) * tile); ++slot)
          counter_.read_cell(activity.second_reads, now.age_s[slot], now.phi_s[slot],
                             cells(values_.level, array, slot)[d]);
        counter_.convert(activity.second_conversions, charge);
        sum[d] += counted(pulse / circuit_.differential.full_scale_s);
      }
    for (int d = 0; d < dim; ++d)
      out[d] = static_cast<float>(s.a_o[head] * count_unit() * sum[d] + s.b_o[head]);
    RangeReport::Head& ranges = ranges_.heads[head];
    ranges.first += filled;
    ranges.first_beyond += conversions_beyond(circuit_.relu, first);
    ranges.second += static_cast<double>(now.second.size());
    ranges.second_beyond += conversions_beyond(circuit_.differential, now.second);
    counter_.count_read(tiles);
    if (observed(now_, head)) show(trace_of(head, now));
  }

  // As large as the window; NaN where no token is.
  StepTrace trace_of(int head, const Step& now) {
    const int dim = shape().dim, window = shape().window, tile = circuit_.tile;
    StepTrace trace;
    trace.token = now_;
    trace.head = head;
    trace.q_width_s = now.q_width_s;
    trace.age_s = now.age_s;
    trace.first_charge_c = now.charge_c;
    trace.phi_s = now.phi_s;
    for (std::vector<double>* of_slots : {&trace.age_s, &trace.first_charge_c, &trace.phi_s})
      of_slots->resize(window, kNan);

    for (int slot = 0; slot < filled(); ++slot) {
      const std::vector<double>&key = now.key[slot].v, &value = now.value[slot].v;
      trace.key_v.insert(trace.key_v.end(), key.begin(), key.end());
      trace.value_v.insert(trace.value_v.end(), value.begin(), value.end());
      const double* key_targets = cells(keys_.target_v, array_of(head), slot);
      const double* value_targets = cells(values_.target_v, array_of(head), slot);
      trace.key_target_v.insert(trace.key_target_v.end(), key_targets, key_targets + dim);
      trace.value_target_v.insert(trace.value_target_v.end(), value_targets, value_targets + dim);
    }
    for (std::vector<double>* of_cells :
         {&trace.key_target_v, &trace.value_target_v, &trace.key_v, &trace.value_v})
      of_cells->resize(static_cast<std::size_t>(window) * dim, kNan);

    for (const auto& [charge, pulse] : now.second) {
      trace.second_charge_c.push_back(charge);
      trace.second_pulse_s.push_back(pulse);
    }
    for (std::vector<double>* of_columns : {&trace.second_charge_c, &trace.second_pulse_s})
      of_columns->resize(static_cast<std::size_t>((window + tile - 1) / tile) * dim, kNan);
    return trace;
  }

  Circuit circuit_;
  AnalogOptions options_;
  Quantiser q_, kv_, output_;
  PhysicalSpread spread_;
  ActivityCounter counter_;
  std::vector<bool> beyond_;  // of the levels, see levels_beyond()
  std::shared_ptr<ColumnSimulator> simulator_;
  std::int64_t now_ = 0;     // tokens since reset
  std::int64_t before_ = 0;  // and those before it, for the noise
  Cells keys_{PhysicalSpread::Array::kKeys, {}, {}};
  Cells values_{PhysicalSpread::Array::kValues, {}, {}};
};

}  // namespace

std::unique_ptr<Analog> make_column_level(Shape shape, const Circuit& circuit, Scalers scalers,
                                          AnalogOptions options) {
  return std::make_unique<ColumnLevel>(shape, circuit, std::move(scalers), options, nullptr);
}

std::unique_ptr<Analog> make_simulated_level(Shape shape, const Circuit& circuit, Scalers scalers,
                                             AnalogOptions options,
                                             std::shared_ptr<ColumnSimulator> simulator) {
  if (options.spread.mismatch() || options.spread.noise())
    throw Error({.place = "attention",
                 .key = "level",
                 .value = "spice",
                 .rule = "has no mismatch and no noise: its transistors are all alike",
                 .remedy = "choose the column level"});
  if (circuit.read_share && options.effects.has(Effect::kRetention))
    throw Error({.place = "attention",
                 .key = "level",
                 .value = "spice",
                 .rule = "a transistor's charge does not fade as a whole (table cell_read_share)",
                 .remedy = "choose the column level, or switch the effect `retention` off"});
  for (const Effect effect :
       {Effect::kPulseEdges, Effect::kBitline, Effect::kConverterOffset, Effect::kConverterCurve,
        Effect::kConverterGain, Effect::kSaturation, Effect::kClipping})
    if (!options.effects.has(effect))
      throw Error({.place = "attention",
                   .key = "effects",
                   .value = fmt::format("{} off", name(effect)),
                   .rule = "transistors cannot lose this effect",
                   .remedy = "choose the column level; the spice level can be without write, "
                             "retention, the quantisers and the counter"});
  return std::make_unique<ColumnLevel>(shape, circuit, std::move(scalers), options,
                                       std::move(simulator));
}

}  // namespace gaincell::attention
