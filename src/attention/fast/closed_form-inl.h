// Closed forms: sums of both ranks and segments stay in registers until the column has ended.
// Part of sub_tile.cpp, compiled once for every instruction set.
#if defined(GAINCELL_ATTENTION_FAST_CLOSED_FORM_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef GAINCELL_ATTENTION_FAST_CLOSED_FORM_INL_H
#undef GAINCELL_ATTENTION_FAST_CLOSED_FORM_INL_H
#else
#define GAINCELL_ATTENTION_FAST_CLOSED_FORM_INL_H
#endif

#include <cstring>

#include "attention/fast/column_sums-inl.h"
#include "attention/fast/integrate-inl.h"
#include "attention/fast/kernels.h"
#include "attention/fast/pulses-inl.h"
#include "attention/fast/vectors-inl.h"

HWY_BEFORE_NAMESPACE();
namespace gaincell::attention::kernels {
namespace HWY_NAMESPACE {

// sum[query][set of columns][rank * G + segment]
template <int G, int Q, int V>
struct ClosedSums {
  VI sum[Q][V][G * G];

  HWY_INLINE void clear() {
    for (auto& query : sum)
      for (auto& columns : query)
        for (VI& one : columns) one = hn::Zero(kI);
  }

  // One group of four rows.
  HWY_INLINE void add(const std::uint8_t* HWY_RESTRICT weights, std::size_t query_stride,
                      std::size_t rows, const VS (&digit)[G][V]) {
    for (int q = 0; q < Q; ++q)
      for (int g = 0; g < G; ++g) {
        std::uint32_t four;
        std::memcpy(&four, weights + q * query_stride + g * rows, 4);
        const VB w = hn::BitCast(kB, hn::Set(Words{}, four));
        for (int v = 0; v < V; ++v)
          for (int r = 0; r < G; ++r) {
            VI& of = sum[q][v][r * G + g];
            of = WideDot(of, w, digit[r][v]);
          }
      }
  }
};

// First array: V units from u0 on under Q queries from q0 on.
template <int G, int Q, int V>
HWY_NOINLINE void FirstClosed(const Stage& stage, const SubTile& tile, int q0, int u0) {
  const Unit* HWY_RESTRICT unit = tile.unit + u0;
  const Pulses* HWY_RESTRICT pulses = tile.pulses + q0;
  const auto* HWY_RESTRICT weights = static_cast<const std::uint8_t*>(pulses[0].weights);
  const std::size_t rows = tile.dim, query_stride = G * rows;
  const ClosedForm<G> form(stage);
  for (int part = 0; part < kParts; ++part) {
    VS table[G][V];
    for (int r = 0; r < G; ++r)
      for (int v = 0; v < V; ++v)
        table[r][v] =
            hn::LoadU(kS, Entry(unit[v].first_table, tile.first_plane, r, 0) + part * kN * 4);
    ClosedSums<G, Q, V> sums;
    sums.clear();
    for (std::size_t row = 0; row < rows; row += 4) {
      VS digit[G][V];
      for (int v = 0; v < V; ++v) {
        const VS level = hn::BitCast(kS, hn::LoadU(kB, unit[v].keys + row * kUnit + part * kN * 4));
        for (int r = 0; r < G; ++r) digit[r][v] = hn::TableLookupBytes(table[r][v], level);
      }
      sums.add(weights + row, query_stride, rows, digit);
    }
    for (int v = 0; v < V; ++v) {
      const OfTable of_table(unit[v].first_table, part);
      const VF fading = hn::Set(kF, unit[v].first_fading);
      for (int q = 0; q < Q; ++q) {
        // Their sum is exact, so that where a text is cut does not matter.
        const VF age = hn::Add(hn::LoadU(kF, tile.beyond_table + part * kN),
                               hn::Set(kF, static_cast<float>(q0 + q)));
        const VF gain = hn::MulAdd(fading, age, hn::Set(kF, 1.0f));
        const VF scale = hn::Mul(gain, of_table.scale);
        VF offsets[G], units[G];
        for (int g = 0; g < G; ++g) {
          offsets[g] = hn::Mul(of_table.offset, hn::Set(kF, pulses[q].offset[g]));
          units[g] = hn::Mul(scale, hn::Set(kF, pulses[q].unit[g]));
        }
        hn::StoreU(form.End(sums.sum[q][v], offsets, units, hn::Set(kF, pulses[q].x)), kF,
                   tile.x + ((q0 + q) * tile.units + u0 + v) * kUnit + part * kN);
      }
    }
  }
}

// Second array: V sets of 16 dimensions from s0 on, for Q queries from q0 on.
template <int G, int Q, int V>
HWY_NOINLINE void SecondClosed(const Stage& stage, const SubTile& tile, const Pulses* all_pulses,
                               int q0, int s0) {
  const Pulses* HWY_RESTRICT pulses = all_pulses + q0;
  const auto* HWY_RESTRICT weights = static_cast<const std::uint8_t*>(pulses[0].weights);
  const std::size_t rows = static_cast<std::size_t>(tile.units) * kUnit, query_stride = G * rows;
  const ClosedForm<G> form(stage);
  for (int part = 0; part < kParts; ++part) {
    ClosedSums<G, Q, V> sums;
    sums.clear();
    for (int u = 0; u < tile.units; ++u) {
      const Unit& unit = tile.unit[u];
      const std::uint8_t* HWY_RESTRICT of_group = weights + static_cast<std::size_t>(u) * kUnit;
      const std::uint8_t* HWY_RESTRICT values = unit.values + (s0 * kUnit + part * kN) * 4;
      const std::int8_t* HWY_RESTRICT entry = Entry(unit.second_table, tile.second_plane, 0, 0);
      static_assert(kGroup == 4);
#pragma GCC unroll 1  // unrolled, sums of several groups crowd the registers
      for (int group = 0; group < kUnit / 4;
           ++group, of_group += 4, values += 4 * tile.dim, entry += Stage::kByteEntry) {
        if (Q == 1) {  // slots without a pulse are frequent, and cost nothing
          std::uint32_t longest;
          std::memcpy(&longest, of_group, 4);
          if (longest == 0) continue;
        }
        VS table[G], digit[G][V];
        for (int r = 0; r < G; ++r)
          table[r] = hn::LoadDup128(kS, entry + 2 * r * tile.second_plane);
        for (int v = 0; v < V; ++v) {
          const VS level = hn::BitCast(kS, hn::LoadU(kB, values + v * kUnit * 4));
          for (int r = 0; r < G; ++r) digit[r][v] = hn::TableLookupBytes(table[r], level);
        }
        sums.add(of_group, query_stride, rows, digit);
      }
    }
    for (int q = 0; q < Q; ++q) {
      VF offsets[G], units[G];
      for (int g = 0; g < G; ++g) {
        offsets[g] = hn::Set(kF, pulses[q].offset[g]);
        units[g] = hn::Set(kF, pulses[q].unit[g]);
      }
      for (int v = 0; v < V; ++v)
        hn::StoreU(form.End(sums.sum[q][v], offsets, units, hn::Set(kF, pulses[q].x)), kF,
                   tile.second_x + (q0 + q) * tile.dim + (s0 + v) * kUnit + part * kN);
    }
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace gaincell::attention::kernels
HWY_AFTER_NAMESPACE();

#endif
