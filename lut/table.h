#pragma once

#include <array>
#include <concepts>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "lut/axis.h"
#include "lut/contraction.h"

namespace gaincell::lut {

enum class Interpolation { kLinear, kCubic };
const char* to_string(Interpolation interpolation);
// Throws Error naming `place` for another word.
Interpolation parse_interpolation(const std::string& word, const std::string& place);

// What a table or constant is: SI unit, and a line for people.
struct Quantity {
  std::string name;
  std::string unit;
  std::string long_name{};
};

// A function of one to five variables, known at the nodes of a grid. Immutable, so it may be read
// from many threads at once; a copy shares the data.
//
// Between the nodes: the tensor product of one rule per axis.
//   kLinear  straight lines; for curves with kinks.
//   kCubic   cubic Hermite with slopes from five nodes, where the data are monotone without
//            overshoot (slopes.h). Once continuously differentiable. On smooth data the error along
//            an axis is |f''''| h^4 / 384 and what the slopes add, about as much again.
// Exact at the nodes. Outside the grid each coordinate is clamped to the nearest end and the slope
// along it is 0; outside() tells. A NaN coordinate gives NaN. No allocation in any look-up; a cubic
// look-up in three dimensions takes some tens of nanoseconds.
//
// Values and coordinates are in the SI units of the quantity and the axes. Read from a device file
// (DeviceFile::table()), or of one's own numbers, here A over V and V, 3 x 2 of them:
//
//   const Table current({"cell_static_current", "A"},
//                       {Axis("v_store", "V", {0, 0.45, 0.9}), Axis("v_bitline", "V", {0, 0.9})},
//                       {-9e-6, -9e-6, 0, 0, 9e-6, 9e-6},
//                       {Interpolation::kCubic, Interpolation::kLinear});
//   current.at(0.6, 0.3);             // 3e-6 A
//   current.derivative(0, 0.6, 0.3);  // 20e-6 A/V, along v_store
//   current.at(1.2, 0.3);             // 9e-6 A, held at the end
class Table {
 public:
  static constexpr std::size_t kMaxAxes = 5;

  // values: row-major, last axis fastest. Throws Error naming the table where the sizes don't fit,
  // a value isn't finite, or the axes are too many. One interpolation per axis.
  Table(Quantity quantity, std::vector<Axis> axes, std::vector<double> values,
        std::vector<Interpolation> interpolation);
  // All axes alike.
  Table(Quantity quantity, std::vector<Axis> axes, std::vector<double> values,
        Interpolation interpolation = Interpolation::kCubic);

  const Quantity& quantity() const { return data_->quantity; }
  const std::string& name() const { return data_->quantity.name; }
  std::span<const Axis> axes() const { return data_->axes; }
  const Axis& axis(std::size_t i) const { return data_->axes[i]; }
  std::size_t dimensions() const { return data_->axes.size(); }
  std::span<const Interpolation> interpolation() const { return data_->interpolation; }
  std::span<const double> values() const { return data_->values; }
  // For who evaluates it elsewhere: per node, row-major, the value and its derivatives along every
  // subset of the cubic axes; 2^c numbers for c cubic axes, the bit of the last one is the highest.
  std::span<const double> coefficients() const { return data_->coefficients; }
  double minimum() const { return data_->minimum; }
  double maximum() const { return data_->maximum; }
  double full_scale() const { return data_->maximum - data_->minimum; }

  // One coordinate per axis; another number of them is a bug (assert).
  double at(std::span<const double> x) const;
  // At many places, to the same bits: x has the places' coordinates axis by axis. About twice as
  // fast as one by one.
  void at(std::span<const std::span<const double>> x, std::span<double> values) const;
  // d/dx_axis; one-sided, from inside, at the two ends.
  double derivative(std::size_t axis, std::span<const double> x) const;
  // Is any coordinate outside the grid?
  bool outside(std::span<const double> x) const;

  template <std::convertible_to<double>... X>
  requires(sizeof...(X) > 0) double at(X... x) const {
    const std::array<double, sizeof...(X)> point{static_cast<double>(x)...};
    return at(std::span<const double>(point));
  }
  template <std::convertible_to<double>... X>
  requires(sizeof...(X) > 0) double derivative(std::size_t axis, X... x) const {
    const std::array<double, sizeof...(X)> point{static_cast<double>(x)...};
    return derivative(axis, std::span<const double>(point));
  }

 private:
  struct Data {
    Quantity quantity;
    std::vector<Axis> axes;
    std::vector<double> values;
    std::vector<Interpolation> interpolation;
    double minimum = 0, maximum = 0;
    // Per node the value and its derivatives along every subset of the cubic axes: 2^c numbers for
    // c cubic axes; the bit of the last cubic axis is the highest.
    std::vector<double> coefficients;
    // Between neighbours along an axis, in numbers of `coefficients`.
    std::array<std::size_t, kMaxAxes> stride{};
    Contraction contraction = nullptr;
  };
  static std::shared_ptr<const Data> prepare(Quantity, std::vector<Axis>, std::vector<double>,
                                             std::vector<Interpolation>);
  Weights weights_of(std::size_t axis, double x) const;

  std::shared_ptr<const Data> data_;
};

}  // namespace gaincell::lut
