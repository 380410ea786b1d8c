#include "lut/table.h"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>
#include <cmath>
#include <numeric>
#include <utility>

#include "base/error.h"
#include "lut/contraction.h"
#include "lut/slopes.h"

namespace gaincell::lut {
namespace {

// Calls f(offset) for the first node of every line along `axis` of a row-major grid.
template <typename F>
void for_each_line(const std::vector<Axis>& axes, std::size_t axis, F f) {
  std::size_t inner = 1, outer = 1;
  for (std::size_t a = 0; a < axes.size(); ++a) {
    if (a < axis) outer *= axes[a].size();
    if (a > axis) inner *= axes[a].size();
  }
  for (std::size_t o = 0; o < outer; ++o)
    for (std::size_t i = 0; i < inner; ++i) f(o * axes[axis].size() * inner + i, inner);
}

// Derivative of the whole grid along one axis. Only slopes of the values themselves are limited:
// mixed derivatives have no monotone data to follow.
std::vector<double> slopes_along(const std::vector<Axis>& axes, std::size_t axis,
                                 const std::vector<double>& values, bool limited) {
  const std::size_t n = axes[axis].size();
  const SlopeRule rule(axes[axis].nodes());
  std::vector<double> result(values.size()), line(n), slopes(n);
  for_each_line(axes, axis, [&](std::size_t offset, std::size_t stride) {
    for (std::size_t i = 0; i < n; ++i) {
      line[i] = values[offset + i * stride];
      slopes[i] = rule.slope(i, &values[offset], stride);
    }
    if (limited) limit_slopes(axes[axis].nodes(), line, slopes);
    for (std::size_t i = 0; i < n; ++i) result[offset + i * stride] = slopes[i];
  });
  return result;
}

}  // namespace

const char* to_string(Interpolation interpolation) {
  return interpolation == Interpolation::kLinear ? "linear" : "cubic";
}

Interpolation parse_interpolation(const std::string& word, const std::string& place) {
  if (word == "linear") return Interpolation::kLinear;
  if (word == "cubic") return Interpolation::kCubic;
  throw Error(
      {.place = place, .key = "interpolation", .value = word, .rule = "must be linear or cubic"});
}

Table::Table(Quantity quantity, std::vector<Axis> axes, std::vector<double> values,
             std::vector<Interpolation> interpolation)
    : data_(prepare(std::move(quantity), std::move(axes), std::move(values),
                    std::move(interpolation))) {}

Table::Table(Quantity quantity, std::vector<Axis> axes, std::vector<double> values,
             Interpolation interpolation) {
  std::vector<Interpolation> each(axes.size(), interpolation);
  data_ = prepare(std::move(quantity), std::move(axes), std::move(values), std::move(each));
}

std::shared_ptr<const Table::Data> Table::prepare(Quantity quantity, std::vector<Axis> axes,
                                                  std::vector<double> values,
                                                  std::vector<Interpolation> interpolation) {
  const std::string place = "table " + quantity.name;
  if (axes.empty() || axes.size() > kMaxAxes)
    throw Error({.place = place,
                 .value = fmt::format("{} axes", axes.size()),
                 .rule = fmt::format("a table has 1 to {}", kMaxAxes)});
  std::size_t nodes = 1;
  for (const Axis& axis : axes) nodes *= axis.size();
  if (values.size() != nodes)
    throw Error({.place = place,
                 .value = fmt::format("{} values", values.size()),
                 .rule = fmt::format("its axes make {}", nodes)});
  if (interpolation.size() != axes.size())
    throw Error({.place = place,
                 .value = fmt::format("{} interpolations", interpolation.size()),
                 .rule = fmt::format("it has {} axes", axes.size())});
  for (std::size_t i = 0; i < nodes; ++i)
    if (!std::isfinite(values[i]))
      throw Error({.place = place,
                   .key = fmt::format("[{}]", i),
                   .value = fmt::format("{}", values[i]),
                   .rule = "a table's values must be finite"});

  auto data = std::make_shared<Data>();
  const auto [low, high] = std::minmax_element(values.begin(), values.end());
  data->minimum = *low;
  data->maximum = *high;

  // Grids of derivatives, subset by subset: those of the first axes are there when a later one
  // joins.
  std::vector<std::vector<double>> grids{values};
  for (std::size_t a = 0; a < axes.size(); ++a) {
    if (interpolation[a] == Interpolation::kLinear) continue;
    const std::size_t before = grids.size();
    for (std::size_t g = 0; g < before; ++g)
      grids.push_back(slopes_along(axes, a, grids[g], g == 0));
  }
  data->coefficients.resize(nodes * grids.size());
  for (std::size_t g = 0; g < grids.size(); ++g)
    for (std::size_t i = 0; i < nodes; ++i) data->coefficients[i * grids.size() + g] = grids[g][i];
  std::size_t stride = grids.size();
  for (std::size_t a = axes.size(); a-- > 0;) {
    data->stride[a] = stride;
    stride *= axes[a].size();
  }

  unsigned cubic = 0;
  for (std::size_t a = 0; a < axes.size(); ++a)
    if (interpolation[a] == Interpolation::kCubic) cubic |= 1u << a;
  data->contraction = contraction_for(axes.size(), cubic);

  data->quantity = std::move(quantity);
  data->axes = std::move(axes);
  data->values = std::move(values);
  data->interpolation = std::move(interpolation);
  return data;
}

inline Weights Table::weights_of(std::size_t axis, double x) const {
  const Axis& along = data_->axes[axis];
  const Position position = along.locate(x);
  const double t = position.fraction, s = 1 - t;
  if (data_->interpolation[axis] == Interpolation::kLinear)
    return {position.index, position.outside, s, 0, t, 0};
  const double h = along.width(position.index);
  // Cubic Hermite basis: (1+2t)(1-t)^2, t(1-t)^2 h, t^2(3-2t), -t^2(1-t) h.
  return {position.index, position.outside,    (1 + 2 * t) * s * s,
          t * s * s * h,  t * t * (3 - 2 * t), -t * t * s * h};
}

double Table::at(std::span<const double> x) const {
  assert(x.size() == dimensions());
  Weights weights[kMaxAxes];
  for (std::size_t a = 0; a < x.size(); ++a) weights[a] = weights_of(a, x[a]);
  double value = 0;
  data_->contraction(data_->coefficients.data(), data_->stride.data(), weights, 1, &value);
  return value;
}

void Table::at(std::span<const std::span<const double>> x, std::span<double> values) const {
  assert(x.size() == dimensions());
  constexpr std::size_t kBlock = 64;  // places whose weights stay in the first cache
  Weights weights[kBlock * kMaxAxes];
  const std::size_t axes = dimensions();
  for (std::size_t first = 0; first < values.size(); first += kBlock) {
    const std::size_t n = std::min(kBlock, values.size() - first);
    for (std::size_t a = 0; a < axes; ++a) {
      assert(x[a].size() == values.size());
      for (std::size_t i = 0; i < n; ++i) weights[i * axes + a] = weights_of(a, x[a][first + i]);
    }
    data_->contraction(data_->coefficients.data(), data_->stride.data(), weights, n,
                       &values[first]);
  }
}

double Table::derivative(std::size_t axis, std::span<const double> x) const {
  assert(x.size() == dimensions() && axis < x.size());
  Weights weights[kMaxAxes];
  for (std::size_t a = 0; a < x.size(); ++a) weights[a] = weights_of(a, x[a]);
  Weights& w = weights[axis];
  if (w.outside) return 0;
  const Axis& along = data_->axes[axis];
  const Position position = along.locate(x[axis]);
  const double t = position.fraction, s = 1 - t;
  const double h = along.nodes()[position.index + 1] - along.nodes()[position.index];
  if (data_->interpolation[axis] == Interpolation::kLinear) {
    w.lower = -1 / h;
    w.upper = 1 / h;
  } else {
    w.lower = -6 * t * s / h;
    w.lower_slope = s * (s - 2 * t);
    w.upper = 6 * t * s / h;
    w.upper_slope = t * (t - 2 * s);
  }
  double slope = 0;
  data_->contraction(data_->coefficients.data(), data_->stride.data(), weights, 1, &slope);
  return slope;
}

bool Table::outside(std::span<const double> x) const {
  assert(x.size() == dimensions());
  for (std::size_t a = 0; a < x.size(); ++a)
    if (data_->axes[a].locate(x[a]).outside) return true;
  return false;
}

}  // namespace gaincell::lut
