#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "sweep/results.h"

// What a study's figures say. Means are over seeds, and so are intervals: of 95 %, by Student's
// distribution; how far a text stands for others is another error, which all points share.
namespace gaincell::sweep {

struct Estimate {
  double mean = 0;        // NaN: not known at all
  double half_width = 0;  // of the interval; NaN with fewer than two seeds
};
// Of those that are known.
Estimate estimate(std::span<const double> values);

Estimate point_estimate(const StudyResults& results, std::size_t point, std::size_t figure);

// Figures that any run has.
bool is_known(const StudyResults& results, std::size_t figure);
// The widest energy that the study's devices have: total, else circuits, else active.
std::optional<std::size_t> energy_figure(const StudyResults& results);

// What the study is about: a task's accuracy, or nats per token.
std::size_t quality_figure(const StudyResults& results);
std::string quality_name(const StudyResults& results);  // "nats per token"

// Points that no other betters in both figures, by the first; points without a number in them.
std::vector<std::size_t> pareto_front(const StudyResults& results, std::size_t first,
                                      std::size_t second);

// The mean of a figure at one value of a parameter, over all points that have it; of one at a time
// over the one that differs in it alone.
struct Level {
  double value = 0;  // of the axis
  std::size_t points = 0;
  Estimate figure;
};
// By rising value; empty where they are too many to be levels (draws from a range).
std::vector<Level> main_effect(const StudyResults& results, std::size_t axis, std::size_t figure);

enum class Of { kValue, kLogarithm };

// How a figure goes with a parameter, by least squares over all points in all parameters together.
struct Sensitivity {
  std::size_t axis = 0;
  double from = 0, to = 0;  // of the axis; the least and greatest value, or a word and another
  // Of the figure between them; its interval has the seeds and what the plane does not fit.
  Estimate change;
  // Of the figure, for a doubling where the parameter spans much, else for one of its unit; none
  // for words.
  std::optional<Estimate> slope{};
  bool doubling = false;
};
struct Sensitivities {
  std::vector<Sensitivity> rows;
  double explained = 0;  // share of the figure's variance that the fit has; 1 is all
};
// No rows where there are too few points for the fit.
Sensitivities sensitivities(const StudyResults& results, std::size_t figure, Of of);

}  // namespace gaincell::sweep
