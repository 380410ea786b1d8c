#pragma once

#include <cstdint>

#include "attention/analog_options.h"
#include "attention/array_stage.h"
#include "attention/attention.h"

namespace gaincell::attention {

// Noise of one conversion follows from two keys, the converter's and the token's.
struct NoiseKey {
  std::uint32_t low = 0, high = 0;
};
// A standard normal, cut at 5.8. In 32-bit arithmetic, so that vectors of it are quick
// (fast/spread_kernels.cpp has them).
double noise_at(NoiseKey converter, NoiseKey token);

// Mismatch and noise of one layer's arrays by place: what a physical cell or converter is like
// follows from seed, layer and place alone, and the noise of a conversion from its own seed, layer,
// converter and token, so nothing is stored and no order matters. Tokens are numbered through for
// as long as an engine lives, so no two of its conversions are the same.
class PhysicalSpread {
 public:
  enum class Array { kKeys, kValues };

  PhysicalSpread(const Shape& shape, const AnalogOptions& options);

  bool any() const { return mismatch_ || noise_; }
  bool of_cells() const {
    return mismatch_ && (spread_.cell_gain > 0 || spread_.cell_offset_v > 0);
  }

  // What is drawn for a cell are whole steps of a 32nd of the standard deviation, held at +-127, so
  // that an engine can keep it in a byte.
  static constexpr int kStepsPerSigma = 32, kMostSteps = 127;
  struct Draw {
    std::int8_t gain = 0, offset = 0;
  };
  Draw draw(Array stage, int array, int slot, int dim) const;
  double gain_step() const { return spread_.cell_gain / kStepsPerSigma; }
  double offset_step_v() const { return spread_.cell_offset_v / kStepsPerSigma; }

  struct Cell {
    double gain = 1, offset_v = 0;
  };
  Cell cell(Array stage, int array, int slot, int dim) const {
    const Draw steps = draw(stage, array, slot, dim);
    return {1 + gain_step() * steps.gain, offset_step_v() * steps.offset};
  }

  // A converter acts on charge x gain + offset_c + noise_c() x noise_at(noise, token_noise(token)).
  // `column` numbers the converters of an array: slots in the first stage, [sub-tile][dim] in the
  // second.
  struct Converter {
    double gain = 1, offset_c = 0;
    NoiseKey noise;
  };
  Converter converter(ArrayStage stage, int array, int column) const;
  NoiseKey token_noise(ArrayStage stage, std::int64_t conversion) const;
  double noise_c(ArrayStage stage) const { return noise_ ? of(stage).noise_c : 0.0; }

  // Charge that a converter acts on, for the charge on its bitline.
  double converted_c(ArrayStage stage, int array, int column, std::int64_t conversion,
                     double charge_c) const;

 private:
  // Streams of random numbers that never meet.
  enum Stream : std::uint64_t {
    kKeyGain,
    kKeyOffset,
    kValueGain,
    kValueOffset,
    kConverterGain,  // + 1 and so on: two stages
    kConverterOffset = kConverterGain + 2,
    kConverterNoise = kConverterOffset + 2,
    kTokenNoise = kConverterNoise + 2,
  };
  const Spread::Converter& of(ArrayStage stage) const {
    return stage == ArrayStage::kFirst ? spread_.relu : spread_.differential;
  }
  double normal(std::uint64_t stream, std::uint64_t index) const;
  std::int8_t steps(std::uint64_t stream, std::uint64_t index) const;
  NoiseKey noise_key(std::uint64_t stream, std::uint64_t index) const;

  Shape shape_;
  Spread spread_;
  std::uint64_t seed_, noise_seed_;
  bool mismatch_, noise_;
};

}  // namespace gaincell::attention
