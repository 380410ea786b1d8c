#include "attention/analog.h"

#include <algorithm>
#include <cmath>
#include <tuple>

#include "attention/column_form.h"
#include "attention/column_level.h"
#include "attention/fast/column_form.h"
#include "attention/fast/level.h"
#include "base/error.h"

namespace gaincell::attention {
namespace {

// What the levels' whole numbers hold.
void check(const Circuit& circuit, Level level) {
  const int most_q = level == Level::kFast ? 255 : 65536;
  for (const auto& [key, value, least, most] :
       {std::tuple{"q_levels", circuit.q_levels, 2, most_q},
        {"kv_levels", circuit.kv_levels, 2, 256},
        {"output_levels", circuit.output_levels, 2, 1 << 20},
        {"tile", circuit.tile, 1, 65536}})
    if (value < least || value > most)
      throw Error({.place = "attention",
                   .key = key,
                   .value = std::to_string(value),
                   .rule = "must be from " + std::to_string(least) + " to " + std::to_string(most),
                   .remedy = "compile a device with as many"});
}

void require_kernels_effects(EffectSet effects) {
  for (const Effect effect : {Effect::kSaturation, Effect::kClipping})
    if (!effects.has(effect))
      throw Error({.place = "attention",
                   .key = "effects",
                   .value = std::string(name(effect)) + " off",
                   .rule = "the fast level's pulses end at the longest one, and its cells hold "
                           "levels within their range",
                   .remedy = "choose the column level"});
}

}  // namespace

ColumnForm column_form(Shape shape, const Circuit& circuit, const AnalogOptions& options) {
  shape.check();
  check(circuit, Level::kFast);
  require_kernels_effects(options.effects);
  return matrix_form(shape, circuit, options);
}

std::vector<std::unique_ptr<Analog>> make_analog_layers(Shape shape, const Circuit& circuit,
                                                        std::vector<Scalers> scalers,
                                                        AnalogOptions options) {
  shape.check();
  check(circuit, options.level);
  std::vector<std::unique_ptr<Analog>> layers;
  std::shared_ptr<const FastModel> model;
  if (options.level == Level::kFast) {
    require_kernels_effects(options.effects);
    model = std::make_shared<const FastModel>(shape, circuit, options);
  }
  for (Scalers& of_layer : scalers) {
    options.layer = static_cast<int>(layers.size());
    layers.push_back(model ? make_fast_level(shape, model, std::move(of_layer), options.layer)
                           : make_column_level(shape, circuit, std::move(of_layer), options));
  }
  return layers;
}

double share_too_old(const Circuit& circuit, const AnalogOptions& options, std::int64_t text,
                     int window) {
  const double period = options.token_period_s;
  if (!options.effects.has(Effect::kRetention) || !(period > 0)) return 0.0;
  // Tokens that queries read at ages below `ages`: 1 + 2 + .. up to it, then as many again.
  const auto reads = [&](double ages) {
    const auto n = static_cast<double>(text), full = std::min(ages, n);
    return full * (full + 1) / 2 + (n - full) * full;
  };
  const double all = reads(window);
  const double known = std::min<double>(window, std::floor(circuit.known_age_s / period) + 1);
  return all > 0 ? 1 - reads(known) / all : 0.0;
}

std::unique_ptr<Analog> make_analog(Shape shape, const Circuit& circuit, Scalers scalers,
                                    AnalogOptions options) {
  return std::move(make_analog_layers(shape, circuit, {std::move(scalers)}, options).front());
}

}  // namespace gaincell::attention
