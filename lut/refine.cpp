#include "lut/refine.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

namespace gaincell::lut {
namespace {

// Of a limit on the rms, what a single point may be off.
constexpr double kLargestOverRms = 2;

double largest_allowed(const TableEntry& entry, double aim) {
  const double percent = entry.table.full_scale() / 100;
  double allowed = std::numeric_limits<double>::infinity();
  const auto bound = [&](const std::optional<double>& value, double unit, double share) {
    if (value) allowed = std::min(allowed, *value * unit * share);
  };
  bound(entry.limit.max_abs, 1, aim);
  bound(entry.limit.max_percent, percent, aim);
  bound(entry.limit.rms_abs, 1, kLargestOverRms);
  bound(entry.limit.rms_percent, percent, kLargestOverRms);
  return allowed;
}

// The table without every other node inside an axis, beginning with the first or the second.
std::optional<Table> without_every_other(const Table& table, std::size_t axis, std::size_t first) {
  const auto nodes = table.axis(axis).nodes();
  std::vector<std::size_t> kept;
  for (std::size_t i = 0; i < nodes.size(); ++i)
    if (i == 0 || i + 1 == nodes.size() || i % 2 == first) kept.push_back(i);
  if (kept.size() == nodes.size()) return std::nullopt;
  std::size_t inner = 1, outer = 1;
  for (std::size_t a = 0; a < table.dimensions(); ++a) {
    if (a < axis) outer *= table.axis(a).size();
    if (a > axis) inner *= table.axis(a).size();
  }
  std::vector<double> values, left;
  for (std::size_t o = 0; o < outer; ++o)
    for (const std::size_t i : kept) {
      const auto line =
          table.values().begin() + static_cast<std::ptrdiff_t>((o * nodes.size() + i) * inner);
      values.insert(values.end(), line, line + static_cast<std::ptrdiff_t>(inner));
    }
  for (const std::size_t i : kept) left.push_back(nodes[i]);
  std::vector<Axis> axes(table.axes().begin(), table.axes().end());
  axes[axis] = Axis(table.axis(axis).name(), table.axis(axis).unit(), std::move(left));
  return Table(table.quantity(), std::move(axes), std::move(values),
               {table.interpolation().begin(), table.interpolation().end()});
}

// How much of a table's error comes from one axis, by what its nodes are worth.
class AxisError {
 public:
  AxisError(const Table& table, std::size_t axis) : table_(table) {
    for (const std::size_t first : {std::size_t{0}, std::size_t{1}})
      if (auto other = without_every_other(table, axis, first))
        others_.push_back(std::move(*other));
    gain_ = table.interpolation()[axis] == Interpolation::kCubic ? 15 : 3;
  }
  double at(std::span<const double> x) const {
    if (others_.empty()) return std::numeric_limits<double>::infinity();
    double worst = 0;
    for (const Table& other : others_)
      worst = std::max(worst, std::abs(other.at(x) - table_.at(x)));
    return worst / gain_;
  }

 private:
  const Table& table_;
  std::vector<Table> others_;
  double gain_;
};

// By axis and interval, how far the worst of the points is off that ask for a node there.
std::vector<std::vector<double>> worst_by_interval(const TableEntry& entry, double allowed,
                                                   const std::vector<bool>& fixed) {
  const Table& table = entry.table;
  std::vector<AxisError> errors;
  std::vector<std::vector<double>> worst;
  for (std::size_t a = 0; a < table.dimensions(); ++a) {
    errors.emplace_back(table, a);
    worst.emplace_back(table.axis(a).size() - 1, 0.0);
  }
  std::vector<double> x(table.dimensions());
  for (std::size_t i = 0; i < entry.hold_out.measured.size(); ++i) {
    const double off = std::abs(entry.hold_out.predicted[i] - entry.hold_out.measured[i]);
    if (!(off > allowed)) continue;
    for (std::size_t a = 0; a < x.size(); ++a) x[a] = entry.hold_out.coordinates[a][i];
    std::optional<std::size_t> blamed;
    double most = -1;
    for (std::size_t a = 0; a < x.size(); ++a) {
      const double share = fixed[a] ? -1 : errors[a].at(x);
      if (share > most) {
        most = share;
        blamed = a;
      }
    }
    if (!blamed) continue;
    double& of_interval = worst[*blamed][table.axis(*blamed).locate(x[*blamed]).index];
    of_interval = std::max(of_interval, off);
  }
  return worst;
}

// One of the bench's values inside the interval, the nearest to where it is to be cut.
double near(double wanted, double low, double high, std::span<const double> bench_values) {
  std::optional<double> best;
  for (const double value : bench_values)
    if (value > low && value < high &&
        (!best || std::abs(value - wanted) < std::abs(*best - wanted)))
      best = value;
  return best.value_or(wanted);
}

}  // namespace

std::vector<MissingNode> missing_nodes(const TableEntry& entry, const CutRule& rule,
                                       std::span<const std::vector<double>> bench_values,
                                       std::span<const std::string> fixed) {
  const Table& table = entry.table;
  const double allowed = largest_allowed(entry, rule.aim);
  std::vector<bool> is_fixed;
  for (const Axis& axis : table.axes())
    is_fixed.push_back(std::find(fixed.begin(), fixed.end(), axis.name()) != fixed.end());
  const auto worst = worst_by_interval(entry, allowed, is_fixed);
  const bool one_axis = table.dimensions() == 1;
  std::vector<MissingNode> missing;
  for (std::size_t a = 0; a < worst.size(); ++a) {
    std::vector<std::size_t> order;
    for (std::size_t i = 0; i < worst[a].size(); ++i)
      if (worst[a][i] > 0) order.push_back(i);
    std::stable_sort(order.begin(), order.end(),
                     [&](std::size_t i, std::size_t k) { return worst[a][i] > worst[a][k]; });
    const double most = std::ceil(rule.share * static_cast<double>(worst[a].size()));
    order.resize(std::min(order.size(), static_cast<std::size_t>(most)));
    for (const std::size_t i : order) {
      const double low = table.axis(a).nodes()[i], high = table.axis(a).nodes()[i + 1];
      const double parts =
          std::clamp(std::ceil(2 * worst[a][i] / allowed), 2.0, one_axis ? rule.most_parts : 2.0);
      for (int part = 1; part < static_cast<int>(parts); ++part) {
        const double wanted = std::lerp(low, high, part / parts);
        const double value =
            bench_values.empty() ? wanted : near(wanted, low, high, bench_values[a]);
        const bool known = std::any_of(missing.begin(), missing.end(), [&](const MissingNode& m) {
          return m.axis == table.axis(a).name() && m.value == value;
        });
        if (!known) missing.push_back({table.axis(a).name(), value, worst[a][i] / allowed});
      }
    }
  }
  return missing;
}

}  // namespace gaincell::lut
