// The fast level: one byte per cell, level tables by age, vector kernels (fast_kernels.h).
#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <numeric>
#include <optional>

#include "attention/activity_counter.h"
#include "attention/fast_kernels.h"
#include "attention/fast_model.h"
#include "attention/fast_spread.h"
#include "attention/levels.h"
#include "attention/lines.h"
#include "attention/ring.h"
#include "attention/thread_pool.h"

namespace gaincell::attention {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr int kUnit = kernels::kUnit, kLevels = kernels::kLevels;

// Conversions of many charges at once, on the nodes of energy::Conversions.
class ConversionCounter {
 public:
  ConversionCounter(const energy::Conversions& nodes, double full_scale_c) {
    for (const double charge : nodes.charge_c)
      node_.push_back(static_cast<float>(charge / full_scale_c));
    clear();
  }
  void clear() {
    hinge_.assign(node_.size() * kUnit, 0.0f);
    sum_.assign(node_.size(), 0.0);
    conversions_ = 0;
    lanes_ = 0;
  }
  // Where the kernels add their sums over `columns`, of which `conversions` count.
  kernels::Hinges hinges(int columns, int conversions) {
    if (lanes_ > kLanesInFloats) flush();
    conversions_ += conversions;
    lanes_ += columns;
    return {static_cast<int>(node_.size()), node_.data(), hinge_.data()};
  }
  // A piecewise linear function is its value at the first node plus each interval's slope times the
  // part of x beyond the interval's start and before its end.
  void deposit(energy::Conversions& to) {
    if (conversions_ == 0) return;
    flush();
    to.count[0] += conversions_;
    for (std::size_t i = 0; i + 1 < node_.size(); ++i) {
      const double share = (sum_[i] - sum_[i + 1]) / (static_cast<double>(node_[i + 1]) - node_[i]);
      to.count[i] -= share;
      to.count[i + 1] += share;
    }
    clear();
  }

 private:
  // Beyond so many columns, sums in single precision would lose counts.
  static constexpr int kLanesInFloats = 1 << 14;

  void flush() {
    for (std::size_t i = 0; i < node_.size(); ++i) {
      float* lanes = hinge_.data() + i * kUnit;
      sum_[i] +=
          std::accumulate(lanes, lanes + kUnit, 0.0) - static_cast<double>(lanes_) * node_[i];
      std::fill_n(lanes, kUnit, 0.0f);
    }
    lanes_ = 0;
  }

  std::vector<float> node_;
  Lines<float> hinge_;
  std::vector<double> sum_;
  double conversions_ = 0;
  int lanes_ = 0;  // columns in hinge_
};

// The tables that queries of one block meet, part by part: every other block of the ring is a part;
// the block that is being written is two, what this lap has written and what the last one left.
class Plan {
 public:
  struct Part {
    int begin, end;    // slots
    int laps_ago;      // 0 or 1
    bool is_written;   // the block at hand: its slots belong to one lap or the other by query
    double table_age;  // tokens
    float first_fading, second_fading;  // per token
    // Of slot `begin` for a query in slot `slot`.
    int age(int slot, int window) const { return slot - begin + laps_ago * window; }
  };

  explicit Plan(const FastModel& model, const Ring& ring) : model_(model), ring_(ring) {}

  void clear() { block_ = -1; }

  // True where the block is another one than before.
  bool set(std::int64_t token) {
    const std::int64_t block = token / ring_.window() * ring_.window() +
                               ring_.block_begin(static_cast<int>(token % ring_.window()));
    if (block == block_) return false;
    block_ = block;
    parts_.clear();
    of_tile_.assign(1, 0);
    const int begin = static_cast<int>(block % ring_.window()), end = ring_.block_end(begin);
    const double middle = 0.5 * (begin + end - 1);
    const bool first_lap = block < ring_.window();
    for (int slot = 0; slot < (first_lap ? end : ring_.window()); slot = ring_.block_end(slot)) {
      if (slot > 0 && slot % ring_.tile() == 0) of_tile_.push_back(static_cast<int>(parts_.size()));
      const int next = ring_.block_end(slot);
      if (slot == begin) {
        add(slot, next, 0, true, 0.5 * (next - slot - 1));
        if (!first_lap)
          add(slot, next, 1, true,
              std::min(ring_.window() - 0.5 * (next - slot), ring_.window() - 1.0));
      } else {
        const int laps_ago = slot > begin ? 1 : 0;
        add(slot, next, laps_ago, false,
            middle - 0.5 * (slot + next - 1) + laps_ago * ring_.window());
      }
    }
    of_tile_.push_back(static_cast<int>(parts_.size()));
    encode();
    return true;
  }

  int tiles() const { return static_cast<int>(of_tile_.size()) - 1; }
  int first_part(int tile) const { return of_tile_[tile]; }
  const Part& part(int i) const { return parts_[i]; }
  const std::byte* first_table(int part) const {
    return first_tables_.data() + part * model_.first.stage().table_bytes();
  }
  const std::byte* second_table(int part) const {
    return second_tables_.data() + part * model_.second.stage().table_bytes();
  }

 private:
  void add(int begin, int end, int laps_ago, bool is_written, double table_age) {
    const double period = model_.options.token_period_s, age_s = table_age * period;
    parts_.push_back({begin, end, laps_ago, is_written, table_age,
                      static_cast<float>(model_.first_ages.fading_per_s(age_s) * period),
                      static_cast<float>(model_.second_ages.fading_per_s(age_s) * period)});
  }
  void encode() {
    const std::size_t first = model_.first.stage().table_bytes(),
                      second = model_.second.stage().table_bytes();
    first_tables_.resize(parts_.size() * first);
    second_tables_.resize(parts_.size() * second);
    for (std::size_t i = 0; i < parts_.size(); ++i) {
      const double age_s = parts_[i].table_age * model_.options.token_period_s;
      model_.first.encode(model_.first_ages.at(age_s).data(), first_tables_.data() + i * first);
      model_.second.encode(model_.second_ages.at(age_s).data(), second_tables_.data() + i * second);
    }
  }

  const FastModel& model_;
  const Ring& ring_;
  std::int64_t block_ = -1;  // first token of the block
  std::vector<Part> parts_;
  std::vector<int> of_tile_;  // first part of each sub-tile
  std::vector<std::byte> first_tables_, second_tables_;
};

// What one head has done, apart from the other heads' so that threads need not meet. Reads of a
// block's queries are gathered, then put on the nodes at their mean age (the energy is nearly
// linear in age).
struct Books {
  explicit Books(const FastModel& model)
      : counter(model.circuit, model.oldest_age_s),
        first(counter.activity().first_conversions, model.first.full_scale_c()),
        second(counter.activity().second_conversions, model.second.full_scale_c()),
        first_reads(static_cast<std::size_t>(model.circuit.q_levels) * kLevels),
        reads(static_cast<std::size_t>(model.circuit.q_levels - 1) * kernels::kCopies * 2 *
              kLevels) {}

  void clear_gathered() {
    std::fill(first_reads.begin(), first_reads.end(), 0);
    std::fill(reads.begin(), reads.end(), 0.0f);
    std::fill_n(cells, kLevels, 0.0);
    tokens = ages = age_sum_s = 0;
    pulses = 0;
  }

  ActivityCounter counter;
  ConversionCounter first, second;
  std::vector<std::int32_t> first_reads;  // [level of q][level of k] cells
  Lines<float> reads;                     // kernels::Reads::count
  double cells[kLevels] = {};             // of the second array
  double tokens = 0, ages = 0;            // tokens seen by the queries, and their ages' sum
  double age_sum_s = 0;                   // of the rows with a pulse
  std::int64_t pulses = 0;                // their number
};

// Work space of one thread.
struct Work {
  std::vector<kernels::Unit> units;
  std::vector<kernels::Lanes> lanes;
  kernels::Pulses pulses[kernels::kMaxQueries];
  Lines<std::byte> query_weights, weights;
  Lines<float> width, lasting, rows, x, phi, second_x, second_pulse, total;
  Lines<std::uint8_t> index, old_keys, old_values;
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
        ring_(shape.window, circuit_.tile, model_->age_block),
        plan_(*model_, ring_),
        pool_(std::clamp(options_.threads, 1, shape.heads)),
        unit_cells_(static_cast<std::size_t>(shape.dim) * kUnit),
        work_(pool_.threads()) {
    const std::size_t heads = shape.heads, dim = shape.dim, units = heads * ring_.units();
    keys_.resize(units * unit_cells_);
    values_.resize(units * unit_cells_);
    value_counts_.resize(units * kUnit * kLevels);
    key_counts_.resize(heads * dim * kLevels);
    value_totals_.resize(heads * kLevels);
    for (std::size_t h = 0; h < heads; ++h) books_.emplace_back(*model_);
    if (spread.any()) spread_.emplace(shape, ring_, *model_, spread);
    for (Work& work : work_) prepare(work);
  }

  const energy::Activity& activity() const override {
    if (!stale_) return activity_;
    activity_ = {};
    for (Books& books : books_) {
      deposit(books);
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
    int head, queries;
    const float *q, *k, *v;  // of query 0; the next is `stride` on
    float* out;
    std::size_t stride;
    std::vector<StepTrace>* traces;  // null, or where what is observed goes
  };

  void prepare(Work& work) const {
    const std::size_t dim = shape().dim, queries = model_->age_block;
    // Parts of a sub-tile, the block at hand twice.
    const std::size_t parts = blocks(ring_.tile(), model_->age_block) + 1, rows = parts * kUnit;
    work.units.resize(parts);
    work.lanes.resize(parts * queries);
    work.query_weights.resize(queries * dim * first_.stage().weight_rows() *
                              first_.stage().weight_bytes());
    work.weights.resize(queries * rows * second_.stage().weight_rows() *
                        second_.stage().weight_bytes());
    work.width.resize(dim);
    work.lasting.resize(dim);
    work.rows.resize(3 * rows);
    work.x.resize(queries * rows);
    work.phi.resize(queries * rows);
    work.second_x.resize(queries * dim);
    work.second_pulse.resize(queries * dim);
    work.total.resize(queries * dim);
    work.index.resize(dim);
    work.old_keys.resize(unit_cells_);
    work.old_values.resize(unit_cells_);
    work.old_counts.resize(kUnit * kLevels);
    if (spread_) work.spread = spread_->work(static_cast<int>(parts), static_cast<int>(queries));
  }

  void reset_ring() override {
    now_ = 0;
    tokens_ = 0;
    plan_.clear();
    for (Books& books : books_) {
      books.counter.clear();
      books.clear_gathered();
      books.first.clear();
      books.second.clear();
    }
    stale_ = true;
    std::fill(key_counts_.begin(), key_counts_.end(), std::int32_t{0});
    std::fill(value_totals_.begin(), value_totals_.end(), std::int32_t{0});
  }

  void run_checked(int tokens, const float* q, const float* k, const float* v,
                   float* out) override {
    const int heads = shape().heads, dim = shape().dim;
    const std::size_t stride = static_cast<std::size_t>(heads) * dim;
    for (int done = 0; done < tokens;) {
      const int slot = slot_of(now_);
      const int queries = std::min(ring_.block_end(slot) - slot, tokens - done);
      const bool new_block = plan_.set(now_);
      std::vector<StepTrace> traces;
      const auto step = [&](int head, Work& work, std::vector<StepTrace>* to) {
        const std::size_t at = done * stride + static_cast<std::size_t>(head) * dim;
        if (new_block) deposit(books_[head]);
        run_step({head, queries, q + at, k + at, v + at, out + at, stride, to}, work);
      };
      if (any_observed(queries)) {
        for (int h = 0; h < heads; ++h) step(h, work_[0], &traces);
      } else {
        pool_.run(heads, [&](int head, int thread) { step(head, work_[thread], nullptr); });
      }
      std::stable_sort(traces.begin(), traces.end(),
                       [](const StepTrace& a, const StepTrace& b) { return a.token < b.token; });
      for (const StepTrace& trace : traces) show(trace);
      now_ += queries;
      done += queries;
    }
    tokens_ += tokens;
    stale_ = true;
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
    const int dim = shape().dim, slot = slot_of(now_);
    const kernels::Stage& stage = first_.stage();
    const std::size_t unit = unit_index(step.head, slot);
    // Queries of one call still see what later tokens of the call overwrite.
    const bool keeps_old = step.queries > 1 && now_ >= ring_.window();
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
      write(step.head, now_ + i, step.k + i * step.stride, step.v + i * step.stride, work);
      for (int level = 0; level < kLevels; ++level)
        books.cells[level] += value_totals_[static_cast<std::size_t>(step.head) * kLevels + level];
      read_queries(step.head, filled(now_ + i), step.q + i * step.stride, work);
      kernels::set_pulses(stage, dim, work.width.data(), work.lasting.data(),
                          work.query_weights.data() + i * weights, work.pulses[i]);
    }
    std::vector<StepTrace> traces;
    if (step.traces) traces = begin_traces(step);
    std::fill(work.total.begin(), work.total.end(), 0.0f);
    if (spread_) spread_->set_tokens(now_, step.queries, work.spread);
    kernels::Reads reads{circuit_.q_levels - 1, books.reads.data(), 0.0, options_.token_period_s,
                         0};
    for (int tile = 0; tile < plan_.tiles(); ++tile)
      run_tile(step, tile, keeps_old, reads, work, traces);
    books.age_sum_s += reads.age_sum_s;
    books.pulses += reads.pulses;
    energy::Activity& activity = books.counter.activity();

    const Scalers& s = scalers();
    for (int i = 0; i < step.queries; ++i) {
      for (int d = 0; d < dim; ++d)
        step.out[i * step.stride + d] =
            s.a_o[step.head] * work.total[i * dim + d] + s.b_o[step.head];
      activity.token_heads += 1;
      activity.sub_tile_steps += blocks(filled(now_ + i), ring_.tile());
    }
    for (StepTrace& trace : traces)
      if (observed(trace.token, trace.head)) step.traces->push_back(std::move(trace));
  }

  void write(int head, std::int64_t token, const float* k, const float* v, Work& work) {
    const int dim = shape().dim, slot = slot_of(token), lane = ring_.lane_of(slot);
    const Scalers& s = scalers();
    const double steps = (circuit_.kv_levels - 1) / circuit_.v_max;
    const bool overwrites = token >= ring_.window();
    energy::Activity& activity = books_[head].counter.activity();
    const std::size_t unit = unit_index(head, slot);
    std::uint8_t* index = work.index.data();

    kernels::quantise(dim, k, s.a_k[head], s.b_k[head], circuit_.v_max, steps, index);
    std::uint8_t* to = keys_.data() + unit * unit_cells_ + lane * 4;
    std::int32_t* key_counts = key_counts_.data() + static_cast<std::size_t>(head) * dim * kLevels;
    int written[kLevels] = {};
    for (int d = 0; d < dim; d += 4, to += kUnit * 4) {
      for (int i = 0; i < 4; ++i, key_counts += kLevels) {
        if (overwrites) --key_counts[to[i]];
        ++key_counts[index[d + i]];
        ++written[index[d + i]];
      }
      std::memcpy(to, index + d, 4);
    }

    kernels::quantise(dim, v, s.a_v[head], s.b_v[head], circuit_.v_max, steps, index);
    to = values_.data() + unit * unit_cells_ + lane / 4 * 4 * dim + lane % 4;
    std::uint16_t* counts = value_counts_.data() + (unit * kUnit + lane) * kLevels;
    std::int32_t* totals = value_totals_.data() + static_cast<std::size_t>(head) * kLevels;
    for (int level = 0; level < kLevels; ++level)
      if (overwrites) totals[level] -= counts[level];
    std::fill_n(counts, kLevels, std::uint16_t{0});
    for (int d = 0; d < dim; ++d) {
      to[d * 4] = index[d];
      ++counts[index[d]];
    }
    for (int level = 0; level < kLevels; ++level) totals[level] += counts[level];
    for (int level = 0; level < circuit_.kv_levels; ++level)
      activity.writes[level] += written[level] + counts[level];
    activity.dac_values += 2 * dim;
  }

  // Pulses on the rows of the first array, and what they read.
  void read_queries(int head, int tokens, const float* q, Work& work) {
    const int dim = shape().dim;
    const Scalers& s = scalers();
    ActivityCounter& counter = books_[head].counter;
    energy::CellReads& reads = counter.activity().first_reads;
    books_[head].tokens += tokens;
    books_[head].ages += 0.5 * tokens * (tokens - 1.0);
    const double mean_age_s = 0.5 * (tokens - 1) * options_.token_period_s;
    std::int32_t* first_reads = books_[head].first_reads.data();
    const std::int32_t* counts =
        key_counts_.data() + static_cast<std::size_t>(head) * dim * kLevels;
    if (!options_.effects.has(Effect::kInputQuantiser)) {
      for (int d = 0; d < dim; ++d) {
        const double width_s = q_width_s(head, q[d]);
        work.width[d] = static_cast<float>(width_s / circuit_.t_max_s);
        counter.read(reads, mean_age_s, width_s, counts + d * kLevels);
      }
      return;
    }
    const float step = 1.0f / static_cast<float>(circuit_.q_levels - 1);
    kernels::quantise(dim, q, s.a_q[head], s.b_q[head], 1.0, circuit_.q_levels - 1,
                      work.index.data());
    for (int d = 0; d < dim; ++d) {
      const int level = work.index[d];
      work.width[d] = step * static_cast<float>(level);
      std::int32_t* to = first_reads + level * kLevels;
      for (int i = 0; i < kLevels; ++i) to[i] += counts[d * kLevels + i];
    }
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
    const int dim = shape().dim, slot = slot_of(now_), begin = plan_.first_part(tile),
              parts = plan_.first_part(tile + 1) - begin;
    int columns = 0;
    for (int i = 0; i < parts; ++i) {
      const Plan::Part& part = plan_.part(begin + i);
      const std::size_t unit = unit_index(step.head, part.begin);
      const int lane = ring_.lane_of(part.begin), size = part.end - part.begin;
      const bool old = keeps_old && part.is_written && part.laps_ago == 1;
      const int age = part.age(slot, ring_.window()) + lane;  // of lane 0
      work.units[i] = {old ? work.old_keys.data() : keys_.data() + unit * unit_cells_,
                       old ? work.old_values.data() : values_.data() + unit * unit_cells_,
                       old ? work.old_counts.data() : value_counts_.data() + unit * kUnit * kLevels,
                       plan_.first_table(begin + i),
                       plan_.second_table(begin + i),
                       part.first_fading,
                       part.second_fading,
                       static_cast<float>(age - part.table_age),
                       age * options_.token_period_s};
      if (spread_) spread_->set_unit(step.head, ring_.unit_of(part.begin), i, work.spread);
      for (int q = 0; q < step.queries; ++q) {
        int first = lane, last = lane + size;
        if (part.is_written) {
          const int written = slot + q - part.begin + 1;
          (part.laps_ago == 0 ? last : first) = lane + written;
        }
        work.lanes[q * parts + i] = {static_cast<std::uint8_t>(first),
                                     static_cast<std::uint8_t>(last)};
        columns += last - first;
      }
    }
    Books& books = books_[step.head];
    const float count_step = options_.effects.has(Effect::kCounter)
                                 ? 2.0f / static_cast<float>(circuit_.output_levels - 1)
                                 : 0.0f;
    const kernels::SubTile sub_tile{
        dim,
        parts,
        step.queries,
        work.units.data(),
        work.lanes.data(),
        work.pulses,
        static_cast<float>(circuit_.relu.full_scale_s / circuit_.t_max_s),
        count_step,
        books.first.hinges(step.queries * parts * kUnit, columns),
        books.second.hinges(step.queries * dim, step.queries * dim),
        &reads,
        work.x.data(),
        work.phi.data(),
        work.second_x.data(),
        work.second_pulse.data(),
        work.total.data(),
        work.weights.data(),
        work.rows.data(),
        spread_ ? spread_->tile(step.head, tile, work.spread) : nullptr};
    kernels::sub_tile(first_.stage(), second_.stage(), sub_tile);
    for (std::size_t q = 0; q < traces.size(); ++q)
      if (observed(traces[q].token, step.head))
        trace_tile(sub_tile, static_cast<int>(q), tile, traces[q]);
  }

  // Puts what has been gathered on the nodes.
  void deposit(Books& books) const {
    if (books.tokens == 0) return;
    const double mean_age_s = books.ages / books.tokens * options_.token_period_s;
    energy::Activity& activity = books.counter.activity();
    if (options_.effects.has(Effect::kInputQuantiser))
      for (int level = 0; level < circuit_.q_levels; ++level)
        books.counter.read(activity.first_reads, mean_age_s,
                           circuit_.t_max_s * level / (circuit_.q_levels - 1),
                           books.first_reads.data() + static_cast<std::ptrdiff_t>(level) * kLevels);
    deposit_second_reads(books, mean_age_s);
    books.first.deposit(activity.first_conversions);
    books.second.deposit(activity.second_conversions);
    books.clear_gathered();
  }

  // Every cell of the second array is read by a pulse or by none.
  static void deposit_second_reads(Books& books, double mean_age_s) {
    energy::CellReads& to = books.counter.activity().second_reads;
    const std::size_t nodes = to.pulse_s.size(), copy = books.reads.size() / kernels::kCopies;
    for (int other = 1; other < kernels::kCopies; ++other) {
      const float* from = books.reads.data() + other * copy;
      for (std::size_t i = 0; i < copy; ++i) books.reads[i] += from[i];
    }
    const Share age =
        share_of(to.age_s, books.pulses > 0 ? books.age_sum_s / static_cast<double>(books.pulses)
                                            : mean_age_s);
    for (int level = 0; level < to.levels; ++level) {
      double idle = books.cells[level], from_below = 0;
      for (std::size_t node = 1; node < nodes; ++node) {
        // The last node has no interval above it.
        const float* counts = books.reads.data() + (node - 1) * 2 * kLevels + level;
        const bool last = node + 1 == nodes;
        const double here = last ? 0.0 : counts[0], above = last ? 0.0 : counts[kLevels];
        const double count = here - above + from_below;
        from_below = above;
        idle -= here;
        add(to, age, node, level, count);
      }
      add(to, age, 0, level, idle);
    }
  }

  static void add(energy::CellReads& to, const Share& age, std::size_t node, int level,
                  double count) {
    to.at(age.low, node)[level] += (1 - age.high_share) * count;
    if (age.high_share > 0) to.at(age.low + 1, node)[level] += age.high_share * count;
  }

  std::vector<StepTrace> begin_traces(const Step& step) const {
    const int dim = shape().dim, window = ring_.window();
    const std::size_t cells = static_cast<std::size_t>(window) * dim,
                      outputs = static_cast<std::size_t>(ring_.tiles()) * dim;
    std::vector<StepTrace> traces(step.queries);
    for (int i = 0; i < step.queries; ++i) {
      StepTrace& trace = traces[i];
      trace.token = now_ + i;
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

  void trace_tile(const kernels::SubTile& done, int query, int tile, StepTrace& trace) const {
    const int dim = shape().dim, first = plan_.first_part(tile);
    for (int i = 0; i < done.units; ++i) {
      const Plan::Part& part = plan_.part(first + i);
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
          trace.value_v[cell] = model_->stored_v(unit.values[value_at(lane, d, dim)], age_s);
          if (!spread_) continue;
          using Array = PhysicalSpread::Array;
          trace.key_v[cell] += spread_->offset_v(Array::kKeys, trace.head, slot, d);
          trace.value_v[cell] += spread_->offset_v(Array::kValues, trace.head, slot, d);
        }
      }
    }
    for (int d = 0; d < dim; ++d) {
      const std::size_t column = static_cast<std::size_t>(tile) * dim + d;
      trace.second_charge_c[column] = done.second_x[query * dim + d] * second_.full_scale_c();
      trace.second_pulse_s[column] =
          done.second_pulse[query * dim + d] * circuit_.differential.full_scale_s;
    }
  }

  std::shared_ptr<const FastModel> model_;
  const Circuit& circuit_;
  const AnalogOptions& options_;
  const StageFit &first_, &second_;
  const Ring ring_;
  Plan plan_;
  ThreadPool pool_;
  std::size_t unit_cells_;  // of keys, and as many of values, in a unit

  std::int64_t now_ = 0;                     // tokens since reset
  double tokens_ = 0;                        // run through, for the activity
  Lines<std::uint8_t> keys_;                 // [head][unit][dim / 4][slot][4 dimensions] levels
  Lines<std::uint8_t> values_;               // [head][unit][4][dim][4 slots] levels
  std::vector<std::uint16_t> value_counts_;  // [head][unit][slot][level] dimensions
  std::vector<std::int32_t> key_counts_;     // [head][dim][level] tokens in the ring
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
