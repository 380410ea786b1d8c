#include <algorithm>
#include <utility>
#include <vector>

#include "attention/fast/fit.h"

namespace gaincell::attention {
namespace {

struct Priced {
  kernels::Stage stage;
  double cost;
};

std::vector<kernels::Stage> by_cost(std::vector<Priced> all) {
  std::stable_sort(all.begin(), all.end(),
                   [](const Priced& a, const Priced& b) { return a.cost < b.cost; });
  std::vector<kernels::Stage> stages;
  for (const Priced& priced : all) stages.push_back(priced.stage);
  return stages;
}

}  // namespace

// The cost is in vector instructions for 16 columns of `cells` rows: sums (bytes take four rows at
// a time), then the integration.
std::vector<kernels::Stage> fit_candidates(int cells, bool cells_differ) {
  std::vector<Priced> all;
  const auto add = [&](bool bytes, int rank, int low_ranks, bool fine_low, int segments) {
    for (const int degree : kernels::kDegrees)
      for (const int substeps : {1, 2, 4}) {
        // Where currents do not depend on x, neither does it matter when charge comes.
        if (degree == 0 && (segments > 1 || substeps > 1)) continue;
        kernels::Stage stage{};
        stage.bytes = bytes;
        stage.rank = rank;
        stage.low_ranks = low_ranks;
        stage.fine_low = fine_low;
        stage.segments = segments;
        stage.degree = degree;
        stage.substeps = substeps;
        const double low = low_ranks * (fine_low ? 2 : 1.75);
        const int groups = cells / 4;
        const double sums =
            bytes ? groups * (rank * (segments + 2) + low) : cells * rank * (segments + 2);
        const int steps = segments * substeps * (rank * (degree + 2) + 4);
        all.push_back({stage, sums + steps + 3 * rank * segments});
      }
  };
  for (int rank = 1; rank <= kernels::kMaxRank; ++rank) {
    // Ranks come by size: the first ones alone may need both digits. Bytes hold one u_r a level,
    // not one a cell.
    if (!cells_differ)
      for (const int segments : kernels::kByteSegments)
        for (int low_ranks = 0; low_ranks <= rank; ++low_ranks)
          for (const bool fine_low : {false, true})
            if (fine_low || low_ranks > 0) add(true, rank, low_ranks, fine_low, segments);
    for (const int segments : kernels::kFloatSegments) add(false, rank, 0, false, segments);
  }
  for (const int segments : kernels::kClosedSegments) {
    if (cells_differ) break;
    kernels::Stage stage{};
    stage.bytes = true;
    stage.rank = stage.segments = segments;
    stage.degree = 3;
    const int ends = segments == 1 ? 8 : 27;
    all.push_back({stage, cells / 4.0 * (segments * (segments + 1) + 1) + ends});
  }
  return by_cost(std::move(all));
}

// The cost is in passes over all columns; a product over the rows takes about two.
std::vector<kernels::Stage> matrix_candidates() {
  std::vector<Priced> all;
  for (const int segments : kernels::kFloatSegments)
    for (int rank = 1; rank <= kernels::kMaxRank; ++rank)
      for (const int degree : kernels::kDegrees)
        for (const int substeps : {1, 2, 4}) {
          if (degree == 0 && (segments > 1 || substeps > 1)) continue;
          kernels::Stage stage{};
          stage.rank = rank;
          stage.segments = segments;
          stage.degree = degree;
          stage.substeps = substeps;
          const int steps = segments * substeps * (2 * rank * (degree + 2) + 4);
          all.push_back({stage, 2.0 * rank * segments + 2 * segments + steps});
        }
  for (const int segments : kernels::kClosedSegments) {
    kernels::Stage stage{};
    stage.rank = stage.segments = segments;
    stage.degree = 3;
    const int ends = segments == 1 ? 6 : 20;
    all.push_back({stage, 2.0 * segments * (segments + 1) + ends});
  }
  return by_cost(std::move(all));
}

}  // namespace gaincell::attention
