#include "sweep/analysis.h"

#include <Eigen/Dense>
#include <algorithm>
#include <boost/math/distributions/students_t.hpp>
#include <cmath>
#include <limits>
#include <numeric>
#include <set>

namespace gaincell::sweep {
namespace {

constexpr double kNotKnown = std::numeric_limits<double>::quiet_NaN();
constexpr std::size_t kMostLevels = 24;
constexpr double kSpansMuch = 8;  // greatest over least value: by doublings

std::set<double> values_of(const StudyResults& results, std::size_t axis) {
  std::set<double> values;
  for (const Point& point : results.plan.points) values.insert(point[axis]);
  return values;
}

// Points that tell of a value of an axis alone.
bool tells_of(const StudyResults& results, std::size_t point, std::size_t axis) {
  if (results.plan.design != "one_at_a_time") return true;
  const Point &here = results.plan.points[point], &base = results.plan.points.front();
  for (std::size_t a = 0; a < here.size(); ++a)
    if (a != axis && here[a] != base[a]) return false;
  return true;
}

double student_of_95(double freedom) {
  return boost::math::quantile(boost::math::students_t(freedom), 0.975);
}

// A column of the fit: how far a point is along an axis, 0 .. 1, or whether it has a word.
struct Term {
  std::size_t axis = 0;
  double from = 0, to = 0;
  bool word = false, doubling = false;

  double of(double value) const {
    if (word) return value == to ? 1 : 0;
    return doubling ? std::log(value / from) / std::log(to / from) : (value - from) / (to - from);
  }
  // Slopes for a change of 1 along the column.
  double per_step() const { return doubling ? std::log2(to / from) : to - from; }
};

std::vector<Term> terms_of(const StudyResults& results) {
  std::vector<Term> terms;
  for (std::size_t a = 0; a < results.plan.axes.size(); ++a) {
    const Axis& axis = results.plan.axes[a];
    const std::set<double> values = values_of(results, a);
    if (values.size() < 2) continue;
    const double low = *values.begin(), high = *values.rbegin();
    if (axis.words.empty()) {
      terms.push_back({.axis = a,
                       .from = low,
                       .to = high,
                       .doubling = low > 0 && (axis.logarithmic || high / low >= kSpansMuch)});
      continue;
    }
    for (const double value : values)
      if (value != low) terms.push_back({.axis = a, .from = low, .to = value, .word = true});
  }
  return terms;
}

struct Fit {
  Eigen::VectorXd changes;  // one a term
  Eigen::VectorXd
      misfits;  // of these, half widths by what the plane leaves; 0 where it leaves none
  double explained = 0;
};

// Least squares of one figure a point; none where it is not determined.
std::optional<Fit> fit(const StudyResults& results, const std::vector<Term>& terms,
                       const std::vector<double>& figure) {
  std::vector<std::size_t> known;
  for (std::size_t p = 0; p < figure.size(); ++p)
    if (std::isfinite(figure[p])) known.push_back(p);
  const auto rows = static_cast<Eigen::Index>(known.size()),
             columns = static_cast<Eigen::Index>(terms.size()) + 1;
  if (rows < columns) return std::nullopt;
  Eigen::MatrixXd design(rows, columns);
  Eigen::VectorXd wanted(rows);
  for (Eigen::Index r = 0; r < rows; ++r) {
    const std::size_t p = known[static_cast<std::size_t>(r)];
    wanted(r) = figure[p];
    design(r, 0) = 1;
    for (Eigen::Index c = 1; c < columns; ++c) {
      const Term& term = terms[static_cast<std::size_t>(c - 1)];
      design(r, c) = term.of(results.plan.points[p][term.axis]);
    }
  }
  const Eigen::ColPivHouseholderQR<Eigen::MatrixXd> qr(design);
  if (qr.rank() < columns) return std::nullopt;
  const Eigen::VectorXd found = qr.solve(wanted);
  const double mean = wanted.mean(), all = (wanted.array() - mean).square().sum(),
               left = (wanted - design * found).squaredNorm();
  Eigen::VectorXd misfits = Eigen::VectorXd::Zero(columns);
  if (rows > columns) {
    const auto free = static_cast<double>(rows - columns);
    const Eigen::MatrixXd inverse = (design.transpose() * design).inverse();
    misfits = (inverse.diagonal() * (left / free)).cwiseMax(0).cwiseSqrt() * student_of_95(free);
  }
  return Fit{found.tail(columns - 1), misfits.tail(columns - 1), all > 0 ? 1 - left / all : 1};
}

// An interval of two independent errors; not known where neither is.
Estimate both(double mean, double misfit, double over_seeds) {
  if (std::isfinite(over_seeds)) return {mean, std::hypot(misfit, over_seeds)};
  return {mean, misfit > 0 ? misfit : kNotKnown};
}

double of_figure(double value, Of of) { return of == Of::kLogarithm ? std::log(value) : value; }

}  // namespace

Estimate estimate(std::span<const double> values) {
  std::vector<double> known;
  for (const double value : values)
    if (std::isfinite(value)) known.push_back(value);
  if (known.empty()) return {kNotKnown, kNotKnown};
  const auto n = static_cast<double>(known.size());
  Estimate result{std::accumulate(known.begin(), known.end(), 0.0) / n, kNotKnown};
  if (known.size() < 2) return result;
  double squares = 0;
  for (const double value : known) squares += (value - result.mean) * (value - result.mean);
  result.half_width = student_of_95(n - 1) * std::sqrt(squares / (n - 1) / n);
  return result;
}

Estimate point_estimate(const StudyResults& results, std::size_t point, std::size_t figure) {
  std::vector<double> values;
  for (std::size_t s = 0; s < results.plan.seed_count(); ++s)
    values.push_back(results.value(point, s, figure));
  return estimate(values);
}

bool is_known(const StudyResults& results, std::size_t figure) {
  return std::any_of(results.runs.begin(), results.runs.end(), [&](const RunResult& run) {
    return run.ok && std::isfinite(run.values[figure]);
  });
}

std::optional<std::size_t> energy_figure(const StudyResults& results) {
  for (const char* name : {"energy_total_j", "energy_circuits_j", "energy_active_j"})
    if (is_known(results, figure(name))) return figure(name);
  return std::nullopt;
}

std::size_t quality_figure(const StudyResults& results) {
  const std::size_t accuracy = figure("accuracy");
  return is_known(results, accuracy) ? accuracy : figure("nats_per_token");
}

std::string quality_name(const StudyResults& results) {
  std::string name = figures()[quality_figure(results)].name;
  std::replace(name.begin(), name.end(), '_', ' ');
  return name;
}

std::vector<std::size_t> pareto_front(const StudyResults& results, std::size_t first,
                                      std::size_t second) {
  struct Place {
    std::size_t point;
    double first, second;
  };
  std::vector<Place> places;
  for (std::size_t p = 0; p < results.plan.points.size(); ++p) {
    const auto loss = [&](std::size_t figure) {
      const double mean = point_estimate(results, p, figure).mean;
      return figures()[figure].more_is_better ? -mean : mean;
    };
    const Place place{p, loss(first), loss(second)};
    if (std::isfinite(place.first) && std::isfinite(place.second)) places.push_back(place);
  }
  std::stable_sort(places.begin(), places.end(), [](const Place& a, const Place& b) {
    return a.first != b.first ? a.first < b.first : a.second < b.second;
  });
  std::vector<std::size_t> front;
  double least = std::numeric_limits<double>::infinity();
  for (const Place& place : places) {
    if (place.second >= least) continue;
    least = place.second;
    front.push_back(place.point);
  }
  return front;
}

std::vector<Level> main_effect(const StudyResults& results, std::size_t axis, std::size_t figure) {
  const std::set<double> values = values_of(results, axis);
  const bool drawn = results.plan.design == "random" || results.plan.design == "latin_hypercube";
  if (values.size() < 2 || values.size() > kMostLevels || (drawn && results.plan.axes[axis].range))
    return {};
  std::vector<Level> levels;
  for (const double value : values) {
    Level level{.value = value, .points = 0, .figure = {}};
    std::vector<double> by_seed;
    for (std::size_t s = 0; s < results.plan.seed_count(); ++s) {
      std::vector<double> of_points;
      for (std::size_t p = 0; p < results.plan.points.size(); ++p)
        if (results.plan.points[p][axis] == value && tells_of(results, p, axis))
          of_points.push_back(results.value(p, s, figure));
      level.points = of_points.size();
      by_seed.push_back(estimate(of_points).mean);
    }
    level.figure = estimate(by_seed);
    levels.push_back(level);
  }
  return levels;
}

Sensitivities sensitivities(const StudyResults& results, std::size_t figure, Of of) {
  const std::vector<Term> terms = terms_of(results);
  Sensitivities all;
  std::vector<double> means;
  for (std::size_t p = 0; p < results.plan.points.size(); ++p)
    means.push_back(of_figure(point_estimate(results, p, figure).mean, of));
  const auto whole = fit(results, terms, means);
  if (!whole) return all;
  all.explained = whole->explained;
  std::vector<std::vector<double>> changes(terms.size());
  for (std::size_t s = 0; s < results.plan.seed_count(); ++s) {
    std::vector<double> values;
    for (std::size_t p = 0; p < results.plan.points.size(); ++p)
      values.push_back(of_figure(results.value(p, s, figure), of));
    const auto found = fit(results, terms, values);
    if (!found) continue;
    for (std::size_t t = 0; t < terms.size(); ++t)
      changes[t].push_back(found->changes(static_cast<Eigen::Index>(t)));
  }
  for (std::size_t t = 0; t < terms.size(); ++t) {
    const Term& term = terms[t];
    Sensitivity row{.axis = term.axis,
                    .from = term.from,
                    .to = term.to,
                    .change = both(whole->changes(static_cast<Eigen::Index>(t)),
                                   whole->misfits(static_cast<Eigen::Index>(t)),
                                   estimate(changes[t]).half_width),
                    .slope = {},
                    .doubling = term.doubling};
    if (!term.word)
      row.slope =
          Estimate{row.change.mean / term.per_step(), row.change.half_width / term.per_step()};
    all.rows.push_back(row);
  }
  return all;
}

}  // namespace gaincell::sweep
