#pragma once

#include <string>
#include <vector>

#include "train/network.h"
#include "train/options.h"

namespace gaincell::train {

struct LossAt {
  int step;
  double training;  // mean over the steps since the last look, with dropout
  double held_out;  // sliding pass over the whole held-out text
};

struct TrainReport {
  std::vector<LossAt> losses;
  int best_step = 0;
  double held_out_f32 = 0;  // best weights as trained
  double held_out = 0;      // the same rounded to F16, as written
  double wall_time_s = 0;   // over all runs, where resumed
};

// Trains and writes options.out: config.json, model.safetensors (F16, the weights with the lowest
// held-out loss), vocab.json, training.json and a card README.md; and options.out with ".state"
// appended, from which a killed run goes on with `resume`; removed at the end. The same options on
// the same machine give the same model.safetensors, resumed or not.
TrainReport train(const TrainOptions& options);

}  // namespace gaincell::train
