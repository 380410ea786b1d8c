// Sums over the rows of both arrays: weights of pulses times levels looked up, in bytes or floats.
// Part of sub_tile.cpp, compiled once for every instruction set.
#if defined(GAINCELL_ATTENTION_FAST_COLUMN_SUMS_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef GAINCELL_ATTENTION_FAST_COLUMN_SUMS_INL_H
#undef GAINCELL_ATTENTION_FAST_COLUMN_SUMS_INL_H
#else
#define GAINCELL_ATTENTION_FAST_COLUMN_SUMS_INL_H
#endif

#include <cstring>
#include <type_traits>

#include "attention/fast/kernels.h"
#include "attention/fast/vectors-inl.h"

HWY_BEFORE_NAMESPACE();
namespace gaincell::attention::kernels {
namespace HWY_NAMESPACE {

using Words = hn::RebindToUnsigned<Floats>;
using Bytes = hn::Repartition<std::uint8_t, Floats>;
using SignedBytes = hn::Repartition<std::int8_t, Floats>;
using VB = hn::Vec<Bytes>;
using VS = hn::Vec<SignedBytes>;
constexpr Bytes kB{};
constexpr SignedBytes kS{};

// acc + the sums of four neighbouring products of weights (0 .. 255) and cells (-63 .. 63).
HWY_INLINE VI Dot(VI acc, VB weights, VS cells) {
#if HWY_TARGET == HWY_AVX3_DL
  // By hand, since Highway 1.0 switches the compiler to AVX-VNNI here, not to AVX-512 VNNI.
  asm("vpdpbusd %2, %1, %0" : "+v"(acc.raw) : "v"(weights.raw), "v"(cells.raw));
  return acc;
#elif HWY_TARGET == HWY_AVX3
  const auto pairs = _mm512_maddubs_epi16(weights.raw, cells.raw);
  return hn::Add(acc, VI{_mm512_madd_epi16(pairs, _mm512_set1_epi16(1))});
#elif HWY_TARGET == HWY_AVX2
  const auto pairs = _mm256_maddubs_epi16(weights.raw, cells.raw);
  return hn::Add(acc, VI{_mm256_madd_epi16(pairs, _mm256_set1_epi16(1))});
#else
  const hn::Repartition<std::int16_t, Floats> d;
  const auto w = hn::BitCast(d, weights), u = hn::BitCast(d, cells);
  const auto even = hn::Mul(hn::And(w, hn::Set(d, 255)), hn::ShiftRight<8>(hn::ShiftLeft<8>(u)));
  const auto odd = hn::Mul(hn::And(hn::ShiftRight<8>(w), hn::Set(d, 255)), hn::ShiftRight<8>(u));
  const auto pairs = hn::BitCast(kI, hn::Add(even, odd));  // at most 2 * 255 * 63
  const auto low = hn::ShiftRight<16>(hn::ShiftLeft<16>(pairs));
  return hn::Add(acc, hn::Add(low, hn::ShiftRight<16>(pairs)));
#endif
}

// The same of cells up to 127, whose pairs of products a word does not hold.
HWY_INLINE VI WideDot(VI acc, VB weights, VS cells) {
#if HWY_TARGET == HWY_AVX3_DL
  return Dot(acc, weights, cells);
#elif HWY_TARGET == HWY_AVX3 || HWY_TARGET == HWY_AVX2
  const hn::Repartition<std::int16_t, Floats> d;
  const hn::Repartition<std::uint16_t, Floats> u;
  const auto w = hn::BitCast(u, weights);
  const auto c = hn::BitCast(d, cells);
  const auto even = hn::And(w, hn::Set(u, 255)), odd = hn::ShiftRight<8>(w);
  const auto even_cells = hn::ShiftRight<8>(hn::ShiftLeft<8>(c)), odd_cells = hn::ShiftRight<8>(c);
#if HWY_TARGET == HWY_AVX3
  const VI evens{_mm512_madd_epi16(even.raw, even_cells.raw)};
  const VI odds{_mm512_madd_epi16(odd.raw, odd_cells.raw)};
#else
  const VI evens{_mm256_madd_epi16(even.raw, even_cells.raw)};
  const VI odds{_mm256_madd_epi16(odd.raw, odd_cells.raw)};
#endif
  return hn::Add(acc, hn::Add(evens, odds));
#else
  const VI w = hn::BitCast(kI, weights), c = hn::BitCast(kI, cells);
  const auto add = [&](auto byte) HWY_ATTR {
    constexpr int kBits = 8 * decltype(byte)::value;
    const VI weight = hn::And(hn::ShiftRight<kBits>(w), hn::Set(kI, 255));
    acc = hn::Add(acc, hn::Mul(weight, hn::ShiftRight<24>(hn::ShiftLeft<24 - kBits>(c))));
  };
  add(std::integral_constant<int, 0>());
  add(std::integral_constant<int, 1>());
  add(std::integral_constant<int, 2>());
  add(std::integral_constant<int, 3>());
  return acc;
#endif
}

// A sum of Dot()s.
class WholeSum {
 public:
  HWY_INLINE void clear() { sum_ = hn::Zero(kI); }
  HWY_INLINE void add(VB weights, VS cells) { sum_ = Dot(sum_, weights, cells); }
  HWY_INLINE VI get() const { return sum_; }

 private:
  VI sum_;
};

// The same where it stays within words.
#if HWY_TARGET == HWY_AVX3 || HWY_TARGET == HWY_AVX2
class SmallSum {
 public:
  HWY_INLINE void clear() { sum_ = hn::Zero(kWords); }
#if HWY_TARGET == HWY_AVX3
  HWY_INLINE void add(VB weights, VS cells) {
    sum_ = hn::Add(sum_, VWords{_mm512_maddubs_epi16(weights.raw, cells.raw)});
  }
  HWY_INLINE VI get() const { return VI{_mm512_madd_epi16(sum_.raw, _mm512_set1_epi16(1))}; }
#else
  HWY_INLINE void add(VB weights, VS cells) {
    sum_ = hn::Add(sum_, VWords{_mm256_maddubs_epi16(weights.raw, cells.raw)});
  }
  HWY_INLINE VI get() const { return VI{_mm256_madd_epi16(sum_.raw, _mm256_set1_epi16(1))}; }
#endif

 private:
  static constexpr hn::Repartition<std::int16_t, Floats> kWords{};
  using VWords = hn::Vec<decltype(kWords)>;
  VWords sum_;
};
#else
using SmallSum = WholeSum;
#endif
// So many rows may be: of any digits under whole weights, or of coarse ones under any.
constexpr int kSmallFirstRows = 64, kSmallSecondRows = 80;
constexpr int most_small_sum(int rows, int weight, int digit) { return rows / 2 * weight * digit; }
static_assert(most_small_sum(kSmallFirstRows, kMostWholeWeights, kHigh) < 1 << 15);
static_assert(most_small_sum(kSmallSecondRows, kFullWeight, kCoarseLow) < 1 << 15);
static_assert(kSmallFirstRows <= kSmallSecondRows && kFineLow <= kHigh);

// Rows of weights a query: by segment, and over all of them for the low digits. One segment is all.
template <int G>
constexpr int kWeightRows = G > 1 ? G + 1 : 1;

// Sums of one rank of V sets of 16 columns under Q queries: of high digits by segment, and of low
// ones where D is 2.
template <int G, int D, int Q, int V, class High, class Low>
struct Sums {
  High high[Q][V][G];
  Low low[Q][V];

  HWY_INLINE void clear() {
    for (int q = 0; q < Q; ++q)
      for (int v = 0; v < V; ++v) {
        for (int g = 0; g < G; ++g) high[q][v][g].clear();
        if (D == 2) low[q][v].clear();
      }
  }

  // One group of four rows: levels looked up, times the weights of the queries.
  HWY_INLINE void add(const std::uint8_t* HWY_RESTRICT weights, std::size_t query_stride,
                      std::size_t rows, const VB (&level)[V], const VS (&table)[D][V]) {
    VS digit[D][V];
    for (int d = 0; d < D; ++d)
      for (int v = 0; v < V; ++v)
        digit[d][v] = hn::TableLookupBytes(table[d][v], hn::BitCast(kS, level[v]));
    for (int q = 0; q < Q; ++q)
      for (int row = 0; row < (D == 2 ? kWeightRows<G> : G); ++row) {
        std::uint32_t four;
        std::memcpy(&four, weights + q * query_stride + row * rows, 4);
        const VB w = hn::BitCast(kB, hn::Set(Words{}, four));
        for (int v = 0; v < V; ++v) {
          if (row < G) high[q][v][row].add(w, digit[0][v]);
          if (D == 2 && row == kWeightRows<G> - 1) low[q][v].add(w, digit[D - 1][v]);
        }
      }
  }

  // sums[query][set of columns][rank][G + 1][kUnit], on top of what rows before have left there.
  HWY_INLINE void store(bool has_before, int rank, int r, int part,
                        std::int32_t* HWY_RESTRICT sums) const {
    const auto put = [&](VI sum, std::int32_t* to) HWY_ATTR {
      hn::Store(has_before ? hn::Add(hn::Load(kI, to), sum) : sum, kI, to);
    };
    for (int q = 0; q < Q; ++q)
      for (int v = 0; v < V; ++v) {
        std::int32_t* to = sums + ((q * V + v) * rank + r) * (G + 1) * kUnit + part * kN;
        for (int g = 0; g < G; ++g) put(high[q][v][g].get(), to + g * kUnit);
        if (D == 2) put(low[q][v].get(), to + G * kUnit);
      }
  }
};

HWY_INLINE const std::int8_t* Entry(const std::byte* table, std::size_t plane, int r, int digit) {
  return reinterpret_cast<const std::int8_t*>(table + (2 * r + digit) * plane);
}

// First array: V units of slots under Q queries, rank r. Every 128-bit block holds a group of
// slots, so its part of the table is that group's entry.
template <int G, int D, int Q, int V, class High, class Low>
HWY_INLINE void FirstRank(int rank, int r, int dim, std::size_t plane, const Unit* unit,
                          const std::uint8_t* HWY_RESTRICT weights, std::int32_t* HWY_RESTRICT to) {
  const std::size_t query_stride = static_cast<std::size_t>(kWeightRows<G>) * dim;
  for (int part = 0; part < kParts; ++part) {
    VS table[D][V];
    for (int d = 0; d < D; ++d)
      for (int v = 0; v < V; ++v)
        table[d][v] = hn::LoadU(kS, Entry(unit[v].first_table, plane, r, d) + part * kN * 4);
    for (int begin = 0; begin < dim; begin += kSmallFirstRows) {
      const int end = HWY_MIN(begin + kSmallFirstRows, dim);
      Sums<G, D, Q, V, High, Low> sums;
      sums.clear();
      for (int row = begin; row < end; row += 4) {
        VB level[V];
        for (int v = 0; v < V; ++v)
          level[v] = hn::LoadU(kB, unit[v].keys + row * kUnit + part * kN * 4);
        sums.add(weights + row, query_stride, dim, level, table);
      }
      sums.store(begin > 0, rank, r, part, to);
    }
  }
}

template <int G, int Q, int V, class High, class Low>
HWY_NOINLINE void FirstBytes(const Stage& stage, const SubTile& tile, const Unit* unit,
                             const Pulses* pulses, std::int32_t* HWY_RESTRICT sums) {
  const auto* weights = static_cast<const std::uint8_t*>(pulses[0].weights);
  const int rank = stage.rank, dim = tile.dim;
  for (int r = 0; r < stage.low_ranks; ++r)
    FirstRank<G, 2, Q, V, High, Low>(rank, r, dim, tile.first_plane, unit, weights, sums);
  for (int r = stage.low_ranks; r < rank; ++r)
    FirstRank<G, 1, Q, V, High, Low>(rank, r, dim, tile.first_plane, unit, weights, sums);
}

// Second array: V sets of 16 dimensions from `first` on, for Q queries.
template <int G, int D, int Q, int V, class Low>
HWY_INLINE void SecondRank(int rank, int r, const SubTile& tile, int first,
                           const std::uint8_t* HWY_RESTRICT weights,
                           std::int32_t* HWY_RESTRICT to) {
  constexpr int kSmallUnits = kSmallSecondRows / kUnit;
  const std::size_t rows = static_cast<std::size_t>(tile.units) * kUnit;
  const std::size_t query_stride = kWeightRows<G> * rows;
  for (int part = 0; part < kParts; ++part)
    for (int begin = 0; begin < tile.units; begin += kSmallUnits) {
      const int end = HWY_MIN(begin + kSmallUnits, tile.units);
      Sums<G, D, Q, V, WholeSum, Low> sums;
      sums.clear();
      for (int u = begin; u < end; ++u) {
        const Unit& unit = tile.unit[u];
        const std::uint8_t* HWY_RESTRICT of_group = weights + static_cast<std::size_t>(u) * kUnit;
        const std::uint8_t* HWY_RESTRICT values = unit.values + (first + part * kN) * 4;
        const std::int8_t* HWY_RESTRICT entry = Entry(unit.second_table, tile.second_plane, r, 0);
        static_assert(kGroup == 4);
#pragma GCC unroll 1  // unrolled, sums of several groups crowd the registers
        for (int group = 0; group < kUnit / 4;
             ++group, of_group += 4, values += 4 * tile.dim, entry += Stage::kByteEntry) {
          if (Q == 1) {  // slots without a pulse are frequent, and cost nothing
            std::uint32_t longest;
            std::memcpy(&longest, of_group, 4);
            if (longest == 0) continue;
          }
          VS table[D][V];
          for (int d = 0; d < D; ++d) {
            const VS both = hn::LoadDup128(kS, entry + d * tile.second_plane);
            for (int v = 0; v < V; ++v) table[d][v] = both;
          }
          VB level[V];
          for (int v = 0; v < V; ++v) level[v] = hn::LoadU(kB, values + v * kUnit * 4);
          sums.add(of_group, query_stride, rows, level, table);
        }
      }
      sums.store(begin > 0, rank, r, part, to);
    }
}

template <int G, int Q, int V, class Low>
HWY_NOINLINE void SecondBytes(const Stage& stage, const SubTile& tile, int first,
                              const std::uint8_t* HWY_RESTRICT weights,
                              std::int32_t* HWY_RESTRICT sums) {
  for (int r = 0; r < stage.low_ranks; ++r)
    SecondRank<G, 2, Q, V, Low>(stage.rank, r, tile, first, weights, sums);
  for (int r = stage.low_ranks; r < stage.rank; ++r)
    SecondRank<G, 1, Q, V, Low>(stage.rank, r, tile, first, weights, sums);
}

// Four rows of 16 columns; rows without a pulse are left out.
template <int G, class Table, int K = 0>
HWY_INLINE void AddFloats(const Table& table, VI level, const float* HWY_RESTRICT weights,
                          std::size_t rows, VF (&acc)[G]) {
  if (weights[K] != 0) {
    const VF u = table.at(hn::And(hn::ShiftRight<8 * K>(level), hn::Set(kI, 255)));
    for (int g = 0; g < G; ++g) acc[g] = hn::MulAdd(u, hn::Set(kF, weights[g * rows + K]), acc[g]);
  }
  if constexpr (K < 3) AddFloats<G, Table, K + 1>(table, level, weights, rows, acc);
}

template <int G>
HWY_INLINE void StoreFloats(const VF (&acc)[G], int r, int part, float* HWY_RESTRICT sums) {
  for (int g = 0; g < G; ++g) hn::Store(acc[g], kF, sums + (r * G + g) * kUnit + part * kN);
}

// As above, in floats: sums[rank][G][kUnit] of one unit, or 16 dimensions, under one query.
template <int G>
HWY_NOINLINE void FirstFloats(int rank, const SubTile& tile, const Unit& unit, const float* weights,
                              float* HWY_RESTRICT sums) {
  const int dim = tile.dim;
  for (int part = 0; part < kParts; ++part)
    for (int r = 0; r < rank; ++r) {
      GroupTables table;
      table.load(reinterpret_cast<const float*>(unit.first_table + r * tile.first_plane), part);
      VF acc[G];
      for (VF& a : acc) a = hn::Zero(kF);
      for (int row = 0; row < dim; row += 4) {
        const VB level = hn::LoadU(kB, unit.keys + row * kUnit + part * kN * 4);
        AddFloats<G>(table, hn::BitCast(kI, level), weights + row, dim, acc);
      }
      StoreFloats<G>(acc, r, part, sums);
    }
}

template <int G>
HWY_NOINLINE void SecondFloats(int rank, const SubTile& tile, int first, const float* weights,
                               float* HWY_RESTRICT sums) {
  const std::size_t rows = static_cast<std::size_t>(tile.units) * kUnit;
  for (int part = 0; part < kParts; ++part)
    for (int r = 0; r < rank; ++r) {
      VF acc[G];
      for (VF& a : acc) a = hn::Zero(kF);
      for (int u = 0; u < tile.units; ++u) {
        const Unit& unit = tile.unit[u];
        const auto* tables =
            reinterpret_cast<const float*>(unit.second_table + r * tile.second_plane);
        for (int slot = 0; slot < kUnit; slot += 4) {
          OneTable table;
          table.load(tables + slot / kGroup * kLevels);
          const VB level = hn::LoadU(kB, unit.values + slot * tile.dim + (first + part * kN) * 4);
          AddFloats<G>(table, hn::BitCast(kI, level), weights + u * kUnit + slot, rows, acc);
        }
      }
      StoreFloats<G>(acc, r, part, sums);
    }
}

}  // namespace HWY_NAMESPACE
}  // namespace gaincell::attention::kernels
HWY_AFTER_NAMESPACE();

#endif
