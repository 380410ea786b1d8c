#pragma once

#include <string>
#include <vector>

#include "lut/axis.h"
#include "plot/chart.h"

namespace gaincell::plot {

// Logarithmic where nodes lie over four decades and more, further apart the larger they are.
bool is_logarithmic(const std::vector<double>& nodes);
// The scale of a condition with these values. A logarithmic one leaves out what is not positive.
Scale axis_scale(const std::string& name, const std::string& long_name, const std::string& unit,
                 const std::vector<double>& nodes);

// `count` places over the nodes' range, evenly by the scale, both ends among them.
std::vector<double> places(const std::vector<double>& nodes, const Scale& scale, std::size_t count);

// A number that a user gave for a condition. Throws Error where it is none in that unit.
double quantity_at(const std::string& name, const std::string& text, const std::string& unit);

}  // namespace gaincell::plot
