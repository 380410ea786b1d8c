#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "attention/analog_options.h"
#include "attention/attention.h"
#include "model/weights.h"

namespace gaincell::lut {
class GainCellDevice;
}

namespace gaincell::model {

// Which attention runs a model.
struct AttentionChoice {
  AttentionKind kind = AttentionKind::kSoftmax;
  int window = 64;
  // For kAnalog: the circuits, which must outlive the attention, and how to compute them.
  const lut::GainCellDevice* device = nullptr;
  attention::AnalogOptions analog;
  // For kLinear: constants in place of those of the model's config.
  std::optional<AttentionConfig> linear = {};
};

// A model's scalers of keys and values count in volts of the range that its config has (v_max).
// What they ask of a DAC is a share of that range, and a device's levels are shares of its own
// supply: so many of its volts is one of the model's.
double volts_on(const lut::GainCellDevice& device, const Config& config);
// The scalers of keys and values with one volt as so many.
attention::Scalers with_volts(attention::Scalers scalers, double volts);

// Error where the window is not positive, or longer than the model's learned positions.
void require_window(const Config& config, int window);

// One attention per layer with the checkpoint's scalers and linear-hardware constants. Error where
// the window is not positive, or longer than the model's learned positions, or the device is
// missing.
// On a device the scalers are in its volts.
std::vector<std::unique_ptr<attention::Attention>> make_attention(const Weights& weights,
                                                                  const AttentionChoice& choice);

}  // namespace gaincell::model
