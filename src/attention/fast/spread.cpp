#include "attention/fast/spread.h"

namespace gaincell::attention {
namespace {

using Array = PhysicalSpread::Array;

}  // namespace

FastSpread::FastSpread(const Shape& shape, const Ring& ring, const FastModel& model,
                       const PhysicalSpread& physical)
    : physical_(physical),
      dim_(blocks(shape.dim, kUnit) * kUnit),
      units_(ring.units()),
      tiles_(ring.tiles()),
      first_noise_x_(
          static_cast<float>(physical.noise_c(ArrayStage::kFirst) / model.first.full_scale_c())),
      second_noise_x_(
          static_cast<float>(physical.noise_c(ArrayStage::kSecond) / model.second.full_scale_c())) {
  const std::size_t arrays = shape.arrays(), columns = arrays * units_ * kUnit;
  first_.resize(columns);
  second_.resize(arrays * tiles_ * dim_);
  if (physical.of_cells())
    for (Steps* steps : {&keys_, &values_}) {
      steps->gain.resize(columns * dim_);
      steps->offset.resize(columns * dim_);
    }
  for (int array = 0; array < shape.arrays(); ++array) {
    for (int slot = 0; slot < shape.window; ++slot) {
      const int lane = ring.lane_of(slot);
      const std::size_t unit = static_cast<std::size_t>(array) * units_ + ring.unit_of(slot);
      first_.set(unit * kUnit + lane, physical.converter(ArrayStage::kFirst, array, slot),
                 model.first.full_scale_c());
      if (!physical.of_cells()) continue;
      const auto put = [&](Steps& steps, Array stage, int d, int at) {
        const PhysicalSpread::Draw draw = physical.draw(stage, array, slot, d);
        const std::size_t cell = unit * dim_ * kUnit + at;
        steps.gain[cell] = draw.gain;
        steps.offset[cell] = draw.offset;
      };
      for (int d = 0; d < shape.dim; ++d) {
        put(keys_, Array::kKeys, d, key_at(lane, d));
        put(values_, Array::kValues, d, value_at(lane, d, dim_));
      }
    }
    for (int column = 0; column < tiles_ * shape.dim; ++column)
      second_.set((static_cast<std::size_t>(array) * tiles_ + column / shape.dim) * dim_ +
                      column % shape.dim,
                  physical.converter(ArrayStage::kSecond, array, column),
                  model.second.full_scale_c());
  }
}

FastSpread::Work FastSpread::work(int parts, int queries) const {
  Work work{};
  const std::size_t rows = std::max(dim_, parts * kUnit);
  work.cells.resize(parts);
  work.first.resize(parts);
  if (physical_.of_cells()) work.u.resize(rows * kernels::kMaxRank * kUnit);
  work.seen.resize(rows * queries);
  return work;
}

void FastSpread::set_conversions(std::int64_t token, int queries, Member member, Work& work) const {
  for (int q = 0; q < queries; ++q) {
    const std::int64_t conversion = (token + q) * member.group + member.place;
    const NoiseKey first = physical_.token_noise(ArrayStage::kFirst, conversion),
                   second = physical_.token_noise(ArrayStage::kSecond, conversion);
    work.first_noise[q] = {.low = first.low, .high = first.high};
    work.second_noise[q] = {.low = second.low, .high = second.high};
  }
}

void FastSpread::set_unit(int array, int unit, int part, Work& work) const {
  const std::size_t at = (static_cast<std::size_t>(array) * units_ + unit) * kUnit,
                    cell = at * dim_;
  work.first[part] = first_.from(at);
  if (physical_.of_cells())
    work.cells[part] = {.key_gain = keys_.gain.data() + cell,
                        .key_offset = keys_.offset.data() + cell,
                        .value_gain = values_.gain.data() + cell,
                        .value_offset = values_.offset.data() + cell};
}

const kernels::SpreadTile* FastSpread::tile(int array, int sub_tile, Work& work) const {
  const std::size_t second = (static_cast<std::size_t>(array) * tiles_ + sub_tile) * dim_;
  work.tile = {.cells = physical_.of_cells() ? work.cells.data() : nullptr,
               .gain_step = static_cast<float>(physical_.gain_step()),
               .first = work.first.data(),
               .second = second_.from(second),
               .first_noise_x = first_noise_x_,
               .second_noise_x = second_noise_x_,
               .first_noise = work.first_noise,
               .second_noise = work.second_noise,
               .u = work.u.data(),
               .seen = work.seen.data()};
  return &work.tile;
}

std::size_t FastSpread::bytes() const {
  return 2 * (keys_.gain.size() + values_.gain.size()) + first_.bytes() + second_.bytes();
}

void FastSpread::Converters::resize(std::size_t n) {
  gain.resize(n);
  offset.resize(n);
  low.resize(n);
  high.resize(n);
}

void FastSpread::Converters::set(std::size_t at, const PhysicalSpread::Converter& converter,
                                 double full_scale_c) {
  gain[at] = static_cast<float>(converter.gain);
  offset[at] = static_cast<float>(converter.offset_c / full_scale_c);
  low[at] = converter.noise.low;
  high[at] = converter.noise.high;
}

kernels::Converters FastSpread::Converters::from(std::size_t at) const {
  return {.gain = gain.data() + at,
          .offset = offset.data() + at,
          .low = low.data() + at,
          .high = high.data() + at};
}

}  // namespace gaincell::attention
