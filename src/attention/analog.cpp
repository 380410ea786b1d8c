#include "attention/analog.h"

#include "attention/levels.h"
#include "base/error.h"
#include "lut/gain_cell_device.h"

namespace gaincell::attention {

std::vector<std::unique_ptr<Analog>> make_analog_layers(Shape shape, const Circuit& circuit,
                                                        std::vector<Scalers> scalers,
                                                        AnalogOptions options) {
  std::vector<std::unique_ptr<Analog>> layers;
  std::shared_ptr<const FastModel> model;
  if (options.level == Level::kFast) {
    for (const Effect effect : {Effect::kSaturation, Effect::kClipping})
      if (!options.effects.has(effect))
        throw Error({.place = "attention",
                     .key = "effects",
                     .value = std::string(name(effect)) + " off",
                     .rule = "the fast level's pulses end at the longest one, and its cells hold "
                             "levels within their range",
                     .remedy = "choose the column level"});
    model = std::make_shared<const FastModel>(shape, circuit, options);
  }
  for (Scalers& of_layer : scalers) {
    options.layer = static_cast<int>(layers.size());
    layers.push_back(model ? make_fast_level(shape, model, std::move(of_layer), options.layer)
                           : make_column_level(shape, circuit, std::move(of_layer), options));
  }
  return layers;
}

std::unique_ptr<Analog> make_analog(Shape shape, const Circuit& circuit, Scalers scalers,
                                    AnalogOptions options) {
  return std::move(make_analog_layers(shape, circuit, {std::move(scalers)}, options).front());
}

std::unique_ptr<Attention> make_analog(Shape shape, const lut::GainCellDevice& device,
                                       Scalers scalers, AnalogOptions options) {
  return make_analog(shape, circuit_of(device), std::move(scalers), options);
}

}  // namespace gaincell::attention
