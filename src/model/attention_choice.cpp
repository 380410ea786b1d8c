#include "model/attention_choice.h"

#include <fmt/format.h>

#include <iterator>

#include "attention/analog.h"
#include "attention/published.h"
#include "base/error.h"
#include "lut/gain_cell_device.h"

namespace gaincell::model {

double volts_on(const lut::GainCellDevice& device, const Config& config) {
  return 2 * device.v_zero / config.attention.v_max;
}

attention::Scalers with_volts(attention::Scalers scalers, double volts) {
  for (std::vector<float>* part : {&scalers.a_k, &scalers.b_k, &scalers.a_v, &scalers.b_v})
    for (float& x : *part) x = static_cast<float>(x * volts);
  return scalers;
}

void require_window(const Config& config, int window) {
  constexpr int kMostTokens = 65536;
  if (window < 1 || window > kMostTokens) {
    throw Error({.key = "--window",
                 .value = std::to_string(window),
                 .rule = fmt::format("must be from 1 (a token attends to itself) to {} tokens",
                                     kMostTokens),
                 .remedy = fmt::format("the model's own window is {}", config.attention.window)});
  }
  if (config.positions == Positions::kLearned && window > config.n_positions) {
    throw Error({.key = "--window",
                 .value = std::to_string(window),
                 .rule = fmt::format("the model has {} learned positions", config.n_positions),
                 .remedy = "choose a window within them"});
  }
}

std::vector<std::unique_ptr<attention::Attention>> make_attention(const Weights& weights,
                                                                  const AttentionChoice& choice) {
  const Config& config = weights.config;
  require_window(config, choice.window);
  if (choice.kind == AttentionKind::kAnalog && choice.device == nullptr) {
    throw Error({.place = "--device",
                 .rule = "analog attention needs the tables of a device",
                 .remedy = "give --device device.h5, as `gaincell compile` writes it"});
  }
  const attention::Shape shape{config.n_head, config.head_dim(), choice.window, config.group()};
  const AttentionConfig& a = choice.linear ? *choice.linear : config.attention;
  std::vector<std::unique_ptr<attention::Attention>> layers;
  if (choice.kind == AttentionKind::kAnalog) {
    std::vector<attention::Scalers> scalers;
    const double volts = volts_on(*choice.device, config);
    for (const Layer& layer : weights.layers) scalers.push_back(with_volts(layer.scalers, volts));
    auto analog = attention::make_analog_layers(shape, attention::circuit_of(*choice.device),
                                                std::move(scalers), choice.analog);
    layers.assign(std::make_move_iterator(analog.begin()), std::make_move_iterator(analog.end()));
    return layers;
  }
  for (const Layer& layer : weights.layers) {
    switch (choice.kind) {
      case AttentionKind::kSoftmax:
        layers.push_back(attention::make_softmax(shape));
        break;
      case AttentionKind::kLinear:
        layers.push_back(attention::make_published(shape,
                                                   {.q_levels = a.q_levels,
                                                    .k_levels = a.k_levels.value_or(a.kv_levels),
                                                    .v_levels = a.v_levels.value_or(a.kv_levels),
                                                    .output_levels = a.output_levels,
                                                    .v_max = a.v_max,
                                                    .v_zero = a.v_zero,
                                                    .current_a = {0, a.slope_a_per_v, 0, 0},
                                                    .s_sat_first_a = a.s_sat_first_a,
                                                    .s_sat_second_a = a.s_sat_second_a,
                                                    .decay_per_token = a.decay_per_token,
                                                    .tile = a.tile},
                                                   layer.scalers));
        break;
      case AttentionKind::kAnalog:
        break;
    }
  }
  return layers;
}

}  // namespace gaincell::model
