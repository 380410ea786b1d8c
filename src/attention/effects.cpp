#include "attention/effects.h"

#include <array>
#include <cstddef>

namespace gaincell::attention {
namespace {

constexpr std::array<std::string_view, kEffects> kNames = {
    "write",           "retention",      "pulse_edges",     "bitline",           "converter_offset",
    "converter_curve", "converter_gain", "input_quantiser", "storage_quantiser", "counter",
    "mismatch",        "read_noise",     "saturation",      "clipping"};

}  // namespace

std::string_view name(Effect effect) { return kNames[static_cast<std::size_t>(effect)]; }

std::optional<Effect> effect_named(std::string_view name) {
  for (std::size_t i = 0; i < kNames.size(); ++i)
    if (kNames[i] == name) return static_cast<Effect>(i);
  return std::nullopt;
}

}  // namespace gaincell::attention
