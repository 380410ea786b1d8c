#include "attention/fast/cells.h"

#include <algorithm>
#include <cstring>

namespace gaincell::attention {

Cells::Cells(int arrays, int dim, int columns, const Ring& ring)
    : ring_(ring),
      dim_(dim),
      columns_(columns),
      unit_cells_(static_cast<std::size_t>(dim) * kUnit),
      keys_(unit_cells_ * arrays * ring.units()),
      values_(unit_cells_ * arrays * ring.units()),
      value_counts_(static_cast<std::size_t>(arrays) * ring.units() * kUnit * kLevels),
      key_counts_(static_cast<std::size_t>(arrays) * dim * kLevels),
      value_totals_(static_cast<std::size_t>(arrays) * kLevels) {}

void Cells::clear() {
  std::fill(key_counts_.begin(), key_counts_.end(), 0);
  std::fill(value_totals_.begin(), value_totals_.end(), 0);
}

std::size_t Cells::bytes() const {
  const auto of = [](const auto& all) { return all.size() * sizeof(all[0]); };
  return of(keys_) + of(values_) + of(value_counts_) + of(key_counts_) + of(value_totals_);
}

Cells::Kept Cells::room() const {
  return {.keys = Lines<std::uint8_t>(unit_cells_),
          .values = Lines<std::uint8_t>(unit_cells_),
          .counts = std::vector<std::uint16_t>(kUnit * kLevels)};
}

void Cells::keep(int array, int slot, Kept& to) const {
  const View now = unit(array, ring_.unit_of(slot));
  std::copy_n(now.keys, unit_cells_, to.keys.data());
  std::copy_n(now.values, unit_cells_, to.values.data());
  std::copy_n(now.counts, kUnit * kLevels, to.counts.data());
}

Cells::Writes Cells::write(int array, const Token& token, std::int32_t* reads) {
  const std::size_t unit = first_unit(array) + ring_.unit_of(token.slot);
  const int lane = ring_.lane_of(token.slot);
  Writes written;

  std::uint8_t* key = keys_.data() + unit * unit_cells_ + lane * 4;
  kernels::count_levels(columns_, token.k, written.keys.data());
  kernels::count_key_reads(dim_, token.overwrites ? key : nullptr, token.k, token.q,
                           key_counts_.data() + static_cast<std::size_t>(array) * dim_ * kLevels,
                           reads);
  for (int d = 0; d < dim_; d += 4, key += kUnit * 4) std::memcpy(key, token.k + d, 4);

  kernels::store_levels(dim_, token.v, lane % 4,
                        values_.data() + unit * unit_cells_ + lane / 4 * 4 * dim_);
  std::uint16_t* counts = value_counts_.data() + (unit * kUnit + lane) * kLevels;
  std::int32_t* totals = value_totals_.data() + static_cast<std::size_t>(array) * kLevels;
  for (int level = 0; level < kLevels; ++level)
    if (token.overwrites) totals[level] -= counts[level];
  kernels::count_levels(columns_, token.v, counts);
  for (int level = 0; level < kLevels; ++level) totals[level] += counts[level];
  std::copy_n(counts, kLevels, written.values.data());
  return written;
}

void Cells::count_reads(int array, int slot, const std::uint8_t* k, const std::uint8_t* q,
                        std::int32_t* reads) {
  const std::size_t unit = first_unit(array) + ring_.unit_of(slot);
  // The key takes its own place, which leaves the counts as they are.
  kernels::count_key_reads(dim_, keys_.data() + unit * unit_cells_ + ring_.lane_of(slot) * 4, k, q,
                           key_counts_.data() + static_cast<std::size_t>(array) * dim_ * kLevels,
                           reads);
}

const std::int32_t* Cells::key_counts(int array) const {
  return key_counts_.data() + static_cast<std::size_t>(array) * dim_ * kLevels;
}

const std::int32_t* Cells::value_totals(int array) const {
  return value_totals_.data() + static_cast<std::size_t>(array) * kLevels;
}

}  // namespace gaincell::attention
