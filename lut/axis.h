#pragma once

#include <algorithm>
#include <cstddef>
#include <span>
#include <string>
#include <vector>

namespace gaincell::lut {

// Where a coordinate lies: between node `index` and the next one, at `fraction` in [0, 1] of the
// way.
struct Position {
  std::size_t index;
  double fraction;
  bool outside;  // beyond the first or last node; fraction is then 0 or 1
};

// One axis of a table: at least two finite, strictly rising nodes, in SI units. Immutable.
class Axis {
 public:
  // Throws Error naming the axis.
  Axis(std::string name, std::string unit, std::vector<double> nodes, std::string long_name = "");

  const std::string& name() const { return name_; }
  const std::string& unit() const { return unit_; }
  const std::string& long_name() const { return long_name_; }
  std::span<const double> nodes() const { return {padded_.data(), size_}; }
  std::size_t size() const { return size_; }
  double front() const { return padded_.front(); }
  double back() const { return padded_[size_ - 1]; }

  // Distance from node i to the next.
  double width(std::size_t i) const { return padded_[i + 1] - padded_[i]; }

  // Clamped to the ends. A NaN gives fraction NaN.
  Position locate(double x) const;

  bool operator==(const Axis& other) const {
    return name_ == other.name_ && unit_ == other.unit_ &&
           std::ranges::equal(nodes(), other.nodes());
  }

 private:
  void fill_buckets(std::size_t buckets);

  std::string name_, unit_, long_name_;
  std::size_t size_;
  std::vector<double> padded_;  // the nodes, and infinities for a search that runs on beyond them
  std::vector<double> per_width_;  // 1 / width(i)
  // Equal buckets over the range: a bucket's first node, and how many of a bucket's nodes are
  // searched. The search has no branch, which a random place would make the processor guess.
  std::vector<unsigned> first_in_bucket_;
  std::size_t searched_ = 1;
  double buckets_per_unit_ = 0;
};

inline Position Axis::locate(double x) const {
  if (!(x > front())) return {0, x < front() ? 0.0 : x - front(), x < front()};  // NaN stays NaN
  if (x >= back()) return {size_ - 2, 1.0, x > back()};
  const auto bucket = static_cast<std::size_t>((x - front()) * buckets_per_unit_);
  std::size_t low = first_in_bucket_[bucket];
  for (std::size_t n = searched_; n > 1;) {
    const std::size_t half = n / 2;
    low += padded_[low + half] <= x ? half : 0;
    n -= half;
  }
  return {low, (x - padded_[low]) * per_width_[low], false};
}

}  // namespace gaincell::lut
