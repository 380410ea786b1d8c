#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <vector>

namespace gaincell::energy {

// Where one action counts: `high_share` of it at node `low` + 1, the rest at `low`.
struct Share {
  std::size_t low = 0;
  double high_share = 0;

  // Calls visit(node, weight) for the nodes that have a part.
  template <class Visit>
  void for_each(const Visit& visit) const {
    if (high_share < 1) visit(low, 1 - high_share);
    if (high_share > 0) visit(low + 1, high_share);
  }
};

// Ascending values at which actions count. An action between two of them is shared linearly, one
// beyond the ends counts at the nearest end: whatever is linear between the nodes is then the same
// summed over actions or over nodes.
class Nodes {
 public:
  Nodes() = default;
  // Of any order; nodes nearer than `nearest` to the one before are left out.
  explicit Nodes(std::vector<double> at, double nearest = 0) : at_(std::move(at)) {
    std::sort(at_.begin(), at_.end());
    at_.erase(
        std::unique(at_.begin(), at_.end(), [&](double a, double b) { return b - a < nearest; }),
        at_.end());
  }

  std::size_t size() const { return at_.size(); }
  double operator[](std::size_t i) const { return at_[i]; }
  auto begin() const { return at_.begin(); }
  auto end() const { return at_.end(); }
  double front() const { return at_.front(); }
  double back() const { return at_.back(); }
  bool operator==(const Nodes&) const = default;

  Share share(double x) const {
    if (at_.size() == 1 || x <= at_.front()) return {0, 0.0};
    if (x >= at_.back()) return {at_.size() - 2, 1.0};
    const auto above = std::upper_bound(at_.begin(), at_.end(), x);
    const std::size_t low = static_cast<std::size_t>(above - at_.begin()) - 1;
    return {low, (x - at_[low]) / (at_[low + 1] - at_[low])};
  }

  // Sum over the nodes of count[i] joules(node).
  template <class Joules>
  double integral(const std::vector<double>& count, const Joules& joules) const {
    double sum = 0;
    for (std::size_t i = 0; i < count.size(); ++i) sum += count[i] * joules(at_[i]);
    return sum;
  }

  // Shares out many actions whose sums are known alone: beyond[i] is the sum over them of max(0, x
  // - node[i]), in any unit, `node` in the same. A function that is linear between the nodes is its
  // value at the first, plus each interval's slope times the part of x between the interval's ends.
  template <class Node, class Sum>
  static void share_out(double actions, const std::vector<Node>& node,
                        const std::vector<Sum>& beyond, std::vector<double>& count) {
    count[0] += actions;
    for (std::size_t i = 0; i + 1 < node.size(); ++i) {
      const double share = static_cast<double>(beyond[i] - beyond[i + 1]) / (node[i + 1] - node[i]);
      count[i] -= share;
      count[i + 1] += share;
    }
  }

 private:
  std::vector<double> at_;
};

// Widths of read pulses. Node 0 is "no pulse", which is not read. A pulse has two edges however
// short it is, so its energy does not begin at 0: node 1 is the limit of a vanishing width (a word
// line that rises and falls at once), nodes 2 .. are even parts of the longest pulse.
class PulseNodes {
 public:
  static constexpr std::size_t kNone = 0, kVanishing = 1;

  PulseNodes() = default;
  PulseNodes(double longest_s, int steps) : step_s_(longest_s / steps) {
    // The smallest double above node 0 stands for the vanishing width.
    width_s_ = {0.0, std::numeric_limits<double>::min()};
    for (int i = 1; i <= steps; ++i) width_s_.push_back(longest_s * i / steps);
  }

  std::size_t size() const { return width_s_.size(); }
  double operator[](std::size_t i) const { return width_s_[i]; }
  bool operator==(const PulseNodes&) const = default;

  Share share(double width_s) const {
    if (!(width_s > 0)) return {kNone, 0.0};
    const auto last = static_cast<double>(width_s_.size() - 2);
    const double steps = std::min(width_s / step_s_, last);
    const double low = std::min(std::floor(steps), last - 1);
    return {kVanishing + static_cast<std::size_t>(low), steps - low};
  }

  // `sum` and, for every node, count(node) times what a read at it takes: joules(width in s), which
  // knows real widths alone. A vanishing pulse lies on the line through the next two nodes.
  template <class Count, class Joules>
  double add_integral(double sum, const Count& count, const Joules& joules) const {
    const auto at = [&](std::size_t node) { return joules(width_s_[node]); };
    for (std::size_t node = kVanishing; node < width_s_.size(); ++node) {
      const double reads = count(node);
      if (reads == 0) continue;
      sum += reads * (node > kVanishing     ? at(node)
                      : width_s_.size() > 3 ? 2 * at(kVanishing + 1) - at(kVanishing + 2)
                                            : 0.0);
    }
    return sum;
  }

 private:
  double step_s_ = 0;
  std::vector<double> width_s_;
};

}  // namespace gaincell::energy
