// The fast level: one byte per cell, level tables by age, vector kernels (kernels.h,
// docs/fast_level.md).
#include "attention/fast/level.h"

#include <hwy/cache_control.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>

#include "attention/activity_counter.h"
#include "attention/fast/books.h"
#include "attention/fast/cells.h"
#include "attention/fast/kernels.h"
#include "attention/fast/model.h"
#include "attention/fast/ring.h"
#include "attention/fast/spread.h"
#include "attention/fast/tile_plan.h"
#include "attention/fast/trace.h"
#include "attention/fast/work.h"
#include "attention/quantise.h"
#include "base/thread_pool.h"

namespace gaincell::attention {
namespace {

constexpr int kTogether = 128;  // tokens that a head runs through before the next one does

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
        beyond_(levels_beyond(circuit_, std::min(circuit_.known_age_s, model_->oldest_age_s))),
        cells_(shape.heads, dim_, shape.dim, ring_) {
    for (int level = 0; level < circuit_.q_levels; ++level)
      q_width_.push_back(static_cast<float>(level) / static_cast<float>(circuit_.q_levels - 1));
    q_width_.push_back(0.0f);
    for (int h = 0; h < shape.heads; ++h) books_.emplace_back(*model_);
    if (spread.any()) spread_.emplace(shape, ring_, *model_, spread);
    for (int thread = 0; thread < pool_.threads(); ++thread)
      work_.emplace_back(*model_, ring_, cells_, spread_ ? &*spread_ : nullptr, dim_, kTogether);
  }

  energy::Activity activity() const override {
    energy::Activity all;
    for (const Books& books : books_) all += books.activity(*model_);
    all.tokens = tokens_;
    return all;
  }
  const FastReport* fast_report() const override { return &model_->report; }
  std::size_t ring_bytes() const override {
    return cells_.bytes() + (spread_ ? spread_->bytes() : 0);
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

  void reset_ring() override {
    before_ += now_;
    now_ = 0;
    tokens_ = 0;
    for (Work& work : work_) work.plan.clear();
    for (Books& books : books_) books.clear();
    cells_.clear();
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
          run_step({.token = token,
                    .head = head,
                    .queries = queries,
                    .levels = i,
                    .q = q + at,
                    .out = out + at,
                    .stride = stride,
                    .traces = to},
                   work);
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

  void run_step(const Step& step, Work& work) {
    const int dim = dim_, slot = slot_of(step.token);
    const kernels::Stage& stage = first_.stage();
    // Queries of one call still see what later tokens of the call overwrite.
    const bool keeps_old = step.queries > 1 && step.token >= ring_.window();
    if (keeps_old) cells_.keep(step.head, slot, work.old);
    Books& books = books_[step.head];
    const std::size_t weights =
        static_cast<std::size_t>(dim) * stage.weight_rows() * stage.weight_bytes();
    for (int i = 0; i < step.queries; ++i) {
      write(step.head, step.token + i, step.levels + i, work);
      set_widths(step.head, filled(step.token + i), step.q + i * step.stride, step.levels + i,
                 work);
      kernels::set_pulses(stage, dim, work.width.data(), work.lasting.data(),
                          work.query_weights.data() + i * weights, work.pulses[i]);
    }
    std::vector<StepTrace> traces;  // of all queries, or none
    for (int i = 0; step.traces && i < step.queries; ++i)
      traces.push_back(
          tracer().begin(step.token + i, step.head, step.q + i * step.stride, scalers()));
    std::fill(work.total.begin(), work.total.end(), 0.0f);
    const auto queries_before = static_cast<float>(slot - ring_.begin(slot, model_->age_block));
    for (int lane = 0; lane < kUnit; ++lane)
      work.beyond_table[lane] = work.plan.beyond_table()[lane] + queries_before;
    if (spread_) spread_->set_tokens(before_ + step.token, step.queries, work.spread);
    kernels::Reads reads{.steps = ActivityCounter::pulse_steps(circuit_),
                         .count = books.reads.data(),
                         .hat = work.hat.data(),
                         .age_sum_s = 0,
                         .period_s = options_.token_period_s,
                         .pulses = 0};
    for (int tile = 0; tile < work.plan.tiles(); ++tile)
      run_tile(step, tile, keeps_old, reads, work, traces);
    books.age_sum_s += reads.age_sum_s;
    books.pulses += reads.pulses;

    const Scalers& s = scalers();
    for (int i = 0; i < step.queries; ++i) {
      kernels::scale_output(shape().dim, work.total.data() + i * dim,
                            s.a_o[step.head] * count_unit(), s.b_o[step.head],
                            step.out + i * step.stride);
      books.counter.count_token(shape(), blocks(filled(step.token + i), ring_.tile()));
    }
    for (StepTrace& trace : traces)
      if (observed(trace.token, trace.head)) step.traces->push_back(std::move(trace));
  }

  // A token's key and value, and what its query reads of the keys.
  void write(int head, std::int64_t token, int row, Work& work) {
    const std::size_t levels = static_cast<std::size_t>(row) * dim_;
    Books& books = books_[head];
    const Cells::Writes written = cells_.write(head,
                                               {.slot = slot_of(token),
                                                .overwrites = token >= ring_.window(),
                                                .q = work.q_levels.data() + levels,
                                                .k = work.k_levels.data() + levels,
                                                .v = work.v_levels.data() + levels},
                                               books.first_reads.data());
    energy::Activity& activity = books.counter.activity();
    for (int level = 0; level < circuit_.kv_levels; ++level) {
      const int cells = written.keys[level] + written.values[level];
      activity.writes[level] += cells;
      if (beyond_[level]) ranges_.heads[head].stored_beyond += cells;
    }
    activity.dac_values += 2 * shape().dim;
    const std::int32_t* values = cells_.value_totals(head);
    for (int level = 0; level < kLevels; ++level) books.cells[level] += values[level];
  }

  // Pulses on the rows of the first array.
  void set_widths(int head, int tokens, const float* q, int row, Work& work) {
    const int dim = shape().dim;
    books_[head].tokens += tokens;
    books_[head].ages += 0.5 * tokens * (tokens - 1.0);
    if (!options_.effects.has(Effect::kInputQuantiser)) {
      ActivityCounter& counter = books_[head].counter;
      const double mean_age_s = 0.5 * (tokens - 1) * options_.token_period_s;
      const std::int32_t* counts = cells_.key_counts(head);
      for (int d = 0; d < dim; ++d) {
        const double width_s = model_->q_width_s(scalers(), head, q[d]);
        work.width[d] = static_cast<float>(width_s / circuit_.t_max_s);
        counter.read(counter.activity().first_reads, mean_age_s, width_s, counts + d * kLevels);
      }
      return;
    }
    const std::uint8_t* index = work.q_levels.data() + static_cast<std::size_t>(row) * dim_;
    for (int d = 0; d < dim_; ++d) work.width[d] = q_width_[index[d]];
  }

  // The sub-tile's units as the step's queries meet them. Returns how many columns they make.
  int set_units(const Step& step, int tile, bool keeps_old, Work& work) {
    const TilePlan& plan = work.plan;
    const int slot = slot_of(step.token), begin = plan.first_part(tile),
              parts = plan.first_part(tile + 1) - begin;
    int columns = 0;
    for (int i = 0; i < parts; ++i) {
      const TilePlan::Part& part = plan.part(begin + i);
      const int lane = part.lane, size = part.end - part.begin;
      const bool old = keeps_old && part.is_written && part.laps_ago == 1;
      const Cells::View cells = old ? work.old.view() : cells_.unit(step.head, part.unit);
      const int age = part.age(slot, ring_.window()) + lane;  // of lane 0
      work.units[i] = {.keys = cells.keys,
                       .values = cells.values,
                       .counts = cells.counts,
                       .first_table = part.first_table,
                       .second_table = part.second_table,
                       .first_fading = part.first_fading,
                       .second_fading = part.second_fading,
                       .age_s = age * options_.token_period_s};
      if (spread_) spread_->set_unit(step.head, part.unit, i, work.spread);
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
    return columns;
  }

  void run_tile(const Step& step, int tile, bool keeps_old, kernels::Reads& reads, Work& work,
                std::vector<StepTrace>& traces) {
    const TilePlan& plan = work.plan;
    const int dim = dim_, parts = plan.first_part(tile + 1) - plan.first_part(tile);
    const int columns = set_units(step, tile, keeps_old, work);
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
        tracer().add(plan, sub_tile, static_cast<int>(q), tile, traces[q]);
  }

  Tracer tracer() const { return {shape(), ring_, *model_, spread_ ? &*spread_ : nullptr}; }
  bool has_counter() const { return options_.effects.has(Effect::kCounter); }
  // Outputs add up in counts, or in full scales without the counter.
  double count_unit() const { return has_counter() ? 2.0 / (circuit_.output_levels - 1) : 1.0; }
  static kernels::Known known(const Circuit::Converter& converter, const StageFit& fit) {
    return {.low = static_cast<float>(converter.known_low_c / fit.full_scale_c()),
            .high = static_cast<float>(converter.known_high_c / fit.full_scale_c())};
  }

  std::shared_ptr<const FastModel> model_;
  const Circuit& circuit_;
  const AnalogOptions& options_;
  const StageFit &first_, &second_;
  const int dim_;  // of a head, rounded up to kUnit
  const Ring ring_;
  ThreadPool pool_;
  std::vector<bool> beyond_;    // of the levels, see levels_beyond()
  std::vector<float> q_width_;  // of every level of q, in longest pulses

  std::int64_t now_ = 0;     // tokens since reset
  std::int64_t before_ = 0;  // and those before it, for the noise
  double tokens_ = 0;        // run through, for the activity
  Cells cells_;
  std::optional<FastSpread> spread_;  // none: all alike, and no noise
  std::vector<Books> books_;          // [head]
  std::vector<Work> work_;            // [thread]
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
