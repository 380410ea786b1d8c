#pragma once

#include <memory>
#include <vector>

#include "attention/attention.h"
#include "model/calibration.h"
#include "model/weights.h"

namespace gaincell::model {

// First scalers for a model of exact softmax attention, so that it can run, and be trained, on
// linear hardware (Leroux et al. 2025), from forward passes of the softmax model alone:
//   a = wanted deviation / deviation of q, k or v, b = wanted mean - a mean, by head (by array of
//   keys and values), with what models trained on the hardware from the start have: queries at
//   0.3 +- 0.25 of the longest pulse, keys and values at v_zero +- 0.2 V of 0.9;
//   a_o, b_o = the least squares line from what the sub-tiles add up to, to the softmax's output.
struct ConvertReport {
  double nats_softmax = 0;  // on the batch
  double nats_linear = 0;   // of the same weights with these scalers on linear hardware
  std::vector<attention::Scalers> scalers;      // one per layer
  std::vector<attention::RangeReport> clipped;  // one per layer, on linear hardware
  // Share of the softmax output's variance that the line gives back, by layer: its mean over heads.
  std::vector<double> explained;
};

ConvertReport convert(const std::shared_ptr<const Weights>& weights, int window, const Batch& batch,
                      int threads);

}  // namespace gaincell::model
