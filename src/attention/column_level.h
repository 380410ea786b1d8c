#pragma once

#include <memory>

#include "attention/analog.h"

namespace gaincell::attention {

// The level that a person reads and checks against SPICE; make_analog chooses it.
std::unique_ptr<Analog> make_column_level(Shape shape, const Circuit& circuit, Scalers scalers,
                                          AnalogOptions options);

}  // namespace gaincell::attention
