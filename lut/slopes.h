#pragma once

#include <span>
#include <vector>

namespace gaincell::lut {

// Slopes at the nodes of a piecewise cubic: derivative of the polynomial through the five nearest
// nodes (all nodes where there are fewer), so the interpolation error is of fourth order where the
// data are smooth. The nodes may be spaced unequally. Why five: docs/decisions/0007.
class SlopeRule {
 public:
  explicit SlopeRule(std::span<const double> nodes);
  double slope(std::size_t i, const double* values, std::size_t stride) const;

 private:
  std::vector<std::size_t> first_;            // first node of node i's stencil
  std::vector<std::vector<double>> weights_;  // and its weights
};

// Takes overshoot out of slopes along one line: where the data are monotone over the four intervals
// around a node, the slope gets their sign and at most three times the smaller of the two secants
// (Hyman, SIAM J. Sci. Stat. Comput. 4 (1983) 645). Near an extremum slopes stay as they are:
// clipping them there would cost two orders. Parabolas are never touched on a uniform grid.
void limit_slopes(std::span<const double> nodes, std::span<const double> values,
                  std::span<double> slopes);

}  // namespace gaincell::lut
