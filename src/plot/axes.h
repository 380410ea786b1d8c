#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "lut/axis.h"
#include "plot/chart.h"

namespace gaincell::plot {

// Logarithmic where nodes lie over four decades and more, further apart the larger they are.
bool is_logarithmic(const std::vector<double>& nodes);
// The scale of a condition with these values. A logarithmic one leaves out what is not positive.
// `most`: letters that there is room for; else the name stands alone.
Scale axis_scale(const std::string& name, const std::string& long_name, const std::string& unit,
                 const std::vector<double>& nodes, std::size_t most = 48);

// 1, 2 or 5 times a power of ten, not above `value`.
double round_below(double value);

// `count` places over the nodes' range, evenly by the scale, both ends among them.
std::vector<double> places(const std::vector<double>& nodes, const Scale& scale, std::size_t count);

// A number that a user gave for a condition. Throws Error where it is none in that unit.
double quantity_at(const std::string& name, const std::string& text, const std::string& unit);

}  // namespace gaincell::plot
