#pragma once

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
  std::span<const double> nodes() const { return nodes_; }
  std::size_t size() const { return nodes_.size(); }
  double front() const { return nodes_.front(); }
  double back() const { return nodes_.back(); }

  // Distance from node i to the next.
  double width(std::size_t i) const { return nodes_[i + 1] - nodes_[i]; }

  // Clamped to the ends. A NaN gives fraction NaN.
  Position locate(double x) const;

  bool operator==(const Axis& other) const {
    return name_ == other.name_ && unit_ == other.unit_ && nodes_ == other.nodes_;
  }

 private:
  std::string name_, unit_, long_name_;
  std::vector<double> nodes_;
  std::vector<double> per_width_;  // 1 / width(i)
  // Equal buckets over the range; bucket b's first node. Finds an interval without a search.
  std::vector<unsigned> first_in_bucket_;
  double buckets_per_unit_ = 0;
};

}  // namespace gaincell::lut
