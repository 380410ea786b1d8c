#pragma once

#include <memory>

#include "attention/analog.h"
#include "attention/fast/model.h"

namespace gaincell::attention {

// The level that runs; make_analog chooses it.
std::unique_ptr<Analog> make_fast_level(Shape shape, std::shared_ptr<const FastModel> model,
                                        Scalers scalers, int layer);

}  // namespace gaincell::attention
