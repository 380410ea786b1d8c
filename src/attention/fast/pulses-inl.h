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

// Scale and offset of a group's table, for its slots or rows: part `part` of a unit's.
struct OfTable {
  VF scale, offset;

  HWY_INLINE OfTable(const std::byte* first_entry, int part) {
    const VF all = hn::LoadU(kF, reinterpret_cast<const float*>(first_entry) + part * kN);
    static_assert(Stage::kByteEntry == 16 && Stage::kScaleAt == 8);
    scale = InEachBlock<2>(all);
    offset = InEachBlock<3>(all);
  }

 private:
  template <int L>
  static HWY_INLINE VF InEachBlock(VF all) {
#if HWY_TARGET <= HWY_AVX3
    return VF{_mm512_permute_ps(all.raw, L * 0x55)};
#elif HWY_TARGET == HWY_AVX2
    return VF{_mm256_permute_ps(all.raw, L * 0x55)};
#else
    return hn::Broadcast<L>(all);
#endif
  }
};

// Weights of rows whose pulses last lasting[row], at most `longest`. Of a closed form, of_rows(i)
// is OfTable of those from i on, where that differs from row to row.
template <bool kDiffer, class OfRows>
HWY_INLINE void SetWeights(const Stage& stage, int rows, std::size_t pulsed_rows, float longest,
                           const float* HWY_RESTRICT lasting, const OfRows& of_rows, void* to,
                           Pulses& pulses) {
  const VF zero = hn::Zero(kF), one = hn::Set(kF, 1.0f);
  const int segments = stage.segments;
  pulses.weights = to;
  pulses.x = stage.pulse_x * static_cast<float>(pulsed_rows);
  const float full = stage.whole_weights > 0     ? static_cast<float>(stage.whole_weights)
                     : stage.closed() && kDiffer ? kFullWeight * kLeastScale
                                                 : static_cast<float>(kFullWeight);
  if (stage.whole_weights > 0 && longest > 0) longest = 1;
  const auto length = [&](int s) { return stage.begin[s + 1] - stage.begin[s]; };
  for (int s = 0; s < segments; ++s)
    pulses.unit[s] = longest * length(s) / (stage.bytes ? full : 1.0f);
  for (float& low : pulses.low_unit) low = 0;
  for (float& offset : pulses.offset) offset = 0;
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
    const VI weight = Nearest(hn::Mul(part, hn::Set(kF, full)));
    hn::StoreU(hn::DemoteTo(Narrow{}, weight), Narrow{}, at);
    return weight;
  };
  if (stage.closed()) {
    for (int s = 0; s < segments; ++s) {
      VF offset = zero;
      for_shares(s, [&](int i, VF share) HWY_ATTR {
        if constexpr (kDiffer) {
          const OfTable table = of_rows(i);
          const VI weight = store(hn::Mul(share, table.scale), bytes + s * rows + i);
          offset = hn::MulAdd(hn::ConvertTo(kF, weight), table.offset, offset);
        } else {
          const VI weight = store(share, bytes + s * rows + i);
          offset = hn::Add(hn::ConvertTo(kF, weight), offset);
        }
      });
      pulses.offset[s] = hn::GetLane(hn::SumOfLanes(kF, offset));
    }
    return;
  }
  const float low = longest / (full * static_cast<float>(stage.low_per_high()));
  const auto store_whole = [&](std::uint8_t* row) HWY_ATTR {
    const VF scale = hn::Set(kF, full / longest);
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
  SetWeights<false>(stage, rows, pulsed_rows, hn::GetLane(hn::MaxOfLanes(kF, longest)), lasting,
                    nullptr, to, pulses);
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
  const auto of_rows = [&](int i) HWY_ATTR {
    return OfTable(tile.unit[i / kUnit].second_table, i % kUnit / kN);
  };
  SetWeights<true>(stage, tile.units * kUnit, pulsed_rows, hn::GetLane(hn::MaxOfLanes(kF, longest)),
                   tile.lasting, of_rows, to, pulses);
}

}  // namespace HWY_NAMESPACE
}  // namespace gaincell::attention::kernels
HWY_AFTER_NAMESPACE();

#endif
