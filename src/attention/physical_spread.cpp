#include "attention/physical_spread.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "base/random.h"

namespace gaincell::attention {
namespace {

// lowbias32 (Wellons, hash-prospector).
std::uint32_t mix(std::uint32_t x) {
  x = (x ^ (x >> 16)) * 0x7feb352du;
  x = (x ^ (x >> 15)) * 0x846ca68bu;
  return x ^ (x >> 16);
}

// Inside (0, 1), 24 bits, so that a float holds it.
double unit(std::uint32_t bits) { return ((bits >> 9) + 0.5) * 0x1.0p-23; }

}  // namespace

double noise_at(NoiseKey converter, NoiseKey token) {
  return std::sqrt(-2 * std::log(unit(mix(converter.low + token.low)))) *
         std::cos(2 * std::numbers::pi * unit(mix(converter.high + token.high)));
}

PhysicalSpread::PhysicalSpread(const Shape& shape, const AnalogOptions& options)
    : shape_(shape),
      spread_(options.spread),
      seed_(hash_of(hash_of(options.seed, 0), static_cast<std::uint64_t>(options.layer))),
      noise_seed_(
          hash_of(hash_of(options.noise_seed, 1), static_cast<std::uint64_t>(options.layer))),
      mismatch_(options.effects.has(Effect::kMismatch) && options.spread.mismatch()),
      noise_(options.effects.has(Effect::kReadNoise) && options.spread.noise()) {}

double PhysicalSpread::normal(std::uint64_t stream, std::uint64_t index) const {
  return normal_at(hash_of(seed_, stream), index);
}

std::int8_t PhysicalSpread::steps(std::uint64_t stream, std::uint64_t index) const {
  constexpr double kMost = kMostSteps;
  return static_cast<std::int8_t>(
      std::clamp(std::nearbyint(kStepsPerSigma * normal(stream, index)), -kMost, kMost));
}

NoiseKey PhysicalSpread::noise_key(std::uint64_t stream, std::uint64_t index) const {
  const std::uint64_t bits = hash_of(hash_of(noise_seed_, stream), index);
  return {static_cast<std::uint32_t>(bits), static_cast<std::uint32_t>(bits >> 32)};
}

PhysicalSpread::Draw PhysicalSpread::draw(Array stage, int array, int slot, int dim) const {
  if (!mismatch_) return {};
  const std::uint64_t index =
      (static_cast<std::uint64_t>(array) * shape_.window + slot) * shape_.dim + dim;
  const bool keys = stage == Array::kKeys;
  Draw draw;
  if (spread_.cell_gain > 0) draw.gain = steps(keys ? kKeyGain : kValueGain, index);
  if (spread_.cell_offset_v > 0) draw.offset = steps(keys ? kKeyOffset : kValueOffset, index);
  return draw;
}

PhysicalSpread::Converter PhysicalSpread::converter(ArrayStage stage, int array, int column) const {
  const int number = stage == ArrayStage::kFirst ? 0 : 1;
  // An array has at most window x dim columns in a stage.
  const std::uint64_t index =
      static_cast<std::uint64_t>(array) * shape_.window * shape_.dim + column;
  Converter converter;
  if (mismatch_ && of(stage).gain > 0)
    converter.gain += of(stage).gain * normal(kConverterGain + number, index);
  if (mismatch_ && of(stage).offset_c > 0)
    converter.offset_c = of(stage).offset_c * normal(kConverterOffset + number, index);
  if (noise_c(stage) > 0) converter.noise = noise_key(kConverterNoise + number, index);
  return converter;
}

NoiseKey PhysicalSpread::token_noise(ArrayStage stage, std::int64_t conversion) const {
  return noise_key(stage == ArrayStage::kFirst ? kTokenNoise : kTokenNoise + 1,
                   static_cast<std::uint64_t>(conversion));
}

double PhysicalSpread::converted_c(ArrayStage stage, int array, int column, std::int64_t conversion,
                                   double charge_c) const {
  if (!any()) return charge_c;
  const Converter of_column = converter(stage, array, column);
  charge_c = charge_c * of_column.gain + of_column.offset_c;
  if (noise_c(stage) > 0)
    charge_c += noise_c(stage) * noise_at(of_column.noise, token_noise(stage, conversion));
  return charge_c;
}

}  // namespace gaincell::attention
