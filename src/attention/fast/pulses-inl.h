// Weights of rows from the pulses on them, for both arrays.
// Part of sub_tile.cpp, compiled once for every instruction set.
#if defined(GAINCELL_ATTENTION_FAST_PULSES_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef GAINCELL_ATTENTION_FAST_PULSES_INL_H
#undef GAINCELL_ATTENTION_FAST_PULSES_INL_H
#else
#define GAINCELL_ATTENTION_FAST_PULSES_INL_H
#endif

#include <cstring>

#include "attention/fast/kernels.h"
#include "attention/fast/vectors-inl.h"

HWY_BEFORE_NAMESPACE();
namespace gaincell::attention::kernels {
namespace HWY_NAMESPACE {

using Narrow = hn::Rebind<std::uint8_t, Floats>;

// Weights of rows whose pulses last lasting[row], at most `longest`.
void SetWeights(const Stage& stage, int rows, std::size_t pulsed_rows, float longest,
                const float* HWY_RESTRICT lasting, void* to, Pulses& pulses) {
  const VF zero = hn::Zero(kF), one = hn::Set(kF, 1.0f);
  const int segments = stage.segments;
  pulses.weights = to;
  pulses.x = stage.pulse_x * static_cast<float>(pulsed_rows);
  const int full = stage.whole_weights > 0 ? stage.whole_weights : kFullWeight;
  if (stage.whole_weights > 0 && longest > 0) longest = 1;
  const auto length = [&](int s) { return stage.begin[s + 1] - stage.begin[s]; };
  for (int s = 0; s < segments; ++s)
    pulses.unit[s] = longest * length(s) / static_cast<float>(stage.bytes ? full : 1);
  for (float& low : pulses.low_unit) low = 0;
  if (longest <= 0) {
    std::memset(to, 0, static_cast<std::size_t>(stage.weight_rows()) * rows * stage.weight_bytes());
    return;
  }
  // put(row, share of segment s that the rows' pulses last)
  const auto for_shares = [&](int s, const auto& put) HWY_ATTR {
    const VF per_length = hn::Set(kF, 1.0f / (longest * length(s)));
    const VF before = hn::Set(kF, -stage.begin[s] / length(s));
    for (int i = 0; i < rows; i += kN) {
      const VF at = hn::MulAdd(hn::LoadU(kF, lasting + i), per_length, before);
      put(i, hn::Min(hn::Max(at, zero), one));
    }
  };
  if (!stage.bytes) {
    auto* floats = static_cast<float*>(to);
    for (int s = 0; s < segments; ++s)
      for_shares(s,
                 [&](int i, VF share) HWY_ATTR { hn::StoreU(share, kF, floats + s * rows + i); });
    return;
  }

  auto* bytes = static_cast<std::uint8_t*>(to);
  const auto store = [&](VF part, std::uint8_t* at) HWY_ATTR {
    const VI weight = Nearest(hn::Mul(part, hn::Set(kF, static_cast<float>(full))));
    hn::StoreU(hn::DemoteTo(Narrow{}, weight), Narrow{}, at);
  };
  const float low = longest / static_cast<float>(full * stage.low_per_high());
  const auto store_whole = [&](std::uint8_t* row) HWY_ATTR {
    const VF scale = hn::Set(kF, static_cast<float>(full) / longest);
    for (int i = 0; i < rows; i += kN) {
      const VI weight = Nearest(hn::Mul(hn::LoadU(kF, lasting + i), scale));
      hn::StoreU(hn::DemoteTo(Narrow{}, weight), Narrow{}, row + i);
    }
  };
  if (segments == 1) {
    store_whole(bytes);
    pulses.low_unit[0] = low;
    return;
  }
  float total = 0;
  for (int s = 0; s < segments; ++s) {
    VF used = zero;
    for_shares(s, [&](int i, VF share) HWY_ATTR {
      used = hn::Add(used, share);
      store(share, bytes + s * rows + i);
    });
    pulses.low_unit[s] = length(s) * hn::GetLane(hn::SumOfLanes(kF, used));
    total += pulses.low_unit[s];
  }
  store_whole(bytes + segments * rows);
  for (int s = 0; s < segments; ++s) pulses.low_unit[s] *= low / total;
}

void SetPulses(const Stage& stage, int rows, const float* HWY_RESTRICT width,
               float* HWY_RESTRICT lasting, void* to, Pulses& pulses) {
  const VF zero = hn::Zero(kF), delay = hn::Set(kF, stage.pulse_delay);
  VF longest = zero;
  std::size_t pulsed_rows = 0;
  for (int i = 0; i < rows; i += kN) {
    const VF w = hn::LoadU(kF, width + i);
    const auto pulsed = hn::Gt(w, zero);
    const VF lasts = hn::IfThenElseZero(pulsed, hn::Max(hn::Add(w, delay), zero));
    hn::StoreU(lasts, kF, lasting + i);
    longest = hn::Max(longest, lasts);
    pulsed_rows += hn::CountTrue(kF, pulsed);
  }
  SetWeights(stage, rows, pulsed_rows, hn::GetLane(hn::MaxOfLanes(kF, longest)), lasting, to,
             pulses);
}

// The second array's pulses, those of the first converters. A row that has faded is read as if by a
// shorter pulse.
void SetSecondPulses(const Stage& stage, const SubTile& tile, int query, void* to, Pulses& pulses) {
  const VF zero = hn::Zero(kF), one = hn::Set(kF, 1.0f), delay = hn::Set(kF, stage.pulse_delay);
  const VF scale = hn::Set(kF, tile.phi_per_pulse), age = hn::Set(kF, static_cast<float>(query));
  const float* HWY_RESTRICT phi = tile.phi + query * tile.units * kUnit;
  float* HWY_RESTRICT lasting = tile.lasting;
  VF longest = zero;
  std::size_t pulsed_rows = 0;
  for (int u = 0; u < tile.units; ++u, phi += kUnit, lasting += kUnit) {
    const VF fading = hn::Set(kF, tile.unit[u].second_fading);
    for (int i = 0; i < kUnit; i += kN) {
      const VF pulse = hn::LoadU(kF, phi + i);
      const auto pulsed = hn::Gt(pulse, zero);
      const VF width = hn::Min(hn::Mul(pulse, scale), one);
      const VF beyond = hn::Add(hn::LoadU(kF, tile.beyond_table + i), age);
      const VF gain = hn::MulAdd(fading, beyond, one);
      const VF lasts =
          hn::IfThenElseZero(pulsed, hn::Mul(hn::Max(hn::Add(width, delay), zero), gain));
      hn::Store(lasts, kF, lasting + i);
      longest = hn::Max(longest, lasts);
      pulsed_rows += hn::CountTrue(kF, pulsed);
    }
  }
  SetWeights(stage, tile.units * kUnit, pulsed_rows, hn::GetLane(hn::MaxOfLanes(kF, longest)),
             tile.lasting, to, pulses);
}

}  // namespace HWY_NAMESPACE
}  // namespace gaincell::attention::kernels
HWY_AFTER_NAMESPACE();

#endif
