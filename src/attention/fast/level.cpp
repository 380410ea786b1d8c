// The fast level: one byte per cell, level tables by age, vector kernels (kernels.h).
#include "attention/fast/level.h"

#include <hwy/cache_control.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <limits>
#include <optional>

#include "attention/activity_counter.h"
#include "attention/fast/books.h"
#include "attention/fast/kernels.h"
#include "attention/fast/lines.h"
#include "attention/fast/model.h"
#include "attention/fast/ring.h"
#include "attention/fast/spread.h"
#include "attention/fast/thread_pool.h"
#include "attention/fast/tile_plan.h"
#include "attention/quantise.h"

namespace gaincell::attention {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

constexpr int kTogether = 128;  // tokens that a head runs through before the next one does

// Work space of one thread.
struct Work {
  Work(const FastModel& model, const Ring& ring) : plan(model, ring) {}

  TilePlan plan;
  std::vector<kernels::Unit> units;
  std::vector<kernels::Lanes> lanes;
  kernels::Pulses pulses[kernels::kMaxQueries] = {};
  Lines<std::byte> query_weights, weights;
  Lines<float> width, lasting, second_lasting, x, phi, second_x, second_pulse, total, beyond_table;
  Lines<float> hat;
  Lines<std::uint8_t> q_levels, k_levels, v_levels;  // [kTogether][dim]
  Lines<std::uint8_t> old_keys, old_values;
  std::vector<std::uint16_t> old_counts;
  FastSpread::Work spread;  // where there is any
};

class FastLevel final : public Analog {
 public:
  FastLevel(Shape shape, std::shared_ptr<const FastModel> model, Scalers scalers,
            const PhysicalSpread& spread)
      : Analog(shape, std::move(scalers)),
        model_(std::move(model)),
        circuit_(model_->circuit),
        options_(model_->options),
        first_(model_->first),
        second_(model_->second),
        dim_(blocks(shape.dim, kUnit) * kUnit),
        ring_(shape.window, circuit_.tile),
        pool_(std::clamp(options_.threads, 1, shape.heads)),
        unit_cells_(static_cast<std::size_t>(dim_) * kUnit),
        beyond_(levels_beyond(circuit_, std::min(circuit_.known_age_s, model_->oldest_age_s))),
        work_(pool_.threads(), Work(*model_, ring_)) {
    const std::size_t heads = shape.heads, dim = dim_, units = heads * ring_.units();
    keys_.resize(units * unit_cells_);
    values_.resize(units * unit_cells_);
    value_counts_.resize(units * kUnit * kLevels);
    key_counts_.resize(heads * dim * kLevels);
    value_totals_.resize(heads * kLevels);
    for (std::size_t h = 0; h < heads; ++h) books_.emplace_back(*model_);
    for (int level = 0; level < circuit_.q_levels; ++level)
      q_width_.push_back(static_cast<float>(level) / static_cast<float>(circuit_.q_levels - 1));
    q_width_.push_back(0.0f);
    if (spread.any()) spread_.emplace(shape, ring_, *model_, spread);
    for (Work& work : work_) prepare(work);
  }

  const energy::Activity& activity() const override {
    if (!stale_) return activity_;
    activity_ = {};
    for (Books& books : books_) {
      books.deposit(*model_);
      activity_ += books.counter.activity();
    }
    activity_.tokens = tokens_;
    stale_ = false;
    return activity_;
  }
  const FastReport* fast_report() const override { return &model_->report; }
  std::size_t ring_bytes() const override {
    return keys_.size() + values_.size() + value_counts_.size() * sizeof(value_counts_[0]) +
           key_counts_.size() * sizeof(key_counts_[0]) +
           value_totals_.size() * sizeof(value_totals_[0]) + (spread_ ? spread_->bytes() : 0);
  }

 private:
  // One head's consecutive queries of one block.
  struct Step {
    std::int64_t token;  // of query 0
    int head, queries;
    int levels;      // row of Work's levels that is query 0's
    const float* q;  // of query 0; the next is `stride` on
    float* out;
    std::size_t stride;
    std::vector<StepTrace>* traces;  // null, or where what is observed goes
  };

  void prepare(Work& work) const {
    const std::size_t dim = dim_, queries = model_->age_block;
    const std::size_t parts = work.plan.most_parts_of_a_tile(), rows = parts * kUnit;
    work.units.resize(parts);
    work.lanes.resize(parts * queries);
    work.query_weights.resize(queries * dim * first_.stage().weight_rows() *
                              first_.stage().weight_bytes());
    work.weights.resize(queries * rows * second_.stage().weight_rows() *
                        second_.stage().weight_bytes());
    work.width.resize(dim);
    work.lasting.resize(dim);
    work.second_lasting.resize(rows);
    work.x.resize(queries * rows);
    work.phi.resize(queries * rows);
    work.second_x.resize(queries * dim);
    work.second_pulse.resize(queries * dim);
    work.total.resize(queries * dim);
    work.beyond_table.resize(kUnit);
    work.hat.resize(
        static_cast<std::size_t>(kernels::Reads::nodes(ActivityCounter::pulse_steps(circuit_))) *
        kUnit);
    // Dimensions that there are not have no pulse, and are read on a row of their own.
    work.q_levels.resize(dim * kTogether, static_cast<std::uint8_t>(circuit_.q_levels));
    for (auto* levels : {&work.k_levels, &work.v_levels}) levels->resize(dim * kTogether);
    work.old_keys.resize(unit_cells_);
    work.old_values.resize(unit_cells_);
    work.old_counts.resize(kUnit * kLevels);
    if (spread_) work.spread = spread_->work(static_cast<int>(parts), static_cast<int>(queries));
  }

  void reset_ring() override {
    before_ += now_;
    now_ = 0;
    tokens_ = 0;
    for (Work& work : work_) work.plan.clear();
    for (Books& books : books_) books.clear();
    stale_ = true;
    std::fill(key_counts_.begin(), key_counts_.end(), std::int32_t{0});
    std::fill(value_totals_.begin(), value_totals_.end(), std::int32_t{0});
  }

  void run_checked(int tokens, const float* q, const float* k, const float* v,
                   float* out) override {
    const int heads = shape().heads, dim = shape().dim;
    const std::size_t stride = static_cast<std::size_t>(heads) * dim;
    for (int done = 0; done < tokens;) {
      // A head's tokens run together as long as its ring and they stay in the cache; what is
      // observed is shown by token.
      const int rest = std::min(tokens - done, kTogether);
      const int piece = any_observed(rest) ? block_queries(now_, rest) : rest;
      std::vector<StepTrace> traces;
      const auto run_head = [&](int head, Work& work, std::vector<StepTrace>* to) {
        const std::size_t first = done * stride + static_cast<std::size_t>(head) * dim;
        quantise({q + first, k + first, v + first}, head, piece, work);
        for (int i = 0; i < piece;) {
          const std::int64_t token = now_ + i;
          const int queries = block_queries(token, piece - i);
          const std::size_t at = (done + i) * stride + static_cast<std::size_t>(head) * dim;
          work.plan.set(token);
          books_[head].deposit_at(work.plan.block(), *model_, ring_.window());
          run_step({token, head, queries, i, q + at, out + at, stride, to}, work);
          i += queries;
        }
      };
      if (any_observed(piece)) {
        for (int h = 0; h < heads; ++h) run_head(h, work_[0], &traces);
      } else {
        pool_.run(heads, [&](int head, int thread) { run_head(head, work_[thread], nullptr); });
      }
      std::stable_sort(traces.begin(), traces.end(),
                       [](const StepTrace& a, const StepTrace& b) { return a.token < b.token; });
      for (const StepTrace& trace : traces) show(trace);
      for (int i = 0; i < piece; ++i)
        count_ages(filled(now_ + i), options_.token_period_s, circuit_.known_age_s);
      now_ += piece;
      done += piece;
    }
    tokens_ += tokens;
    stale_ = true;
  }

  // Levels of a head's next tokens, all at once: their rows lie so far apart that each is waited
  // for.
  void quantise(const std::array<const float*, 3>& qkv, int head, int tokens, Work& work) {
    const Scalers& s = scalers();
    const double kv_steps = (circuit_.kv_levels - 1) / circuit_.v_max;
    const std::size_t dim = shape().dim, stride = dim * shape().heads;
    std::size_t outside_q = 0, outside_k = 0, outside_v = 0;
    for (std::size_t i = 0; i < static_cast<std::size_t>(tokens); ++i) {
      const std::size_t from = i * stride, to = i * dim_;
      constexpr std::size_t kAhead = 6;
      if (i + kAhead < static_cast<std::size_t>(tokens))
        for (const float* row : qkv)
          for (std::size_t d = 0; d < dim; d += 16) hwy::Prefetch(row + from + kAhead * stride + d);
      outside_q += kernels::quantise(dim, qkv[0] + from, s.a_q[head], s.b_q[head], 1.0,
                                     circuit_.q_levels - 1, work.q_levels.data() + to);
      outside_k += kernels::quantise(dim, qkv[1] + from, s.a_k[head], s.b_k[head], circuit_.v_max,
                                     kv_steps, work.k_levels.data() + to);
      outside_v += kernels::quantise(dim, qkv[2] + from, s.a_v[head], s.b_v[head], circuit_.v_max,
                                     kv_steps, work.v_levels.data() + to);
    }
    RangeReport::Head& ranges = ranges_.heads[head];
    ranges.values += static_cast<double>(dim) * tokens;
    ranges.cells += 2.0 * static_cast<double>(dim) * tokens;
    ranges.q += static_cast<double>(outside_q);
    ranges.k += static_cast<double>(outside_k);
    ranges.v += static_cast<double>(outside_v);
  }

  // Queries of a token's block from there on, at most so many.
  int block_queries(std::int64_t token, int most) const {
    const int slot = slot_of(token);
    return std::min(ring_.end(slot, model_->age_block) - slot, most);
  }
  int slot_of(std::int64_t token) const { return static_cast<int>(token % ring_.window()); }
  int filled(std::int64_t token) const {
    return static_cast<int>(std::min<std::int64_t>(token + 1, ring_.window()));
  }
  bool any_observed(int queries) const {
    for (int i = 0; i < queries; ++i)
      for (int h = 0; h < shape().heads; ++h)
        if (observed(now_ + i, h)) return true;
    return false;
  }
  std::size_t unit_index(int head, int slot) const {
    return static_cast<std::size_t>(head) * ring_.units() + ring_.unit_of(slot);
  }

  void run_step(const Step& step, Work& work) {
    const int dim = dim_, slot = slot_of(step.token);
    const TilePlan& plan = work.plan;
    const kernels::Stage& stage = first_.stage();
    const std::size_t unit = unit_index(step.head, slot);
    // Queries of one call still see what later tokens of the call overwrite.
    const bool keeps_old = step.queries > 1 && step.token >= ring_.window();
    if (keeps_old) {
      std::copy_n(keys_.data() + unit * unit_cells_, unit_cells_, work.old_keys.data());
      std::copy_n(values_.data() + unit * unit_cells_, unit_cells_, work.old_values.data());
      std::copy_n(value_counts_.data() + unit * kUnit * kLevels, kUnit * kLevels,
                  work.old_counts.data());
    }
    Books& books = books_[step.head];
    const std::size_t weights =
        static_cast<std::size_t>(dim) * stage.weight_rows() * stage.weight_bytes();
    for (int i = 0; i < step.queries; ++i) {
      write(step.head, step.token + i, step.levels + i, work);
      for (int level = 0; level < kLevels; ++level)
        books.cells[level] += value_totals_[static_cast<std::size_t>(step.head) * kLevels + level];
      set_widths(step.head, filled(step.token + i), step.q + i * step.stride, step.levels + i,
                 work);
      kernels::set_pulses(stage, dim, work.width.data(), work.lasting.data(),
                          work.query_weights.data() + i * weights, work.pulses[i]);
    }
    std::vector<StepTrace> traces;
    if (step.traces) traces = begin_traces(step);
    std::fill(work.total.begin(), work.total.end(), 0.0f);
    const auto queries_before = static_cast<float>(slot - ring_.begin(slot, model_->age_block));
    for (int lane = 0; lane < kUnit; ++lane)
      work.beyond_table[lane] = plan.beyond_table()[lane] + queries_before;
    if (spread_) spread_->set_tokens(before_ + step.token, step.queries, work.spread);
    kernels::Reads reads{.steps = ActivityCounter::pulse_steps(circuit_),
                         .count = books.reads.data(),
                         .hat = work.hat.data(),
                         .age_sum_s = 0,
                         .period_s = options_.token_period_s,
                         .pulses = 0};
    for (int tile = 0; tile < plan.tiles(); ++tile)
      run_tile(step, tile, keeps_old, reads, work, traces);
    books.age_sum_s += reads.age_sum_s;
    books.pulses += reads.pulses;
    energy::Activity& activity = books.counter.activity();

    const Scalers& s = scalers();
    for (int i = 0; i < step.queries; ++i) {
      kernels::scale_output(shape().dim, work.total.data() + i * dim,
                            s.a_o[step.head] * count_unit(), s.b_o[step.head],
                            step.out + i * step.stride);
      activity.token_heads += 1;
      activity.sub_tile_steps += blocks(filled(step.token + i), ring_.tile());
    }
    for (StepTrace& trace : traces)
      if (observed(trace.token, trace.head)) step.traces->push_back(std::move(trace));
  }

  // A token's key and value, and what its query reads of the keys.
  void write(int head, std::int64_t token, int row, Work& work) {
    const int dim = dim_, columns = shape().dim;
    const int slot = slot_of(token), lane = ring_.lane_of(slot);
    const bool overwrites = token >= ring_.window();
    energy::Activity& activity = books_[head].counter.activity();
    const std::size_t unit = unit_index(head, slot);
    const std::uint8_t* index = work.k_levels.data() + static_cast<std::size_t>(row) * dim;
    std::uint8_t* to = keys_.data() + unit * unit_cells_ + lane * 4;
    std::int32_t* key_counts = key_counts_.data() + static_cast<std::size_t>(head) * dim * kLevels;
    std::uint16_t written[kLevels];
    kernels::count_levels(columns, index, written);
    kernels::count_key_reads(dim, overwrites ? to : nullptr, index,
                             work.q_levels.data() + static_cast<std::size_t>(row) * dim, key_counts,
                             books_[head].first_reads.data());
    for (int d = 0; d < dim; d += 4, to += kUnit * 4) std::memcpy(to, index + d, 4);

    index = work.v_levels.data() + static_cast<std::size_t>(row) * dim;
    kernels::store_levels(dim, index, lane % 4,
                          values_.data() + unit * unit_cells_ + lane / 4 * 4 * dim);
    std::uint16_t* counts = value_counts_.data() + (unit * kUnit + lane) * kLevels;
    std::int32_t* totals = value_totals_.data() + static_cast<std::size_t>(head) * kLevels;
    for (int level = 0; level < kLevels; ++level)
      if (overwrites) totals[level] -= counts[level];
    kernels::count_levels(columns, index, counts);
    for (int level = 0; level < kLevels; ++level) totals[level] += counts[level];
    for (int level = 0; level < circuit_.kv_levels; ++level)
      activity.writes[level] += written[level] + counts[level];
    for (int level = 0; level < circuit_.kv_levels; ++level)
      if (beyond_[level]) ranges_.heads[head].stored_beyond += written[level] + counts[level];
    activity.dac_values += 2 * columns;
  }

  // Pulses on the rows of the first array.
  void set_widths(int head, int tokens, const float* q, int row, Work& work) {
    const int dim = shape().dim;
    books_[head].tokens += tokens;
    books_[head].ages += 0.5 * tokens * (tokens - 1.0);
    if (!options_.effects.has(Effect::kInputQuantiser)) {
      ActivityCounter& counter = books_[head].counter;
      const double mean_age_s = 0.5 * (tokens - 1) * options_.token_period_s;
      const std::int32_t* counts =
          key_counts_.data() + static_cast<std::size_t>(head) * dim_ * kLevels;
      for (int d = 0; d < dim; ++d) {
        const double width_s = q_width_s(head, q[d]);
        work.width[d] = static_cast<float>(width_s / circuit_.t_max_s);
        counter.read(counter.activity().first_reads, mean_age_s, width_s, counts + d * kLevels);
      }
      return;
    }
    const std::uint8_t* index = work.q_levels.data() + static_cast<std::size_t>(row) * dim_;
    for (int d = 0; d < dim_; ++d) work.width[d] = q_width_[index[d]];
  }

  double q_width_s(int head, float q) const {
    const Scalers& s = scalers();
    double x = std::clamp(static_cast<double>(s.a_q[head]) * q + s.b_q[head], 0.0, 1.0);
    if (options_.effects.has(Effect::kInputQuantiser))
      x = std::nearbyint(x * (circuit_.q_levels - 1)) / (circuit_.q_levels - 1);
    return x * circuit_.t_max_s;
  }

  void run_tile(const Step& step, int tile, bool keeps_old, kernels::Reads& reads, Work& work,
                std::vector<StepTrace>& traces) {
    const TilePlan& plan = work.plan;
    const int dim = dim_, slot = slot_of(step.token), begin = plan.first_part(tile),
              parts = plan.first_part(tile + 1) - begin;
    int columns = 0;
    for (int i = 0; i < parts; ++i) {
      const TilePlan::Part& part = plan.part(begin + i);
      const std::size_t unit = unit_index(step.head, part.begin);
      const int lane = ring_.lane_of(part.begin), size = part.end - part.begin;
      const bool old = keeps_old && part.is_written && part.laps_ago == 1;
      const int age = part.age(slot, ring_.window()) + lane;  // of lane 0
      work.units[i] = {
          .keys = old ? work.old_keys.data() : keys_.data() + unit * unit_cells_,
          .values = old ? work.old_values.data() : values_.data() + unit * unit_cells_,
          .counts = old ? work.old_counts.data() : value_counts_.data() + unit * kUnit * kLevels,
          .first_table = part.first_table,
          .second_table = part.second_table,
          .first_fading = part.first_fading,
          .second_fading = part.second_fading,
          .age_s = age * options_.token_period_s};
      if (spread_) spread_->set_unit(step.head, ring_.unit_of(part.begin), i, work.spread);
      for (int q = 0; q < step.queries; ++q) {
        int first = lane, last = lane + size;
        if (part.is_written) {
          const int written = slot + q - part.begin + 1;
          (part.laps_ago == 0 ? last : first) = lane + written;
        }
        work.lanes[q * parts + i] = {.first = static_cast<std::uint8_t>(first),
                                     .last = static_cast<std::uint8_t>(last)};
        columns += last - first;
      }
    }
    Books& books = books_[step.head];
    RangeReport::Head& ranges = ranges_.heads[step.head];
    const int outputs = step.queries * shape().dim;
    std::int64_t first_beyond = 0, second_beyond = 0;
    const kernels::SubTile sub_tile{
        .dim = dim,
        .units = parts,
        .queries = step.queries,
        .columns = shape().dim,
        .unit = work.units.data(),
        .first_plane = model_->first_tables->plane_bytes(),
        .second_plane = model_->second_tables->plane_bytes(),
        .beyond_table = work.beyond_table.data(),
        .lanes = work.lanes.data(),
        .pulses = work.pulses,
        .phi_per_pulse = static_cast<float>(circuit_.relu.full_scale_s / circuit_.t_max_s),
        .counts = has_counter() ? 0.5f * static_cast<float>(circuit_.output_levels - 1) : 0.0f,
        .first_known = known(circuit_.relu, first_),
        .second_known = known(circuit_.differential, second_),
        .first_hinges = books.first.hinges(step.queries * parts * kUnit, columns),
        .second_hinges = books.second.hinges(step.queries * dim, outputs),
        .reads = &reads,
        .x = work.x.data(),
        .phi = work.phi.data(),
        .second_x = work.second_x.data(),
        .second_pulse = work.second_pulse.data(),
        .total = work.total.data(),
        .first_beyond = &first_beyond,
        .second_beyond = &second_beyond,
        .weights = work.weights.data(),
        .lasting = work.second_lasting.data(),
        .spread = spread_ ? spread_->tile(step.head, tile, work.spread) : nullptr};
    kernels::sub_tile(first_.stage(), second_.stage(), sub_tile);
    ranges.first += columns;
    ranges.first_beyond += static_cast<double>(first_beyond);
    ranges.second += outputs;
    ranges.second_beyond += static_cast<double>(second_beyond);
    for (std::size_t q = 0; q < traces.size(); ++q)
      if (observed(traces[q].token, step.head))
        trace_tile(plan, sub_tile, static_cast<int>(q), tile, traces[q]);
  }

  bool has_counter() const { return options_.effects.has(Effect::kCounter); }
  // Outputs add up in counts, or in full scales without the counter.
  double count_unit() const { return has_counter() ? 2.0 / (circuit_.output_levels - 1) : 1.0; }
  static kernels::Known known(const Circuit::Converter& converter, const StageFit& fit) {
    return {static_cast<float>(converter.known_low_c / fit.full_scale_c()),
            static_cast<float>(converter.known_high_c / fit.full_scale_c())};
  }

  std::vector<StepTrace> begin_traces(const Step& step) const {
    const int dim = shape().dim, window = ring_.window();
    const std::size_t cells = static_cast<std::size_t>(window) * dim,
                      outputs = static_cast<std::size_t>(ring_.tiles()) * dim;
    std::vector<StepTrace> traces(step.queries);
    for (int i = 0; i < step.queries; ++i) {
      StepTrace& trace = traces[i];
      trace.token = step.token + i;
      trace.head = step.head;
      if (!observed(trace.token, trace.head)) continue;
      for (int d = 0; d < dim; ++d)
        trace.q_width_s.push_back(q_width_s(step.head, step.q[i * step.stride + d]));
      trace.key_v.assign(cells, kNan);
      trace.value_v.assign(cells, kNan);
      trace.first_charge_c.assign(window, kNan);
      trace.phi_s.assign(window, kNan);
      trace.second_charge_c.assign(outputs, kNan);
      trace.second_pulse_s.assign(outputs, kNan);
    }
    return traces;
  }

  void trace_tile(const TilePlan& plan, const kernels::SubTile& done, int query, int tile,
                  StepTrace& trace) const {
    const int dim = shape().dim, first = plan.first_part(tile);
    // What kernels see is `dim_` wide.
    for (int i = 0; i < done.units; ++i) {
      const TilePlan::Part& part = plan.part(first + i);
      const kernels::Unit& unit = done.unit[i];
      const kernels::Lanes lanes = done.lanes[query * done.units + i];
      for (int lane = lanes.first; lane < lanes.last; ++lane) {
        const int slot = part.begin + lane - ring_.lane_of(part.begin);
        const int at = (query * done.units + i) * kUnit + lane;
        const double age_s =
            (part.age(slot_of(trace.token), ring_.window()) - (slot - part.begin)) *
            options_.token_period_s;
        trace.first_charge_c[slot] = done.x[at] * first_.full_scale_c();
        trace.phi_s[slot] = done.phi[at] * circuit_.relu.full_scale_s;
        for (int d = 0; d < dim; ++d) {
          const std::size_t cell = static_cast<std::size_t>(slot) * dim + d;
          trace.key_v[cell] = model_->stored_v(unit.keys[key_at(lane, d)], age_s);
          trace.value_v[cell] = model_->stored_v(unit.values[value_at(lane, d, dim_)], age_s);
          if (!spread_) continue;
          using Array = PhysicalSpread::Array;
          trace.key_v[cell] += spread_->offset_v(Array::kKeys, trace.head, slot, d);
          trace.value_v[cell] += spread_->offset_v(Array::kValues, trace.head, slot, d);
        }
      }
    }
    for (int d = 0; d < dim; ++d) {
      const std::size_t column = static_cast<std::size_t>(tile) * dim + d;
      trace.second_charge_c[column] = done.second_x[query * dim_ + d] * second_.full_scale_c();
      trace.second_pulse_s[column] =
          done.second_pulse[query * dim_ + d] * circuit_.differential.full_scale_s;
    }
  }

  std::shared_ptr<const FastModel> model_;
  const Circuit& circuit_;
  const AnalogOptions& options_;
  const StageFit &first_, &second_;
  const int dim_;  // of a head, rounded up to kUnit
  const Ring ring_;
  ThreadPool pool_;
  std::size_t unit_cells_;      // of keys, and as many of values, in a unit
  std::vector<bool> beyond_;    // of the levels, see levels_beyond()
  std::vector<float> q_width_;  // of every level of q, in longest pulses

  std::int64_t now_ = 0;                     // tokens since reset
  std::int64_t before_ = 0;                  // and those before it, for the noise
  double tokens_ = 0;                        // run through, for the activity
  Lines<std::uint8_t> keys_;                 // [head][unit][dim / 4][slot][4 dimensions] levels
  Lines<std::uint8_t> values_;               // [head][unit][4][dim][4 slots] levels
  std::vector<std::uint16_t> value_counts_;  // [head][unit][slot][level] dimensions
  Lines<std::int32_t> key_counts_;           // [head][dim][level] tokens in the ring
  std::vector<std::int32_t> value_totals_;   // [head][level] cells in the ring
  std::optional<FastSpread> spread_;         // none: all alike, and no noise
  mutable std::vector<Books> books_;         // [head]
  std::vector<Work> work_;                   // [thread]
  mutable energy::Activity activity_;        // the heads' together, where not stale
  mutable bool stale_ = true;
};

}  // namespace

std::unique_ptr<Analog> make_fast_level(Shape shape, std::shared_ptr<const FastModel> model,
                                        Scalers scalers, int layer) {
  AnalogOptions options = model->options;
  options.layer = layer;
  const PhysicalSpread spread(shape, options);
  return std::make_unique<FastLevel>(shape, std::move(model), std::move(scalers), spread);
}

}  // namespace gaincell::attention
