#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

namespace gaincell::sweep {

// A number that a run of a study has.
struct Figure {
  std::string name, unit, what;
  bool more_is_better = false;
};

// All of them, in the order of their files; which of them a run has, it says (NaN = not known).
std::span<const Figure> figures();
// Throws Error with the nearest name.
std::size_t figure(const std::string& name);

using Figures = std::vector<double>;  // one a figure

}  // namespace gaincell::sweep
