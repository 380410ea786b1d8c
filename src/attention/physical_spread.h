#pragma once

#include <cstdint>

#include "attention/attention.h"

namespace gaincell::attention {

// Mismatch and noise of one layer's arrays by place: what a physical cell or converter is like
// follows from seed, layer and place alone, so nothing is stored and no order matters.
class PhysicalSpread {
 public:
  enum class Array { kKeys, kValues };

  PhysicalSpread(const Shape& shape, const AnalogOptions& options);

  bool mismatch() const { return mismatch_; }

  struct Cell {
    double gain = 1, offset_v = 0;
  };
  Cell cell(Array array, int head, int slot, int dim) const;

  // Charge that a converter acts on, for the charge on its bitline. `column` numbers the converters
  // of a head: slots in the first stage, [sub-tile][dim] in the second.
  double relu_charge_c(int head, int column, std::int64_t token, double charge_c) const;
  double differential_charge_c(int head, int column, std::int64_t token, double charge_c) const;

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
  };
  double converted(const Spread::Converter& converter, int stage, int head, int column,
                   std::int64_t token, double charge_c) const;
  double normal(std::uint64_t stream, std::uint64_t index) const;

  Shape shape_;
  Spread spread_;
  std::uint64_t seed_;
  bool mismatch_, noise_;
};

}  // namespace gaincell::attention
