#pragma once

#include <optional>
#include <string_view>

namespace gaincell::attention {

// What the circuits do beyond the ideal equations. Each can be switched off by name, to see what it
// costs; `ideal` says what then stands in its place.
enum class Effect {
  kWrite,            // written voltage and pedestal            | the target voltage
  kRetention,        // loss of stored voltage with age         | none
  kPulseEdges,       // charge of the word line's two edges     | charge = current x width
  kBitline,          // currents follow the moving bitline      | held at its start voltage
  kConverterOffset,  // dead zone and offset                    | line through the origin
  kConverterCurve,   // the transfer's curvature                | straight line to full scale
  kConverterGain,    // charge of full scale, as built          | 4.145 (ReLU), 2.073 V x cell slope
  kInputQuantiser,   // q as one of 16 widths                   | any width
  kStorageQuantiser,  // k and v as one of 8 voltages            | any voltage
  kCounter,           // output pulse counted in 32 levels       | not rounded
  kMismatch,          // cells and converters differ (Spread)    | all alike
  kReadNoise,         // noise of every conversion (Spread)      | none
  kSaturation,        // converters and counter end at full scale  | go on as a line
  kClipping,          // q, k and v are held in their ranges     | taken as they are
};
inline constexpr int kEffects = 14;

// "write", "retention", "pulse_edges", "bitline", "converter_offset", "converter_curve",
// "converter_gain", "input_quantiser", "storage_quantiser", "counter", "mismatch", "read_noise",
// "saturation", "clipping".
std::string_view name(Effect effect);
std::optional<Effect> effect_named(std::string_view name);

class EffectSet {
 public:
  static EffectSet all() { return EffectSet((1u << kEffects) - 1); }
  static EffectSet none() { return EffectSet(0); }
  bool has(Effect effect) const { return (bits_ >> static_cast<int>(effect)) & 1u; }
  EffectSet with(Effect effect) const { return EffectSet(bits_ | bit(effect)); }
  EffectSet without(Effect effect) const { return EffectSet(bits_ & ~bit(effect)); }
  bool operator==(const EffectSet&) const = default;

 private:
  explicit EffectSet(unsigned bits) : bits_(bits) {}
  static unsigned bit(Effect effect) { return 1u << static_cast<int>(effect); }
  unsigned bits_;
};

}  // namespace gaincell::attention
