#pragma once

#include <memory>
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
};

// One attention per layer with the checkpoint's scalers and linear-hardware constants. Error where
// the window is not positive, or longer than the model's learned positions, or the device is
// missing.
std::vector<std::unique_ptr<attention::Attention>> make_attention(const Weights& weights,
                                                                  const AttentionChoice& choice);

}  // namespace gaincell::model
