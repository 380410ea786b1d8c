#pragma once

#include <span>
#include <string>
#include <vector>

#include "lut/axis.h"
#include "lut/samples_file.h"

namespace gaincell::exports {

// Coordinates of a grid's nodes, row-major: result[axis][node].
std::vector<std::vector<double>> grid_points(std::span<const lut::Axis> axes);

// A condition of words, by point.
std::vector<std::string> words_of(const lut::Series& series);

// One element of a vector condition, by point.
std::vector<double> element_of(const lut::VectorSeries& vector, std::size_t element);

}  // namespace gaincell::exports
