#include "attention/fast/books.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

namespace gaincell::attention {
namespace {

template <class Count>
Count* first_of_copies(Lines<Count>& counts, std::size_t row) {
  return counts.data() + row * kernels::kReadCopies * kLevels;
}

// To the first one.
template <class Count>
void add_copies(Lines<Count>& counts) {
  for (std::size_t row = 0; row * kernels::kReadCopies * kLevels < counts.size(); ++row) {
    Count* all = first_of_copies(counts, row);
    for (int copy = 1; copy < kernels::kReadCopies; ++copy)
      for (int level = 0; level < kLevels; ++level) all[level] += all[copy * kLevels + level];
  }
}

}  // namespace

ConversionCounter::ConversionCounter(const energy::Conversions& nodes, double full_scale_c) {
  const double first = nodes.charge_c.front() / full_scale_c,
               last = nodes.charge_c.back() / full_scale_c;
  double steps_per_x = kernels::kHingeSteps / (last - first);
  if (first < 0 && last > 0) steps_per_x = std::floor(-first * steps_per_x) / -first;
  for (const double charge : nodes.charge_c) {
    const long step = std::lround((charge / full_scale_c - first) * steps_per_x);
    const int after_last = node_.empty() ? 0 : node_.back() + 1;
    node_.push_back(static_cast<std::uint16_t>(std::max<long>(step, after_last)));
  }
  first_x_ = static_cast<float>(first);
  last_x_ = static_cast<float>(last);
  steps_per_x_ = static_cast<float>(steps_per_x);
  clear();
}

void ConversionCounter::clear() {
  lanes_.assign(node_.size() * kUnit, 0);
  sum_.assign(node_.size(), 0);
  conversions_ = 0;
  columns_ = 0;
}

void ConversionCounter::deposit(energy::Conversions& to) {
  if (conversions_ == 0) return;
  flush();
  energy::Nodes::share_out(conversions_, node_, sum_, to.count);
  clear();
}

void ConversionCounter::flush() {
  for (std::size_t i = 0; i < node_.size(); ++i) {
    std::int32_t* lanes = lanes_.data() + i * kUnit;
    sum_[i] += std::accumulate(lanes, lanes + kUnit, std::int64_t{0});
    std::fill_n(lanes, kUnit, 0);
  }
  columns_ = 0;
}

Books::Books(const FastModel& model)
    : counter(model.circuit, model.oldest_age_s),
      first(counter.activity().first_conversions, model.first.full_scale_c()),
      second(counter.activity().second_conversions, model.second.full_scale_c()),
      // One row more, for the dimensions that there are not.
      first_reads(static_cast<std::size_t>(model.circuit.q_levels + 1) * kernels::kReadCopies *
                  kLevels),
      reads(static_cast<std::size_t>(
                kernels::Reads::nodes(ActivityCounter::pulse_steps(model.circuit))) *
            kernels::kReadCopies * kLevels) {}

void Books::clear() {
  counter.clear();
  clear_gathered();
  first.clear();
  second.clear();
}

void Books::clear_gathered() {
  std::fill(first_reads.begin(), first_reads.end(), 0);
  std::fill(reads.begin(), reads.end(), 0.0f);
  std::fill_n(cells, kLevels, 0.0);
  tokens = ages = age_sum_s = 0;
  pulses = 0;
}

void Books::deposit_at(std::int64_t block, const FastModel& model, int window) {
  const int tokens_together = std::clamp((1 << 16) / window, 1, 64);
  const std::int64_t run = block / tokens_together;
  if (run != gathered) deposit(model);
  gathered = run;
}

energy::Activity Books::activity(const FastModel& model) const {
  Books settled = *this;
  settled.deposit(model);
  return std::move(settled.counter.activity());
}

void Books::deposit(const FastModel& model) {
  if (tokens == 0) return;
  const Circuit& circuit = model.circuit;
  const double mean_age_s = ages / tokens * model.options.token_period_s;
  energy::Activity& activity = counter.activity();
  add_copies(first_reads);
  add_copies(reads);
  if (model.options.effects.has(Effect::kInputQuantiser))
    for (int level = 0; level < circuit.q_levels; ++level)
      counter.read(activity.first_reads, mean_age_s,
                   circuit.t_max_s * level / (circuit.q_levels - 1),
                   first_of_copies(first_reads, level));
  deposit_second_reads(mean_age_s);
  first.deposit(activity.first_conversions);
  second.deposit(activity.second_conversions);
  clear_gathered();
}

// Every cell of the second array is read by a pulse or by none.
void Books::deposit_second_reads(double mean_age_s) {
  energy::CellReads& to = counter.activity().second_reads;
  const energy::Share age =
      to.age_s.share(pulses > 0 ? age_sum_s / static_cast<double>(pulses) : mean_age_s);
  for (int level = 0; level < to.levels; ++level) {
    const auto add = [&](std::size_t pulse, double count) {
      age.for_each(
          [&](std::size_t node, double weight) { to.at(node, pulse)[level] += weight * count; });
    };
    using Pulses = energy::PulseNodes;
    double idle = cells[level];
    for (std::size_t pulse = Pulses::kVanishing; pulse < to.pulse_s.size(); ++pulse) {
      const double count = first_of_copies(reads, pulse - Pulses::kVanishing)[level];
      idle -= count;
      add(pulse, count);
    }
    add(Pulses::kNone, idle);
  }
}

}  // namespace gaincell::attention
