#include "attention/analog.h"

#include "attention/levels.h"

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

}  // namespace gaincell::attention
