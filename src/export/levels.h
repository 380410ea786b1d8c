#pragma once

#include <string>
#include <vector>

#include "export/content.h"

namespace gaincell::exports {

// A cell as the simulators of crossbars see it: a weight, from 0 (a stored 0 V) to 1 (the supply),
// that is a read current, has a spread, and fades.
struct Levels {
  std::vector<double> weight;     // rising from 0 to 1
  std::vector<double> current_a;  // at a bitline at mid-rail; rises with the weight
  std::vector<double> sigma;      // of the weight, from the device's spreads; 0 where it has none
  std::vector<double> age_s;      // rising
  // [weight][age]: what is left. Empty without cell_retention.
  std::vector<std::vector<double>> left;
  double read_v = 0;  // what a conductance is referred to: the supply
  std::string about;  // where the spread is from, in words
};

// `points` weights, equally spaced in stored voltage. Throws Error naming what is missing, and
// where the current does not rise with the stored voltage.
Levels levels_of(const DeviceContent& content, const std::string& format, std::size_t points);

}  // namespace gaincell::exports
