#pragma once

namespace gaincell::attention {

// Random spread of the circuits, standard deviations of normal distributions. All zero: none.
// Mismatch is drawn once per physical cell and converter and stays, so a token written later meets
// the same cells; it follows from the seed, the layer and the place alone. Noise is drawn anew for
// every conversion that an engine makes, across resets, and follows from a seed of its own, the
// layer, the converter and the number of tokens that the engine has run.
struct Spread {
  struct Converter {
    double gain = 0;      // relative, of the charge that it converts
    double offset_c = 0;  // C, added to that charge
    double noise_c = 0;   // C, rms, anew for every conversion
    bool operator==(const Converter&) const = default;
  };
  double cell_gain = 0;      // relative, of the charge that a read takes
  double cell_offset_v = 0;  // V, added to what a cell stores
  Converter relu{}, differential{};

  bool mismatch() const {
    return cell_gain > 0 || cell_offset_v > 0 || relu.gain > 0 || relu.offset_c > 0 ||
           differential.gain > 0 || differential.offset_c > 0;
  }
  bool noise() const { return relu.noise_c > 0 || differential.noise_c > 0; }
  bool operator==(const Spread&) const = default;
};

}  // namespace gaincell::attention
