#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "characterize/bench/bench.h"

namespace gaincell::characterize {

// What one point is: a value for every condition of the bench.
struct Point {
  std::vector<double> values;  // scalar conditions, in the bench's order; 0 for a vector
  std::vector<std::vector<double>> vectors;  // in the bench's order; empty for a scalar
  bool holdout = false;
  std::uint64_t draw = 0;            // which draw of vectors and devices
  std::optional<double> searched{};  // the value of a search
};

// What the names of a bench are worth at one of its points. Decks and results are worked out over
// it; the bench stays as it was read, and nothing of one point is left for the next.
class Evaluation {
 public:
  // A value that is searched, and that the point does not give, is the begin of its range. The
  // bench must outlive it.
  Evaluation(const Bench& bench, const Point& point);

  // The same inside a run that takes conditions through their values: these have none.
  Evaluation within(const Analysis& analysis) const;
  // A result becomes known to those that use it.
  void know(const Measurement& measurement, double value) { scope_.set(measurement.name, value); }

  const Bench& bench() const { return *bench_; }
  Values values() const { return scope_; }
  // Of the element of a count, from 0.
  Values element(std::size_t number) const { return {scope_, number}; }

  double value_of(const Condition& scalar) const { return *scope_.number(scalar.name); }
  // In degC, where the bench sets it.
  std::optional<double> temperature() const;
  std::uint64_t draw() const { return draw_; }
  std::size_t corner() const;
  const Library& library() const { return *bench_->corners[corner()].library; }

 private:
  void set_parameters();

  const Bench* bench_;
  Scope scope_;
  std::uint64_t draw_;
};

}  // namespace gaincell::characterize
