// The fast level: one byte per cell, level tables by age, vector kernels (fast_kernels.h).
#include <algorithm>
#include <cmath>
#include <limits>

#include "attention/activity_counter.h"
#include "attention/fast_kernels.h"
#include "attention/fast_model.h"
#include "attention/levels.h"

namespace gaincell::attention {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

int round_up(int n, int to) { return (n + to - 1) / to * to; }

// Rows sorted by the segment in which their pulse ends.
class RowSorter {
 public:
  void clear(int segments) {
    rows_.used = 0;
    rows_.whole = true;
    std::fill_n(count_, segments, 0);
    ends_.clear();
  }
  void add(int row, StageFit::End end) {
    ends_.push_back(
        {static_cast<std::uint16_t>(row), static_cast<std::uint16_t>(end.segment), end.share});
    ++count_[end.segment];
    rows_.used = std::max(rows_.used, end.segment + 1);
    rows_.whole = rows_.whole && end.share == 1.0f;
  }
  const kernels::Rows& sorted() {
    row_.resize(ends_.size());
    share_.resize(ends_.size());
    rows_.begin[0] = 0;
    for (int s = 0; s < rows_.used; ++s) rows_.begin[s + 1] = rows_.begin[s] + count_[s];
    int next[kernels::kMaxSegments];
    std::copy_n(rows_.begin, rows_.used, next);
    for (const Ended& e : ends_) {
      const int at = next[e.segment]++;
      row_[at] = e.row;
      share_[at] = e.share;
    }
    rows_.row = row_.data();
    rows_.share = share_.data();
    return rows_;
  }

 private:
  struct Ended {
    std::uint16_t row, segment;
    float share;
  };
  kernels::Rows rows_{};
  int count_[kernels::kMaxSegments] = {};
  std::vector<Ended> ends_;
  std::vector<std::uint16_t> row_;
  std::vector<float> share_;
};

// Conversions of many charges at once, on the nodes of energy::Conversions.
class ConversionCounter {
 public:
  ConversionCounter(const energy::Conversions& nodes, double full_scale_c) {
    for (const double charge : nodes.charge_c)
      node_.push_back(static_cast<float>(charge / full_scale_c));
    clear();
  }
  void clear() {
    hinge_.assign(node_.size(), 0.0);
    conversions_ = 0;
  }
  void add(std::size_t n, const float* x) {
    kernels::hinge_sums(n, x, static_cast<int>(node_.size()), node_.data(), hinge_.data());
    conversions_ += static_cast<double>(n);
  }
  // A piecewise linear function is its value at the first node plus each interval's slope times the
  // part of x beyond the interval's start and before its end.
  void deposit(energy::Conversions& to) {
    to.count[0] += conversions_;
    for (std::size_t i = 0; i + 1 < node_.size(); ++i) {
      const double share =
          (hinge_[i] - hinge_[i + 1]) / (static_cast<double>(node_[i + 1]) - node_[i]);
      to.count[i] -= share;
      to.count[i + 1] += share;
    }
    clear();
  }

 private:
  std::vector<float> node_;
  std::vector<double> hinge_;
  double conversions_ = 0;
};

class FastLevel final : public Analog {
 public:
  FastLevel(Shape shape, std::shared_ptr<const FastModel> model, Scalers scalers)
      : Analog(shape, std::move(scalers)),
        model_(std::move(model)),
        circuit_(model_->circuit),
        options_(model_->options),
        first_(model_->first),
        second_(model_->second),
        tile_(std::min(circuit_.tile, shape.window)),
        tiles_((shape.window + tile_ - 1) / tile_),
        stride_(round_up(tile_, kernels::kLanes)),
        counter_(circuit_, model_->oldest_age_s),
        first_conversions_(counter_.activity().first_conversions, first_.full_scale_c()),
        second_conversions_(counter_.activity().second_conversions, second_.full_scale_c()) {
    const std::size_t heads = shape.heads, dim = shape.dim;
    keys_.resize(heads * tiles_ * dim * stride_);
    values_.resize(heads * tiles_ * tile_ * dim);
    key_counts_.resize(heads * dim * kernels::kLevels);
    value_counts_.resize(heads * tiles_ * tile_ * kernels::kLevels);
    const std::size_t slots = static_cast<std::size_t>(tiles_) * stride_;
    x_.resize(slots);
    phi_.resize(slots);
    gain_.resize(slots);
    second_gain_.resize(slots);
    table_of_.resize(slots);
    second_x_.resize(static_cast<std::size_t>(tiles_) * dim);
    second_pulse_.resize(second_x_.size());
    q_index_.resize(dim);
    written_.resize(dim);
    total_.resize(dim);
  }

  const energy::Activity& activity() const override { return counter_.activity(); }
  const FastReport* fast_report() const override { return &model_->report; }

 private:
  void reset_ring() override {
    now_ = 0;
    counter_.clear();
    first_conversions_.clear();
    second_conversions_.clear();
    std::fill(key_counts_.begin(), key_counts_.end(), std::int32_t{0});
  }

  void run_checked(int tokens, const float* q, const float* k, const float* v,
                   float* out) override {
    const int heads = shape().heads, dim = shape().dim;
    for (int t = 0; t < tokens; ++t, ++now_) {
      age_the_ring();
      for (int h = 0; h < heads; ++h) {
        const std::size_t at = (static_cast<std::size_t>(t) * heads + h) * dim;
        step(h, q + at, k + at, v + at, out + at);
      }
      counter_.activity().tokens += 1;
    }
    first_conversions_.deposit(counter_.activity().first_conversions);
    second_conversions_.deposit(counter_.activity().second_conversions);
  }

  double age_s(int slot) const {
    const int window = shape().window, newest = static_cast<int>(now_ % window);
    return (newest - slot + window) % window * options_.token_period_s;
  }

  // Runs of neighbouring tokens that share tables, their tables, and each token's own gain.
  void age_the_ring() {
    const int window = shape().window, newest = static_cast<int>(now_ % window);
    filled_ = static_cast<int>(std::min<std::int64_t>(now_ + 1, window));
    runs_.clear();
    tile_runs_.assign(1, 0);
    for (int tile = 0; tile * tile_ < filled_; ++tile) {
      const int begin = tile * tile_, end = std::min(filled_, begin + tile_);
      for (int first = begin; first < end;) {
        // Blocks are aligned to the vectors of the tile; the ring's seam cuts one of them in two.
        int last = std::min(end, begin + round_up(first - begin + 1, model_->age_block));
        if (first <= newest && newest + 1 < last) last = newest + 1;
        runs_.push_back({first - begin, last - begin});
        const double oldest = age_s(first), youngest = age_s(last - 1),
                     middle = 0.5 * (oldest + youngest);
        const std::size_t run = runs_.size() - 1;
        tables_.resize(runs_.size() * first_.rank() * kernels::kTableStride);
        second_tables_.resize(runs_.size() * second_.rank() * kernels::kTableStride);
        model_->first_ages.at(middle, tables_.data() + run * first_.rank() * kernels::kTableStride);
        model_->second_ages.at(
            middle, second_tables_.data() + run * second_.rank() * kernels::kTableStride);
        const double fading = model_->first_ages.fading_per_s(middle);
        const double second_fading = model_->second_ages.fading_per_s(middle);
        for (int slot = first; slot < last; ++slot) {
          const std::size_t at = static_cast<std::size_t>(tile) * stride_ + slot - begin;
          gain_[at] = static_cast<float>(1 + fading * (age_s(slot) - middle));
          second_gain_[at] = static_cast<float>(1 + second_fading * (age_s(slot) - middle));
          table_of_[at] = static_cast<std::uint16_t>(run - tile_runs_.back());
        }
        first = last;
      }
      tile_runs_.push_back(static_cast<int>(runs_.size()));
    }
    mean_age_s_ = 0;
    for (int slot = 0; slot < filled_; ++slot) mean_age_s_ += age_s(slot);
    mean_age_s_ /= filled_;
  }

  void write(int head, const float* k, const float* v) {
    const int dim = shape().dim, slot = static_cast<int>(now_ % shape().window);
    const int tile = slot / tile_, in_tile = slot % tile_;
    const Scalers& s = scalers();
    const double steps = (circuit_.kv_levels - 1) / circuit_.v_max;
    const bool overwrites = now_ >= shape().window;
    energy::Activity& activity = counter_.activity();

    kernels::quantise(dim, k, s.a_k[head], s.b_k[head], circuit_.v_max, steps, written_.data());
    std::uint8_t* column =
        keys_.data() + (static_cast<std::size_t>(head) * tiles_ + tile) * dim * stride_ + in_tile;
    std::int32_t* counts =
        key_counts_.data() + static_cast<std::size_t>(head) * dim * kernels::kLevels;
    int cells[kernels::kLevels] = {};
    for (int d = 0; d < dim; ++d, column += stride_, counts += kernels::kLevels) {
      if (overwrites) --counts[*column];
      *column = written_[d];
      ++counts[written_[d]];
      ++cells[written_[d]];
    }

    const std::size_t row = static_cast<std::size_t>(head) * tiles_ * tile_ + slot;
    std::uint8_t* to = values_.data() + row * dim;
    kernels::quantise(dim, v, s.a_v[head], s.b_v[head], circuit_.v_max, steps, to);
    std::uint16_t* value_counts = value_counts_.data() + row * kernels::kLevels;
    std::fill_n(value_counts, kernels::kLevels, std::uint16_t{0});
    for (int d = 0; d < dim; ++d) ++value_counts[to[d]];
    for (int level = 0; level < circuit_.kv_levels; ++level)
      activity.writes[level] += cells[level] + value_counts[level];
    activity.dac_values += 2 * dim;
  }

  // Rows of the first array, and what they read.
  void sort_queries(int head, const float* q) {
    const int dim = shape().dim;
    const Scalers& s = scalers();
    rows_.clear(first_.stage().segments);
    energy::CellReads& reads = counter_.activity().first_reads;
    const std::int32_t* counts =
        key_counts_.data() + static_cast<std::size_t>(head) * dim * kernels::kLevels;
    if (options_.effects.has(Effect::kInputQuantiser)) {
      kernels::quantise(dim, q, s.a_q[head], s.b_q[head], 1.0, circuit_.q_levels - 1,
                        q_index_.data());
      reads_by_level_.assign(static_cast<std::size_t>(circuit_.q_levels) * kernels::kLevels, 0);
      for (int d = 0; d < dim; ++d) {
        const int level = q_index_[d];
        if (level > 0) rows_.add(d, model_->q_ends[level - 1]);
        std::int32_t* to = reads_by_level_.data() + level * kernels::kLevels;
        for (int i = 0; i < kernels::kLevels; ++i) to[i] += counts[d * kernels::kLevels + i];
      }
      for (int level = 0; level < circuit_.q_levels; ++level)
        counter_.read(reads, mean_age_s_, circuit_.t_max_s * level / (circuit_.q_levels - 1),
                      reads_by_level_.data() + level * kernels::kLevels);
      return;
    }
    for (int d = 0; d < dim; ++d) {
      const double width = q_width_s(head, q[d]);
      if (width > 0) rows_.add(d, first_.end_of(width));
      counter_.read(reads, mean_age_s_, width, counts + d * kernels::kLevels);
    }
  }

  double q_width_s(int head, float q) const {
    const Scalers& s = scalers();
    double x = std::clamp(static_cast<double>(s.a_q[head]) * q + s.b_q[head], 0.0, 1.0);
    if (options_.effects.has(Effect::kInputQuantiser))
      x = std::nearbyint(x * (circuit_.q_levels - 1)) / (circuit_.q_levels - 1);
    return x * circuit_.t_max_s;
  }

  void step(int head, const float* q, const float* k, const float* v, float* out) {
    const int dim = shape().dim;
    energy::Activity& activity = counter_.activity();
    write(head, k, v);
    sort_queries(head, q);
    const kernels::Rows& queries = rows_.sorted();
    const int tiles = (filled_ + tile_ - 1) / tile_;
    std::fill(total_.begin(), total_.end(), 0.0f);
    const float count_step = options_.effects.has(Effect::kCounter)
                                 ? 2.0f / static_cast<float>(circuit_.output_levels - 1)
                                 : 0.0f;
    const float segments = static_cast<float>(second_.stage().segments);

    for (int tile = 0; tile < tiles; ++tile) {
      const int begin = tile * tile_, slots = std::min(tile_, filled_ - begin);
      const std::size_t at = static_cast<std::size_t>(tile) * stride_;
      const int run = tile_runs_[tile], runs = tile_runs_[tile + 1] - run;
      kernels::first_array(
          first_.stage(), queries,
          keys_.data() + (static_cast<std::size_t>(head) * tiles_ + tile) * dim * stride_, stride_,
          round_up(slots, kernels::kLanes), runs, runs_.data() + run,
          tables_.data() + static_cast<std::size_t>(run) * first_.rank() * kernels::kTableStride,
          gain_.data() + at, x_.data() + at, phi_.data() + at);
      first_conversions_.add(slots, x_.data() + at);

      pulses_.clear(second_.stage().segments);
      for (int slot = 0; slot < slots; ++slot) {
        // phi is a share of the ReLU's full scale, which is the longest pulse.
        const float phi = phi_[at + slot] * phi_per_pulse_;
        if (phi <= 0) continue;
        const float in_segments = phi * segments;
        const int segment = std::min(static_cast<int>(in_segments), second_.stage().segments - 1);
        const float share = std::min(in_segments - static_cast<float>(segment), 1.0f);
        pulses_.add(slot, {segment, share});
      }
      count_second_reads(head, begin, slots, phi_.data() + at);
      float* pulse = second_pulse_.data() + static_cast<std::size_t>(tile) * dim;
      float* x = second_x_.data() + static_cast<std::size_t>(tile) * dim;
      kernels::second_array(
          second_.stage(), pulses_.sorted(),
          values_.data() + (static_cast<std::size_t>(head) * tiles_ * tile_ + begin) * dim, dim,
          table_of_.data() + at,
          second_tables_.data() +
              static_cast<std::size_t>(run) * second_.rank() * kernels::kTableStride,
          second_gain_.data() + at, x, pulse);
      second_conversions_.add(dim, x);
      kernels::count_output(dim, pulse, count_step, total_.data());
    }
    deposit_second_reads();
    const Scalers& s = scalers();
    for (int d = 0; d < dim; ++d) out[d] = s.a_o[head] * total_[d] + s.b_o[head];
    activity.token_heads += 1;
    activity.sub_tile_steps += tiles;
    if (observed(now_, head)) trace(head, q);
  }

  // Cells of the second array by pulse node and level, over all sub-tiles of a step; the age is the
  // mean over the cells that are read (the energy is nearly linear in age).
  void count_second_reads(int head, int begin, int slots, const float* phi) {
    const std::size_t nodes = counter_.activity().second_reads.pulse_s.size();
    second_hist_.resize(nodes * kernels::kLevels, 0.0f);
    const float steps = static_cast<float>(circuit_.q_levels - 1) * phi_per_pulse_;
    const std::uint16_t* counts =
        value_counts_.data() +
        (static_cast<std::size_t>(head) * tiles_ * tile_ + begin) * kernels::kLevels;
    for (int slot = 0; slot < slots; ++slot, counts += kernels::kLevels) {
      float* low = second_hist_.data();
      float high_share = 0;
      if (phi[slot] > 0) {
        const float at = std::min(phi[slot] * steps, static_cast<float>(circuit_.q_levels - 1));
        const int node = std::min(static_cast<int>(at), circuit_.q_levels - 2);
        high_share = at - static_cast<float>(node);
        low += (1 + node) * kernels::kLevels;
        second_age_sum_ += age_s(begin + slot);
        ++second_pulses_;
      }
      for (int level = 0; level < kernels::kLevels; ++level) {
        low[level] += (1 - high_share) * static_cast<float>(counts[level]);
        low[kernels::kLevels + level] += high_share * static_cast<float>(counts[level]);
      }
    }
  }

  void deposit_second_reads() {
    energy::CellReads& reads = counter_.activity().second_reads;
    const Share age =
        share_of(reads.age_s, second_pulses_ > 0 ? second_age_sum_ / second_pulses_ : mean_age_s_);
    for (std::size_t node = 0; node < reads.pulse_s.size(); ++node)
      for (int a = 0; a < 2; ++a) {
        const double weight = a ? age.high_share : 1 - age.high_share;
        if (weight == 0) continue;
        double* to = reads.at(age.low + a, node);
        for (int level = 0; level < reads.levels; ++level)
          to[level] += weight * static_cast<double>(second_hist_[node * kernels::kLevels + level]);
      }
    std::fill(second_hist_.begin(), second_hist_.end(), 0.0f);
    second_age_sum_ = 0;
    second_pulses_ = 0;
  }

  void trace(int head, const float* q) const {
    const int dim = shape().dim, window = shape().window;
    StepTrace trace;
    trace.token = now_;
    trace.head = head;
    for (int d = 0; d < dim; ++d) trace.q_width_s.push_back(q_width_s(head, q[d]));
    const std::size_t cells = static_cast<std::size_t>(window) * dim;
    trace.key_v.assign(cells, kNan);
    trace.value_v.assign(cells, kNan);
    trace.first_charge_c.assign(window, kNan);
    trace.phi_s.assign(window, kNan);
    for (int slot = 0; slot < filled_; ++slot) {
      const int tile = slot / tile_, in_tile = slot % tile_;
      const std::size_t at = static_cast<std::size_t>(tile) * stride_ + in_tile;
      trace.first_charge_c[slot] = x_[at] * first_.full_scale_c();
      trace.phi_s[slot] = phi_[at] * circuit_.relu.full_scale_s;
      const std::uint8_t* key =
          keys_.data() + (static_cast<std::size_t>(head) * tiles_ + tile) * dim * stride_ + in_tile;
      const std::uint8_t* value =
          values_.data() + (static_cast<std::size_t>(head) * tiles_ * tile_ + slot) * dim;
      for (int d = 0; d < dim; ++d) {
        trace.key_v[static_cast<std::size_t>(slot) * dim + d] =
            model_->stored_v(key[static_cast<std::size_t>(d) * stride_], age_s(slot));
        trace.value_v[static_cast<std::size_t>(slot) * dim + d] =
            model_->stored_v(value[d], age_s(slot));
      }
    }
    const std::size_t used = static_cast<std::size_t>((filled_ + tile_ - 1) / tile_) * dim;
    for (std::size_t i = 0; i < used; ++i) {
      trace.second_charge_c.push_back(second_x_[i] * second_.full_scale_c());
      trace.second_pulse_s.push_back(second_pulse_[i] * circuit_.differential.full_scale_s);
    }
    trace.second_charge_c.resize(second_x_.size(), kNan);
    trace.second_pulse_s.resize(second_x_.size(), kNan);
    show(trace);
  }

  std::shared_ptr<const FastModel> model_;
  const Circuit& circuit_;
  const AnalogOptions& options_;
  const StageFit &first_, &second_;
  int tile_, tiles_,
      stride_;  // slots of a sub-tile, sub-tiles of a head, padded slots of a sub-tile
  ActivityCounter counter_;
  ConversionCounter first_conversions_, second_conversions_;
  float phi_per_pulse_ = static_cast<float>(circuit_.relu.full_scale_s / circuit_.t_max_s);

  std::int64_t now_ = 0;                     // tokens since reset
  std::vector<std::uint8_t> keys_;           // [head][sub-tile][dim][stride_] levels
  std::vector<std::uint8_t> values_;         // [head][slot][dim] levels
  std::vector<std::int32_t> key_counts_;     // [head][dim][level] tokens in the ring
  std::vector<std::uint16_t> value_counts_;  // [head][slot][level] dimensions

  // Of the step at hand.
  int filled_ = 0;
  double mean_age_s_ = 0;
  std::vector<kernels::Run> runs_;
  std::vector<int> tile_runs_;  // first run of each sub-tile
  std::vector<float> tables_, second_tables_, gain_, second_gain_;
  std::vector<std::uint16_t> table_of_;
  RowSorter rows_, pulses_;
  std::vector<std::uint8_t> q_index_, written_;
  std::vector<std::int32_t> reads_by_level_;
  std::vector<float> x_, phi_, second_x_, second_pulse_, total_, second_hist_;
  double second_age_sum_ = 0;
  int second_pulses_ = 0;
};

}  // namespace

std::unique_ptr<Analog> make_fast_level(Shape shape, std::shared_ptr<const FastModel> model,
                                        Scalers scalers) {
  return std::make_unique<FastLevel>(shape, std::move(model), std::move(scalers));
}

}  // namespace gaincell::attention
