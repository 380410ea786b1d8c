#include "sweep/design.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/random.h"

namespace gaincell::sweep {
namespace {

Point first_values(const Study& study) {
  Point point;
  for (const Axis& axis : study.axes) point.push_back(axis.values.front());
  return point;
}

std::vector<Point> grid(const Study& study) {
  std::vector<Point> points{{}};
  for (const Axis& axis : study.axes) {
    std::vector<Point> longer;
    for (const Point& point : points)
      for (const double value : axis.values) {
        longer.push_back(point);
        longer.back().push_back(value);
      }
    points = std::move(longer);
  }
  return points;
}

std::vector<Point> one_at_a_time(const Study& study) {
  std::vector<Point> points{first_values(study)};
  for (std::size_t a = 0; a < study.axes.size(); ++a)
    for (std::size_t k = 1; k < study.axes[a].values.size(); ++k) {
      points.push_back(points.front());
      points.back()[a] = study.axes[a].values[k];
    }
  return points;
}

// The value at a share of the axis, 0 .. 1: of its range, or of its list.
double value_at(const Axis& axis, double share) {
  if (!axis.range) {
    const auto count = static_cast<double>(axis.values.size());
    return axis.values[static_cast<std::size_t>(std::min(count - 1, std::floor(share * count)))];
  }
  const double from = axis.values.front(), to = axis.values.back();
  const double value =
      axis.logarithmic ? from * std::pow(to / from, share) : from + (to - from) * share;
  return axis.whole ? std::round(value) : value;
}

// Shares of each axis: anywhere, or one in each of as many equal parts as there are points
// (McKay, Beckman and Conover 1979).
std::vector<Point> drawn(const Study& study) {
  const std::size_t count = study.design.points;
  std::vector<Point> points(count);
  for (const Axis& axis : study.axes) {
    Random random(study.design.seed, axis.name);
    std::vector<std::size_t> part(count);
    std::iota(part.begin(), part.end(), std::size_t{0});
    for (std::size_t k = count; k > 1; --k) std::swap(part[k - 1], part[random.below(k)]);
    for (std::size_t k = 0; k < count; ++k) {
      const double u = random.uniform();
      const bool stratified = study.design.kind == StudyDesign::Kind::kLatinHypercube;
      points[k].push_back(value_at(
          axis, stratified ? (static_cast<double>(part[k]) + u) / static_cast<double>(count) : u));
    }
  }
  return points;
}

}  // namespace

std::vector<Point> design_points(const Study& study) {
  std::vector<Point> points;
  switch (study.design.kind) {
    case StudyDesign::Kind::kGrid:
      points = grid(study);
      break;
    case StudyDesign::Kind::kOneAtATime:
      points = one_at_a_time(study);
      break;
    case StudyDesign::Kind::kRandom:
    case StudyDesign::Kind::kLatinHypercube:
      points = drawn(study);
      break;
  }
  std::vector<Point> each;
  for (Point& point : points)
    if (std::find(each.begin(), each.end(), point) == each.end()) each.push_back(std::move(point));
  return each;
}

}  // namespace gaincell::sweep
