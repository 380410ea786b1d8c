#include "attention/physical_spread.h"

#include "base/random.h"

namespace gaincell::attention {

bool Spread::mismatch() const {
  return cell_gain > 0 || cell_offset_v > 0 || relu.gain > 0 || relu.offset_c > 0 ||
         differential.gain > 0 || differential.offset_c > 0;
}

PhysicalSpread::PhysicalSpread(const Shape& shape, const AnalogOptions& options)
    : shape_(shape),
      spread_(options.spread),
      seed_(hash_of(hash_of(options.seed, 0), static_cast<std::uint64_t>(options.layer))),
      mismatch_(options.effects.has(Effect::kMismatch) && options.spread.mismatch()),
      noise_(options.effects.has(Effect::kReadNoise) && options.spread.noise()) {}

double PhysicalSpread::normal(std::uint64_t stream, std::uint64_t index) const {
  return normal_at(hash_of(seed_, stream), index);
}

PhysicalSpread::Cell PhysicalSpread::cell(Array array, int head, int slot, int dim) const {
  if (!mismatch_) return {};
  const std::uint64_t index =
      (static_cast<std::uint64_t>(head) * shape_.window + slot) * shape_.dim + dim;
  const bool keys = array == Array::kKeys;
  Cell cell;
  if (spread_.cell_gain > 0)
    cell.gain += spread_.cell_gain * normal(keys ? kKeyGain : kValueGain, index);
  if (spread_.cell_offset_v > 0)
    cell.offset_v = spread_.cell_offset_v * normal(keys ? kKeyOffset : kValueOffset, index);
  return cell;
}

double PhysicalSpread::converted(const Spread::Converter& converter, int stage, int head,
                                 int column, std::int64_t token, double charge_c) const {
  // A head has at most window x dim columns in a stage.
  const std::uint64_t index =
      static_cast<std::uint64_t>(head) * shape_.window * shape_.dim + column;
  if (mismatch_ && converter.gain > 0)
    charge_c *= 1 + converter.gain * normal(kConverterGain + stage, index);
  if (mismatch_ && converter.offset_c > 0)
    charge_c += converter.offset_c * normal(kConverterOffset + stage, index);
  if (noise_ && converter.noise_c > 0)
    charge_c +=
        converter.noise_c * normal_at(hash_of(hash_of(seed_, kConverterNoise + stage), index),
                                      static_cast<std::uint64_t>(token));
  return charge_c;
}

double PhysicalSpread::relu_charge_c(int head, int column, std::int64_t token,
                                     double charge_c) const {
  return converted(spread_.relu, 0, head, column, token, charge_c);
}

double PhysicalSpread::differential_charge_c(int head, int column, std::int64_t token,
                                             double charge_c) const {
  return converted(spread_.differential, 1, head, column, token, charge_c);
}

}  // namespace gaincell::attention
