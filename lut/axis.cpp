#include "lut/axis.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/error.h"

namespace gaincell::lut {

Axis::Axis(std::string name, std::string unit, std::vector<double> nodes, std::string long_name)
    : name_(std::move(name)),
      unit_(std::move(unit)),
      long_name_(std::move(long_name)),
      nodes_(std::move(nodes)) {
  if (nodes_.size() < 2)
    throw Error({.place = "axis " + name_,
                 .value = fmt::format("{} points", nodes_.size()),
                 .rule = "a table axis needs at least 2",
                 .remedy = "sweep it or drop the axis"});
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    const bool rises = i == 0 || nodes_[i - 1] < nodes_[i];
    if (!std::isfinite(nodes_[i]) || !rises)
      throw Error({.place = "axis " + name_,
                   .key = fmt::format("[{}]", i),
                   .value = fmt::format("{}", nodes_[i]),
                   .rule = "the points of an axis must be finite and rise"});
  }
  for (std::size_t i = 0; i + 1 < nodes_.size(); ++i) per_width_.push_back(1 / width(i));
  // Two buckets an interval: at most one step from a bucket's first node where nodes are about
  // equally far.
  const std::size_t buckets = 2 * (nodes_.size() - 1);
  buckets_per_unit_ = static_cast<double>(buckets) / (back() - front());
  first_in_bucket_.resize(buckets + 1);
  for (std::size_t b = 0, i = 0; b <= buckets; ++b) {
    const double start = front() + static_cast<double>(b) / buckets_per_unit_;
    while (i + 2 < nodes_.size() && nodes_[i + 1] <= start) ++i;
    first_in_bucket_[b] = static_cast<unsigned>(i);
  }
}

Position Axis::locate(double x) const {
  if (!(x > front())) return {0, x < front() ? 0.0 : x - front(), x < front()};  // NaN stays NaN
  if (x >= back()) return {nodes_.size() - 2, 1.0, x > back()};
  const auto bucket = static_cast<std::size_t>((x - front()) * buckets_per_unit_);
  std::size_t low = first_in_bucket_[bucket];
  const std::size_t high = first_in_bucket_[std::min(bucket + 1, first_in_bucket_.size() - 1)];
  if (high - low <= 4) {
    while (low + 2 < nodes_.size() && nodes_[low + 1] <= x) ++low;
  } else {  // a bucket crowded with nodes, as in a logarithmic grid
    const auto begin = nodes_.begin() + static_cast<std::ptrdiff_t>(low);
    const auto end = nodes_.begin() + static_cast<std::ptrdiff_t>(high) + 1;
    low = static_cast<std::size_t>(std::upper_bound(begin + 1, end, x) - nodes_.begin()) - 1;
    low = std::min(low, nodes_.size() - 2);
  }
  // The bucket's edge is rounded, and may lie one node too far.
  while (low > 0 && nodes_[low] > x) --low;
  return {low, (x - nodes_[low]) * per_width_[low], false};
}

}  // namespace gaincell::lut
