#include "scores/statistics.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace gaincell::scores {

double Share::standard_error() const {
  const double share = value();
  return items > 1 ? std::sqrt(share * (1 - share) / static_cast<double>(items - 1))
                   : std::numeric_limits<double>::quiet_NaN();
}

Interval Share::interval() const {
  const auto n = static_cast<double>(items);
  const double share = value(), z = kNormalOf95, whole = 1 + z * z / n;
  const double middle = (share + z * z / (2 * n)) / whole;
  const double half = z / whole * std::sqrt(share * (1 - share) / n + z * z / (4 * n * n));
  return {std::max(0.0, middle - half), std::min(1.0, middle + half)};
}

Mean mean_of(std::span<const double> values) { return mean_of_blocks(values, 1); }

Mean mean_of_blocks(std::span<const double> values, std::size_t block) {
  const auto count = static_cast<double>(values.size());
  Mean mean{.value = std::accumulate(values.begin(), values.end(), 0.0) / count};
  double squares = 0;
  std::size_t blocks = 0;
  for (std::size_t at = 0; at < values.size(); at += block, ++blocks) {
    double off = 0;
    for (const double value : values.subspan(at, std::min(block, values.size() - at)))
      off += value - mean.value;
    squares += off * off;
  }
  const auto b = static_cast<double>(blocks);
  mean.standard_error = blocks > 1 ? std::sqrt(squares * b / (b - 1)) / count
                                   : std::numeric_limits<double>::quiet_NaN();
  return mean;
}

}  // namespace gaincell::scores
