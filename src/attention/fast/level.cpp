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

constexpr int kTogether = 128;  // tokens that an array runs through before the next one does

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
        pool_(std::clamp(options_.threads, 1, shape.arrays())),
        beyond_(levels_beyond(circuit_, std::min(circuit_.known_age_s, model_->oldest_age_s))),
        cells_(shape.arrays(), dim_, shape.dim, ring_) {
    for (int level = 0; level < circuit_.q_levels; ++level)
      q_width_.push_back(static_cast<float>(level) / static_cast<float>(circuit_.q_levels - 1));
    q_width_.push_back(0.0f);
    for (int array = 0; array < shape.arrays(); ++array) books_.emplace_back(*model_);
    if (spread.any()) spread_.emplace(shape, ring_, *model_, spread);
    for (int thread = 0; thread < pool_.threads(); ++thread)
      work_.emplace_back(*model_, ring_, cells_, spread_ ? &*spread_ : nullptr, dim_,
                         Work::Room{.tokens = kTogether, .queries = kTogether * shape.group});
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
  // Consecutive queries of one block in the heads of one array.
  struct Step {
    std::int64_t token;  // of query 0
    int array, queries;
    int levels;      // row of Work's levels that is query 0's
    const float* q;  // of query 0 in the array's first head; the next is `stride` on
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
  void pass_over(std::int64_t tokens) override { before_ += tokens; }

  void run_checked(int tokens, const float* q, const float* k, const float* v,
                   float* out) override {
    const int arrays = shape().arrays(), dim = shape().dim;
    const std::size_t stride = static_cast<std::size_t>(shape().heads) * dim;
    for (int done = 0; done < tokens;) {
      // An array's tokens run together as long as its ring and they stay in the cache; what is
      // observed is shown by token.
      const int rest = std::min(tokens - done, kTogether);
      const int piece = any_observed(rest) ? block_queries(now_, rest) : rest;
      std::vector<StepTrace> traces;
      const auto run_array = [&](int array, Work& work, std::vector<StepTrace>* to) {
        const std::size_t first_head = static_cast<std::size_t>(array) * shape().group * dim;
        const std::size_t stored = (static_cast<std::size_t>(done) * arrays + array) * dim;
        quantise({q + done * stride + first_head, k + stored, v + stored}, array, piece, work);
        for (int i = 0; i < piece;) {
          const std::int64_t token = now_ + i;
          const int queries = block_queries(token, piece - i);
          const std::size_t at = (done + i) * stride + first_head;
          work.plan.set(token);
          books_[array].deposit_at(work.plan.block(), *model_, ring_.window());
          run_step({.token = token,
                    .array = array,
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
        for (int array = 0; array < arrays; ++array) run_array(array, work_[0], &traces);
      } else {
        pool_.run(arrays, [&](int array, int thread) { run_array(array, work_[thread], nullptr); });
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

  // Rows of q, k or v as levels, all at once: they lie so far apart that each is waited for.
  // Returns how many values lay outside the range.
  struct Rows {
    const float* first;
    std::size_t stride;
    double a, b, top, steps;
  };
  double quantise(const Rows& rows, int tokens, std::uint8_t* levels) const {
    constexpr std::size_t kAhead = 6;
    const std::size_t dim = shape().dim, count = tokens;
    std::size_t outside = 0;
    for (std::size_t i = 0; i < count; ++i) {
      const float* row = rows.first + i * rows.stride;
      if (i + kAhead < count)
        for (std::size_t d = 0; d < dim; d += 16) hwy::Prefetch(row + kAhead * rows.stride + d);
      outside +=
          kernels::quantise(dim, row, rows.a, rows.b, rows.top, rows.steps, levels + i * dim_);
    }
    return static_cast<double>(outside);
  }

  // Levels of an array's next tokens and of its heads' queries.
  void quantise(const std::array<const float*, 3>& qkv, int array, int tokens, Work& work) {
    const Scalers& s = scalers();
    const int group = shape().group;
    const double kv_steps = (circuit_.kv_levels - 1) / circuit_.v_max;
    const std::size_t dim = shape().dim, stored = dim * shape().arrays();
    const double outside_k =
        quantise({qkv[1], stored, s.a_k[array], s.b_k[array], circuit_.v_max, kv_steps}, tokens,
                 work.k_levels.data());
    const double outside_v =
        quantise({qkv[2], stored, s.a_v[array], s.b_v[array], circuit_.v_max, kv_steps}, tokens,
                 work.v_levels.data());
    for (int member = 0; member < group; ++member) {
      const int head = array * group + member;
      RangeReport::Head& ranges = ranges_.heads[head];
      ranges.values += static_cast<double>(dim) * tokens;
      ranges.cells += 2.0 * static_cast<double>(dim) * tokens;
      ranges.q += quantise({qkv[0] + member * dim, dim * shape().heads, s.a_q[head], s.b_q[head],
                            1.0, static_cast<double>(circuit_.q_levels - 1)},
                           tokens, q_levels(work, member, 0));
      ranges.k += outside_k;
      ranges.v += outside_v;
    }
  }
  // Of a head of the array at hand, by its place in the group.
  std::uint8_t* q_levels(Work& work, int member, int row) const {
    return work.q_levels.data() + (static_cast<std::size_t>(member) * kTogether + row) * dim_;
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
    const int slot = slot_of(step.token);
    // Queries of one call still see what later tokens of the call overwrite.
    const bool keeps_old = step.queries > 1 && step.token >= ring_.window();
    if (keeps_old) cells_.keep(step.array, slot, work.old);
    for (int i = 0; i < step.queries; ++i) {
      write(step, i, work);
      for (int member = 0; member < shape().group; ++member) count_reads(step, i, member, work);
    }
    const auto queries_before = static_cast<float>(slot - ring_.begin(slot, model_->age_block));
    for (int lane = 0; lane < kUnit; ++lane)
      work.beyond_table[lane] = work.plan.beyond_table()[lane] + queries_before;
    for (int member = 0; member < shape().group; ++member) run_head(step, member, keeps_old, work);
  }

  // The step's queries of one of the heads that read the array.
  void run_head(const Step& step, int member, bool keeps_old, Work& work) {
    const int dim = dim_, head = step.array * shape().group + member;
    const std::size_t column = static_cast<std::size_t>(member) * shape().dim;
    const float* q = step.q + column;
    const kernels::Stage& stage = first_.stage();
    Books& books = books_[step.array];
    const std::size_t weights =
        static_cast<std::size_t>(dim) * stage.weight_rows() * stage.weight_bytes();
    std::vector<StepTrace> traces;  // of all queries, or none
    for (int i = 0; i < step.queries; ++i) {
      set_widths(head, q + i * step.stride, q_levels(work, member, step.levels + i), work);
      kernels::set_pulses(stage, dim, work.width.data(), work.lasting.data(),
                          work.query_weights.data() + i * weights, work.pulses[i]);
      if (step.traces)
        traces.push_back(tracer().begin(step.token + i, head, q + i * step.stride, scalers()));
    }
    std::fill(work.total.begin(), work.total.end(), 0.0f);
    if (spread_)
      spread_->set_conversions(before_ + step.token, step.queries, {shape().group, member},
                               work.spread);
    kernels::Reads reads{.steps = ActivityCounter::pulse_steps(circuit_),
                         .count = books.reads.data(),
                         .hat = work.hat.data(),
                         .age_sum_s = 0,
                         .period_s = options_.token_period_s,
                         .pulses = 0};
    for (int tile = 0; tile < work.plan.tiles(); ++tile)
      run_tile(step, head, tile, keeps_old, reads, work, traces);
    books.age_sum_s += reads.age_sum_s;
    books.pulses += reads.pulses;

    const Scalers& s = scalers();
    for (int i = 0; i < step.queries; ++i) {
      kernels::scale_output(shape().dim, work.total.data() + i * dim, s.a_o[head] * count_unit(),
                            s.b_o[head], step.out + column + i * step.stride);
      books.counter.count_read(blocks(filled(step.token + i), ring_.tile()));
    }
    for (StepTrace& trace : traces)
      if (observed(trace.token, trace.head)) step.traces->push_back(std::move(trace));
  }

  // Key and value of the step's token i, and what the query of the array's first head reads of the
  // keys.
  void write(const Step& step, int i, Work& work) {
    const std::size_t levels = static_cast<std::size_t>(step.levels + i) * dim_;
    Books& books = books_[step.array];
    const Cells::Writes written = cells_.write(step.array,
                                               {.slot = slot_of(step.token + i),
                                                .overwrites = step.token + i >= ring_.window(),
                                                .q = q_levels(work, 0, step.levels + i),
                                                .k = work.k_levels.data() + levels,
                                                .v = work.v_levels.data() + levels},
                                               books.first_reads.data());
    energy::Activity& activity = books.counter.activity();
    double beyond = 0;
    for (int level = 0; level < circuit_.kv_levels; ++level) {
      const int cells = written.keys[level] + written.values[level];
      activity.writes[level] += cells;
      if (beyond_[level]) beyond += cells;
    }
    for (int member = 0; member < shape().group; ++member)
      ranges_.heads[step.array * shape().group + member].stored_beyond += beyond;
    activity.dac_values += 2 * shape().dim;
    books.counter.count_installed(shape());
  }

  // What token i's query of a head reads, of the cells as they are when it has been written.
  void count_reads(const Step& step, int i, int member, Work& work) {
    const int dim = shape().dim, tokens = filled(step.token + i);
    Books& books = books_[step.array];
    const std::int32_t* values = cells_.value_totals(step.array);
    for (int level = 0; level < kLevels; ++level) books.cells[level] += values[level];
    books.tokens += tokens;
    books.ages += 0.5 * tokens * (tokens - 1.0);
    if (member > 0)
      cells_.count_reads(step.array, slot_of(step.token + i),
                         work.k_levels.data() + static_cast<std::size_t>(step.levels + i) * dim_,
                         q_levels(work, member, step.levels + i), books.first_reads.data());
    if (options_.effects.has(Effect::kInputQuantiser)) return;
    ActivityCounter& counter = books.counter;
    const double mean_age_s = 0.5 * (tokens - 1) * options_.token_period_s;
    const std::int32_t* counts = cells_.key_counts(step.array);
    const int head = step.array * shape().group + member;
    const float* q = step.q + i * step.stride + static_cast<std::size_t>(member) * dim;
    for (int d = 0; d < dim; ++d)
      counter.read(counter.activity().first_reads, mean_age_s,
                   model_->q_width_s(scalers(), head, q[d]), counts + d * kLevels);
  }

  // Pulses on the rows of the first array.
  void set_widths(int head, const float* q, const std::uint8_t* levels, Work& work) const {
    if (options_.effects.has(Effect::kInputQuantiser)) {
      for (int d = 0; d < dim_; ++d) work.width[d] = q_width_[levels[d]];
    } else {
      for (int d = 0; d < shape().dim; ++d)
        work.width[d] =
            static_cast<float>(model_->q_width_s(scalers(), head, q[d]) / circuit_.t_max_s);
    }
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
      const Cells::View cells = old ? work.old.view() : cells_.unit(step.array, part.unit);
      const int age = part.age(slot, ring_.window()) + lane;  // of lane 0
      work.units[i] = {.keys = cells.keys,
                       .values = cells.values,
                       .counts = cells.counts,
                       .first_table = part.first_table,
                       .second_table = part.second_table,
                       .first_fading = part.first_fading,
                       .second_fading = part.second_fading,
                       .age_s = age * options_.token_period_s};
      if (spread_) spread_->set_unit(step.array, part.unit, i, work.spread);
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

  void run_tile(const Step& step, int head, int tile, bool keeps_old, kernels::Reads& reads,
                Work& work, std::vector<StepTrace>& traces) {
    const TilePlan& plan = work.plan;
    const int dim = dim_, parts = plan.first_part(tile + 1) - plan.first_part(tile);
    const int columns = set_units(step, tile, keeps_old, work);
    Books& books = books_[step.array];
    RangeReport::Head& ranges = ranges_.heads[head];
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
        .spread = spread_ ? spread_->tile(step.array, tile, work.spread) : nullptr};
    kernels::sub_tile(first_.stage(), second_.stage(), sub_tile);
    ranges.first += columns;
    ranges.first_beyond += static_cast<double>(first_beyond);
    ranges.second += outputs;
    ranges.second_beyond += static_cast<double>(second_beyond);
    for (std::size_t q = 0; q < traces.size(); ++q)
      if (observed(traces[q].token, head))
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
  std::vector<Books> books_;          // [array]
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
