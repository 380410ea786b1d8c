#include "lut/axis.h"

#include <fmt/format.h>

#include <cmath>
#include <limits>
#include <utility>

#include "base/error.h"

namespace gaincell::lut {

Axis::Axis(std::string name, std::string unit, std::vector<double> nodes, std::string long_name)
    : name_(std::move(name)),
      unit_(std::move(unit)),
      long_name_(std::move(long_name)),
      size_(nodes.size()),
      padded_(std::move(nodes)) {
  if (size_ < 2)
    throw Error({.place = "axis " + name_,
                 .value = fmt::format("{} points", size_),
                 .rule = "a table axis needs at least 2",
                 .remedy = "sweep it or drop the axis"});
  for (std::size_t i = 0; i < size_; ++i) {
    const bool rises = i == 0 || padded_[i - 1] < padded_[i];
    if (!std::isfinite(padded_[i]) || !rises)
      throw Error({.place = "axis " + name_,
                   .key = fmt::format("[{}]", i),
                   .value = fmt::format("{}", padded_[i]),
                   .rule = "the points of an axis must be finite and rise"});
  }
  for (std::size_t i = 0; i + 1 < size_; ++i) per_width_.push_back(1 / width(i));
  // One or two nodes in each bucket, as far as that takes no more than some kilobytes.
  constexpr std::size_t kMostBuckets = 1024;
  std::size_t buckets = 2 * (size_ - 1);
  for (fill_buckets(buckets); searched_ > 2 && 2 * buckets <= kMostBuckets; fill_buckets(buckets))
    buckets *= 2;
  padded_.resize(size_ + searched_, std::numeric_limits<double>::infinity());
}

void Axis::fill_buckets(std::size_t buckets) {
  // A place may come out in the next bucket by rounding, so edges are taken with some margin.
  constexpr double kRounding = 1e-14;
  const auto last_before = [this](double distance, std::size_t i) {
    while (i + 2 < size_ && padded_[i + 1] - front() <= distance) ++i;
    return i;
  };
  buckets_per_unit_ = static_cast<double>(buckets) / (back() - front());
  first_in_bucket_.clear();
  searched_ = 1;
  for (std::size_t b = 0, first = 0; b <= buckets; ++b) {
    const double start = static_cast<double>(b) / buckets_per_unit_;
    const double end = static_cast<double>(b + 1) / buckets_per_unit_;
    first = last_before(start * (1 - kRounding), first);
    first_in_bucket_.push_back(static_cast<unsigned>(first));
    searched_ = std::max(searched_, last_before(end * (1 + kRounding), first) - first + 1);
  }
}

}  // namespace gaincell::lut
