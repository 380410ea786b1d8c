#include "attention/analog.h"

#include "attention/levels.h"
#include "lut/gain_cell_device.h"

namespace gaincell::attention {

std::unique_ptr<Analog> make_analog(Shape shape, const Circuit& circuit, Scalers scalers,
                                    AnalogOptions options) {
  switch (options.level) {
    case Level::kColumn:
      return make_column_level(shape, circuit, std::move(scalers), options);
    case Level::kFast:
      break;
  }
  return make_fast_level(shape, circuit, std::move(scalers), options);
}

std::unique_ptr<Attention> make_analog(Shape shape, const lut::GainCellDevice& device,
                                       Scalers scalers, AnalogOptions options) {
  return make_analog(shape, circuit_of(device), std::move(scalers), options);
}

}  // namespace gaincell::attention
