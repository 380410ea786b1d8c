#include "lut/slopes.h"

#include <algorithm>
#include <cmath>

namespace gaincell::lut {

SlopeRule::SlopeRule(std::span<const double> nodes) {
  constexpr std::size_t kStencil = 5;
  const std::size_t n = nodes.size();
  const std::size_t width = std::min(kStencil, n);
  first_.resize(n);
  weights_.resize(n);
  for (std::size_t i = 0; i < n; ++i) {
    const std::size_t first = std::min(i < width / 2 ? 0 : i - width / 2, n - width);
    first_[i] = first;
    const double* x = &nodes[first];
    const std::size_t centre = i - first;
    std::vector<double>& w = weights_[i];
    w.assign(width, 0.0);
    // d/dx of the Lagrange polynomials at node `centre`: for k != centre
    //   w_k = prod_{m != k, centre} (x_c - x_m) / prod_{m != k} (x_k - x_m), and the sum of all is
    //   zero.
    for (std::size_t k = 0; k < width; ++k) {
      if (k == centre) continue;
      double weight = 1.0 / (x[k] - x[centre]);
      for (std::size_t m = 0; m < width; ++m)
        if (m != k && m != centre) weight *= (x[centre] - x[m]) / (x[k] - x[m]);
      w[k] = weight;
      w[centre] -= weight;
    }
  }
}

double SlopeRule::slope(std::size_t i, const double* values, std::size_t stride) const {
  double sum = 0;
  const std::vector<double>& w = weights_[i];
  // Differences first: a constant gives exactly zero.
  const double here = values[i * stride];
  for (std::size_t k = 0; k < w.size(); ++k)
    sum += w[k] * (values[(first_[i] + k) * stride] - here);
  return sum;
}

void limit_slopes(std::span<const double> nodes, std::span<const double> values,
                  std::span<double> slopes) {
  const std::size_t n = nodes.size();
  if (n < 2) return;
  const auto secant = [&](std::size_t i) {
    return (values[i + 1] - values[i]) / (nodes[i + 1] - nodes[i]);
  };
  for (std::size_t i = 0; i < n; ++i) {
    const std::size_t first = i < 2 ? 0 : i - 2;
    const std::size_t last = std::min(i + 1, n - 2);
    bool rises = true, falls = true;
    for (std::size_t k = first; k <= last; ++k) {
      rises = rises && secant(k) >= 0;
      falls = falls && secant(k) <= 0;
    }
    if (!rises && !falls) continue;
    const double before = std::abs(secant(i > 0 ? i - 1 : 0));
    const double after = std::abs(secant(std::min(i, n - 2)));
    const double most = 3 * std::min(before, after);
    slopes[i] = rises ? std::clamp(slopes[i], 0.0, most) : std::clamp(slopes[i], -most, 0.0);
  }
}

}  // namespace gaincell::lut
