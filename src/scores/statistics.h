#pragma once

#include <cstddef>
#include <span>

// How far figures of a sample may be off. Intervals are those of 95 %.
namespace gaincell::scores {

inline constexpr double kNormalOf95 = 1.959963984540054;  // standard errors

struct Interval {
  double low = 0, high = 0;
};

// So many right of so many.
struct Share {
  std::size_t right = 0, items = 0;

  double value() const { return static_cast<double>(right) / static_cast<double>(items); }
  // Of the sample, with n - 1 as the field's harnesses have it.
  double standard_error() const;
  // Wilson's (1927), which holds near 0 and 1 as well.
  Interval interval() const;
};

// A mean and its standard error; NaN where there are fewer than two values (or blocks).
struct Mean {
  double value = 0, standard_error = 0;

  Interval interval() const {
    return {value - kNormalOf95 * standard_error, value + kNormalOf95 * standard_error};
  }
};
Mean mean_of(std::span<const double> values);
// Of values whose neighbours depend on each other, such as those of a text: the standard error is
// that of the sums of blocks (the last may be shorter), which hardly do.
inline constexpr std::size_t kTokensOfBlock = 256;
Mean mean_of_blocks(std::span<const double> values, std::size_t block);

}  // namespace gaincell::scores
