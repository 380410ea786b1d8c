#pragma once

#include <cstddef>
#include <functional>
#include <span>
#include <vector>

#include "energy/activity.h"
#include "model/transformer.h"

namespace gaincell::model {

// Where a run of passages keeps what came of them, so that one that was broken off can go on.
class RunStore {
 public:
  virtual ~RunStore() = default;
  // What an earlier run left: the figures of the first passages, and all that it had counted by
  // then; both empty where there is nothing.
  struct Left {
    std::vector<double> figures, counts;
  };
  virtual Left left() = 0;
  // After some passages: their figures, and what is counted by now.
  virtual void keep(std::span<const double> figures, std::span<const double> counts) = 0;
};

struct PassageOptions {
  std::size_t tokens = 4096;  // run between two calls of progress, at least
  std::function<void(std::size_t passages)> progress = {};
  RunStore* store = nullptr;  // may be null
};

// Transformer::score_each() of all passages, in blocks; from `store` on, if it has any, to the same
// bits. Returns the seconds that it took. Error where what the store has is of other passages or
// another attention.
double run_passages(Transformer& transformer, std::span<const Transformer::Passage> passages,
                    std::span<energy::Activity> activity, const PassageOptions& options);

}  // namespace gaincell::model
