#pragma once

#include <cmath>
#include <string>
#include <vector>

#include "lut/table.h"

namespace gaincell::lut {

inline std::vector<double> linear_nodes(double low, double high, std::size_t n) {
  std::vector<double> nodes(n);
  for (std::size_t i = 0; i < n; ++i)
    nodes[i] = i + 1 == n
                   ? high
                   : low + (high - low) * static_cast<double>(i) / static_cast<double>(n - 1);
  return nodes;
}

inline std::vector<double> logarithmic_nodes(double low, double high, std::size_t n) {
  std::vector<double> nodes = linear_nodes(std::log(low), std::log(high), n);
  for (double& node : nodes) node = std::exp(node);
  return nodes;
}

inline Axis axis(const std::string& name, std::vector<double> nodes,
                 const std::string& unit = "1") {
  return Axis(name, unit, std::move(nodes));
}

// Table of f at the nodes; f takes the coordinates as a vector.
template <typename F>
Table tabulate(const Quantity& quantity, std::vector<Axis> axes, F f,
               std::vector<Interpolation> rules) {
  std::vector<double> values;
  std::vector<std::size_t> index(axes.size(), 0);
  for (;;) {
    std::vector<double> x;
    for (std::size_t a = 0; a < axes.size(); ++a) x.push_back(axes[a].nodes()[index[a]]);
    values.push_back(f(x));
    std::size_t a = axes.size();
    while (a > 0 && ++index[a - 1] == axes[a - 1].size()) index[--a] = 0;
    if (a == 0) break;
  }
  return Table(quantity, std::move(axes), std::move(values), std::move(rules));
}

template <typename F>
Table tabulate(const Quantity& quantity, std::vector<Axis> axes, F f,
               Interpolation rule = Interpolation::kCubic) {
  std::vector<Interpolation> rules(axes.size(), rule);
  return tabulate(quantity, std::move(axes), f, std::move(rules));
}

}  // namespace gaincell::lut
