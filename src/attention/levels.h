#pragma once

#include "attention/analog.h"
#include "attention/fast/model.h"

// The levels of the analog engine, one file each; make_analog chooses.
namespace gaincell::attention {

std::unique_ptr<Analog> make_column_level(Shape shape, const Circuit& circuit, Scalers scalers,
                                          AnalogOptions options);
std::unique_ptr<Analog> make_fast_level(Shape shape, std::shared_ptr<const FastModel> model,
                                        Scalers scalers, int layer);

}  // namespace gaincell::attention
