#pragma once

#include <functional>
#include <vector>

#include "attention/attention.h"
#include "model/calibration.h"
#include "model/transformer.h"

namespace gaincell::model {

// The initialization algorithm of Leroux et al. (2025): moves a model onto other hardware by
// matching, per layer and head, mean and standard deviation after each scaler (q, k, v, output) to
// those of the target, with forward passes alone. On one fixed batch, where the error is above the
// tolerance:
//   a <- alpha a (target_std / std) + (1 - alpha) a
//   b <- b + alpha (target_mean - mean)
// Layers act on each other, hence the iteration.
struct AdaptOptions {
  int steps = 100;      // at most
  int ramp_steps = 50;  // alpha falls linearly over these steps, then stays
  double alpha_first = 1.0, alpha_last = 0.1;
  double tolerance =
      1e-4;  // of mean and standard deviation; the iteration ends when all are within
  // Volts of the device that are one of the target's: keys and values are matched as shares of the
  // range that each has (volts_on()).
  double volts = 1;
  // Start from a = 1, b = 0 (0.45 for keys and values), as published, in place of the scalers that
  // the device's transformer has. They reach the same place where nothing saturates.
  bool start_from_identity = false;
  std::function<void(const struct AdaptStep&)> progress = {};
};

struct AdaptStep {
  int step = 0;               // 0 = before the first change
  double alpha = 0;           // of the change that follows
  double nats_per_token = 0;  // on the batch, with the scalers as they are at this step
  double worst_mean_error = 0, worst_deviation_error = 0;
  double rms_error = 0;  // of both, over layers, heads and scalers
};

struct AdaptReport {
  double nats_target = 0;  // of the target on the batch
  double nats_before = 0;  // of the device with the scalers that it came with
  double nats_after = 0;
  bool converged = false;  // all within the tolerance before `steps` were used up
  std::vector<AdaptStep> steps;
  std::vector<attention::Scalers> scalers;  // one per layer, in the target's volts
};

// Leaves the device's transformer with the new scalers.
AdaptReport adapt(Transformer& target, Transformer& device, const Batch& batch,
                  const AdaptOptions& options);

}  // namespace gaincell::model
