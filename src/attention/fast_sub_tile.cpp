// Sub-tiles of the fast level: both arrays, from pulses on the rows to pulses out of the counter.
#include <cstring>
#include <type_traits>

#include "attention/fast_kernels.h"
#include "attention/fast_spread_kernels.h"
#include "attention/fast_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "attention/fast_sub_tile.cpp"
#include "hwy/foreach_target.h"  // compiles this file once for every instruction set
//
#include "attention/fast_vectors-inl.h"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace gaincell::attention::kernels {
namespace HWY_NAMESPACE {

using Words = hn::RebindToUnsigned<Floats>;
using Bytes = hn::Repartition<std::uint8_t, Floats>;
using SignedBytes = hn::Repartition<std::int8_t, Floats>;
using Shorts = hn::Repartition<std::uint16_t, Floats>;
using Narrow = hn::Rebind<std::uint8_t, Floats>;
using VB = hn::Vec<Bytes>;
using VW = hn::Vec<Shorts>;
using VS = hn::Vec<SignedBytes>;
constexpr Bytes kB{};
constexpr Shorts kW{};
constexpr SignedBytes kS{};
// Sums of bytes are taken for so many sets of 16 columns at a time: of one unit under several
// queries, or of several units under one. What the registers hold.
constexpr int kUnitBatch = HWY_TARGET <= HWY_AVX3 ? 4 : 2;
template <int G>
constexpr int kQueryBatch = G == 1 ? 2 * kUnitBatch : kUnitBatch;
constexpr int kBatch = 2 * kUnitBatch;  // at most

const char* InstructionSet() { return hwy::TargetName(HWY_TARGET); }

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

// Sums of up to kBatch sets of 16 columns on their way to x.
struct Columns {
  HWY_ALIGN std::int32_t bytes[kBatch * kMaxRank * (kMaxSegments + 1) * kUnit];
  HWY_ALIGN float floats[kBatch * kMaxRank * kMaxSegments * kUnit];
  HWY_ALIGN float charge[kBatch * kMaxRank * kMaxSegments * kUnit];  // [set][segment][rank][kUnit]
};

// What the sums of one set of 16 columns mean: their tables change by `fading` a token, and the
// columns are `beyond` + `query` tokens older.
struct Meaning {
  const Pulses* pulses;
  float fading, query;
  const float* beyond;  // [kUnit]
  float* x;             // [kUnit], where the columns end
};

// C_r of one substep of every segment, in x per w_r.
template <int R>
HWY_INLINE void ScaleSums(const Stage& stage, int sets, const Meaning* meaning, Columns& columns) {
  const int segments = stage.segments;
  const float step = 1.0f / static_cast<float>(stage.substeps);
  for (int set = 0; set < sets; ++set) {
    const Pulses& pulses = *meaning[set].pulses;
    const VF fading = hn::Set(kF, meaning[set].fading), query = hn::Set(kF, meaning[set].query);
    float* HWY_RESTRICT to = columns.charge + set * segments * R * kUnit;
    for (int part = 0; part < kParts; ++part) {
      const VF age = hn::Add(hn::LoadU(kF, meaning[set].beyond + part * kN), query);
      const VF gain = hn::MulAdd(fading, age, hn::Set(kF, 1.0f));
      if (!stage.bytes) {
        for (int i = 0; i < R * segments; ++i) {
          const int r = i / segments, s = i % segments;
          const float* from = columns.floats + (set * R * segments + i) * kUnit + part * kN;
          const VF scale = hn::Mul(gain, hn::Set(kF, pulses.unit[s] * step));
          hn::Store(hn::Mul(hn::Load(kF, from), scale), kF, to + (s * R + r) * kUnit + part * kN);
        }
        continue;
      }
      const std::int32_t* HWY_RESTRICT from =
          columns.bytes + set * R * (segments + 1) * kUnit + part * kN;
      VF low[R];
      for (int r = 0; r < R; ++r)
        low[r] =
            r < stage.low_ranks
                ? hn::Mul(gain,
                          hn::ConvertTo(
                              kF, hn::Load(kI, from + (r * (segments + 1) + segments) * kUnit)))
                : hn::Zero(kF);
      for (int s = 0; s < segments; ++s) {
        const VF scale = hn::Mul(gain, hn::Set(kF, pulses.unit[s] * step));
        const VF low_unit = hn::Set(kF, pulses.low_unit[s] * step);
        for (int r = 0; r < R; ++r) {
          const VF high = hn::ConvertTo(kF, hn::Load(kI, from + (r * (segments + 1) + s) * kUnit));
          hn::Store(hn::MulAdd(high, scale, hn::Mul(low[r], low_unit)), kF,
                    to + (s * R + r) * kUnit + part * kN);
        }
      }
    }
  }
}

template <int P>
HWY_INLINE VF Polynomial(const float* HWY_RESTRICT w, VF x) {
  VF y = hn::Set(kF, w[P]);
  for (int p = P - 1; p >= 0; --p) y = hn::MulAdd(y, x, hn::Set(kF, w[p]));
  return y;
}

// V vectors of columns at a time, to fill the pipes.
template <int R, int P, int V>
HWY_INLINE void IntegrateVectors(const Stage& stage, int first, const Meaning* meaning,
                                 const Columns& columns) {
  const VF low = hn::Set(kF, stage.x_low), high = hn::Set(kF, stage.x_high);
  const VF half = hn::Set(kF, 0.5f);
  const float* HWY_RESTRICT charge[V];
  VF x[V], w[V][R];
  for (int v = 0; v < V; ++v) {
    const int set = (first + v) / kParts, part = (first + v) % kParts;
    charge[v] = columns.charge + set * stage.segments * R * kUnit + part * kN;
    x[v] = hn::Set(kF, meaning[set].pulses->x);
    for (int r = 0; r < R; ++r) w[v][r] = hn::Set(kF, stage.polynomial[r][0]);
  }
  const auto increment = [&](int v, int segment) HWY_ATTR {
    const float* HWY_RESTRICT c = charge[v] + segment * R * kUnit;
    VF sum = hn::Mul(hn::Load(kF, c), w[v][0]);
    for (int r = 1; r < R; ++r) sum = hn::MulAdd(hn::Load(kF, c + r * kUnit), w[v][r], sum);
    return sum;
  };
  for (int segment = 0; segment < stage.segments; ++segment)
    for (int step = 0; step < stage.substeps; ++step) {
      for (int v = 0; v < V; ++v) {
        VF middle = hn::MulAdd(half, increment(v, segment), x[v]);
        middle = hn::Min(hn::Max(middle, low), high);
        for (int r = 0; r < R; ++r) w[v][r] = Polynomial<P>(stage.polynomial[r], middle);
      }
      for (int v = 0; v < V; ++v) x[v] = hn::Add(x[v], increment(v, segment));
    }
  for (int v = 0; v < V; ++v)
    hn::StoreU(x[v], kF, meaning[(first + v) / kParts].x + (first + v) % kParts * kN);
}

template <int R, int P>
HWY_NOINLINE void Integrate(const Stage& stage, int sets, const Meaning* meaning,
                            Columns& columns) {
  ScaleSums<R>(stage, sets, meaning, columns);
  int v = 0;
  for (; v + 4 <= sets * kParts; v += 4) IntegrateVectors<R, P, 4>(stage, v, meaning, columns);
  for (; v < sets * kParts; ++v) IntegrateVectors<R, P, 1>(stage, v, meaning, columns);
}

// Where the w_r do not depend on x: one segment, one step.
template <bool B, int R>
HWY_NOINLINE void AddStraight(const Stage& stage, int sets, const Meaning* HWY_RESTRICT meaning,
                              const Columns& columns) {
  const std::int32_t* HWY_RESTRICT bytes = columns.bytes;
  const float* HWY_RESTRICT floats = columns.floats;
  const VF one = hn::Set(kF, 1.0f);
  for (int set = 0; set < sets; ++set, ++meaning) {
    const Pulses& pulses = *meaning->pulses;
    const VF fading = hn::Set(kF, meaning->fading), start = hn::Set(kF, pulses.x);
    const VF query = hn::Set(kF, meaning->query);
    VF sum[kParts];
    for (VF& s : sum) s = hn::Zero(kF);
    for (int r = 0; r < R; ++r) {
      const VF unit = hn::Set(kF, pulses.unit[0] * stage.polynomial[r][0]);
      const VF low_unit = hn::Set(kF, pulses.low_unit[0] * stage.polynomial[r][0]);
      const auto add = [&](int row, VF of_one) HWY_ATTR {
        for (int part = 0; part < kParts; ++part) {
          const int at = row * kUnit + part * kN;
          const VF from =
              B ? hn::ConvertTo(kF, hn::Load(kI, bytes + at)) : hn::Load(kF, floats + at);
          sum[part] = hn::MulAdd(from, of_one, sum[part]);
        }
      };
      const int rows = set * R + r;
      add(B ? 2 * rows : rows, unit);
      if (B && r < stage.low_ranks) add(2 * rows + 1, low_unit);
    }
    for (int part = 0; part < kParts; ++part) {
      // Their sum is exact, so that where a text is cut does not matter.
      const VF age = hn::Add(hn::LoadU(kF, meaning->beyond + part * kN), query);
      const VF gain = hn::MulAdd(fading, age, one);
      hn::StoreU(hn::MulAdd(sum[part], gain, start), kF, meaning->x + part * kN);
    }
  }
}

template <int R>
HWY_INLINE void IntegrateRank(const Stage& stage, int sets, const Meaning* meaning,
                              Columns& columns) {
  if (stage.degree == 0)
    return stage.bytes ? AddStraight<true, R>(stage, sets, meaning, columns)
                       : AddStraight<false, R>(stage, sets, meaning, columns);
  if (stage.degree == 3) return Integrate<R, 3>(stage, sets, meaning, columns);
  HWY_DASSERT(stage.degree == 5);
  return Integrate<R, 5>(stage, sets, meaning, columns);
}

// From sums to x of every column.
void FinishColumns(const Stage& stage, int sets, const Meaning* meaning, Columns& columns) {
  switch (stage.rank) {
    case 1:
      return IntegrateRank<1>(stage, sets, meaning, columns);
    case 2:
      return IntegrateRank<2>(stage, sets, meaning, columns);
    case 3:
      return IntegrateRank<3>(stage, sets, meaning, columns);
    default:
      return IntegrateRank<4>(stage, sets, meaning, columns);
  }
}

void SumFirstFloats(const Stage& stage, const SubTile& tile, int q, int u, Columns& columns) {
  if (tile.spread && tile.spread->cells)
    return sum_first_of_spread(stage, tile, q, u, columns.floats);
  const auto* weights = static_cast<const float*>(tile.pulses[q].weights);
  const Unit& unit = tile.unit[u];
  switch (stage.segments) {
    case 1:
      return FirstFloats<1>(stage.rank, tile, unit, weights, columns.floats);
    case 2:
      return FirstFloats<2>(stage.rank, tile, unit, weights, columns.floats);
    case 4:
      return FirstFloats<4>(stage.rank, tile, unit, weights, columns.floats);
    default:
      HWY_DASSERT(stage.segments == 8);
      return FirstFloats<8>(stage.rank, tile, unit, weights, columns.floats);
  }
}

void SumSecondFloats(const Stage& stage, const SubTile& tile, int q, int first, Columns& columns) {
  if (tile.spread && tile.spread->cells)
    return sum_second_of_spread(stage, tile, q, first / kUnit, columns.floats);
  const auto* weights = reinterpret_cast<const float*>(tile.weights) +
                        static_cast<std::size_t>(q) * stage.segments * tile.units * kUnit;
  switch (stage.segments) {
    case 1:
      return SecondFloats<1>(stage.rank, tile, first, weights, columns.floats);
    case 2:
      return SecondFloats<2>(stage.rank, tile, first, weights, columns.floats);
    case 4:
      return SecondFloats<4>(stage.rank, tile, first, weights, columns.floats);
    default:
      HWY_DASSERT(stage.segments == 8);
      return SecondFloats<8>(stage.rank, tile, first, weights, columns.floats);
  }
}

// Calls sum(G, Q, V, query, set) so that every query meets every set of 16 columns.
template <class SumBatch>
HWY_INLINE void ForEachBatch(int segments, int queries, int sets, const SumBatch& sum) {
  const auto all = [&](auto g) HWY_ATTR {
    constexpr int Q = kQueryBatch<decltype(g)::value>, V = kUnitBatch;
    using One = std::integral_constant<int, 1>;
    int q = 0;
    for (; q + Q <= queries; q += Q)
      for (int s = 0; s < sets; ++s) sum(g, std::integral_constant<int, Q>(), One(), q, s);
    for (; q < queries; ++q) {
      int s = 0;
      for (; s + V <= sets; s += V) sum(g, One(), std::integral_constant<int, V>(), q, s);
      for (; s < sets; ++s) sum(g, One(), One(), q, s);
    }
  };
  switch (segments) {
    case 1:
      return all(std::integral_constant<int, 1>());
    case 2:
      return all(std::integral_constant<int, 2>());
    case 3:
      return all(std::integral_constant<int, 3>());
    default:
      HWY_DASSERT(segments == 4);
      return all(std::integral_constant<int, 4>());
  }
}

void FirstArray(const Stage& stage, const SubTile& tile, Columns& columns) {
  const auto finish = [&](int queries, int units, int q0, int u0) HWY_ATTR {
    Meaning meaning[kBatch];
    for (int q = q0, i = 0; q < q0 + queries; ++q)
      for (int u = u0; u < u0 + units; ++u, ++i)
        meaning[i] = {tile.pulses + q, tile.unit[u].first_fading, static_cast<float>(q),
                      tile.beyond_table, tile.x + (q * tile.units + u) * kUnit};
    FinishColumns(stage, queries * units, meaning, columns);
  };
  if (!stage.bytes) {
    for (int u = 0; u < tile.units; ++u)
      for (int q = 0; q < tile.queries; ++q) {
        SumFirstFloats(stage, tile, q, u, columns);
        finish(1, 1, q, u);
      }
    return;
  }
  ForEachBatch(stage.segments, tile.queries, tile.units,
               [&](auto g, auto qs, auto vs, int q, int u) HWY_ATTR {
                 constexpr int G = decltype(g)::value, Q = decltype(qs)::value,
                               V = decltype(vs)::value;
                 using High = std::conditional_t<G == 1, SmallSum, WholeSum>;
                 const auto sum = stage.whole_weights > 0 ? FirstBytes<G, Q, V, High, SmallSum>
                                  : stage.fine_low        ? FirstBytes<G, Q, V, WholeSum, WholeSum>
                                                          : FirstBytes<G, Q, V, WholeSum, SmallSum>;
                 sum(stage, tile, tile.unit + u, tile.pulses + q, columns.bytes);
                 finish(Q, V, q, u);
               });
}

void SecondArray(const Stage& stage, const SubTile& tile, const Pulses* pulses, Columns& columns) {
  const auto finish = [&](int queries, int sets, int q0, int s0) HWY_ATTR {
    Meaning meaning[kBatch];
    for (int q = q0, i = 0; q < q0 + queries; ++q)
      for (int s = s0; s < s0 + sets; ++s, ++i)
        meaning[i] = {pulses + q, 0.0f, 0.0f, tile.beyond_table,
                      tile.second_x + q * tile.dim + s * kUnit};
    FinishColumns(stage, queries * sets, meaning, columns);
  };
  const int sets = tile.dim / kUnit;
  if (!stage.bytes) {
    for (int s = 0; s < sets; ++s)
      for (int q = 0; q < tile.queries; ++q) {
        SumSecondFloats(stage, tile, q, s * kUnit, columns);
        finish(1, 1, q, s);
      }
    return;
  }
  ForEachBatch(
      stage.segments, tile.queries, sets, [&](auto g, auto qs, auto vs, int q, int s) HWY_ATTR {
        constexpr int G = decltype(g)::value, Q = decltype(qs)::value, V = decltype(vs)::value;
        const auto* weights = static_cast<const std::uint8_t*>(pulses[q].weights);
        const auto sum =
            stage.fine_low ? SecondBytes<G, Q, V, WholeSum> : SecondBytes<G, Q, V, SmallSum>;
        sum(stage, tile, s * kUnit, weights, columns.bytes);
        finish(Q, V, q, s);
      });
}

void Transfer(const Stage& stage, int n, const float* HWY_RESTRICT x, float* HWY_RESTRICT pulse) {
  const VF zero = hn::Zero(kF), end = hn::Set(kF, stage.x_end), top = hn::Set(kF, stage.at_high);
  int i = 0;
  for (; i + 4 * kN <= n; i += 4 * kN) {
    VF at[4], y[4];
    for (int v = 0; v < 4; ++v) {
      at[v] = hn::LoadU(kF, x + i + v * kN);
      y[v] = hn::Set(kF, stage.at_low);
    }
    for (int k = 0; k < stage.knots; ++k) {
      const VF knot = hn::Set(kF, stage.knot[k]), slope = hn::Set(kF, stage.slope[k]);
      for (int v = 0; v < 4; ++v)
        y[v] = hn::MulAdd(hn::Max(hn::Sub(at[v], knot), zero), slope, y[v]);
    }
    for (int v = 0; v < 4; ++v)
      hn::StoreU(hn::IfThenElse(hn::Ge(at[v], end), top, y[v]), kF, pulse + i + v * kN);
  }
  for (; i < n; i += kN) {
    const VF at = hn::LoadU(kF, x + i);
    VF y = hn::Set(kF, stage.at_low);
    for (int k = 0; k < stage.knots; ++k)
      y = hn::MulAdd(hn::Max(hn::Sub(at, hn::Set(kF, stage.knot[k])), zero),
                     hn::Set(kF, stage.slope[k]), y);
    hn::StoreU(hn::IfThenElse(hn::Ge(at, end), top, y), kF, pulse + i);
  }
}

constexpr float kNowhere = -1e30f;  // x of a column that is not there

// Of n columns, `absent` of which lie nowhere.
void CountBeyond(Known known, int n, int absent, const float* HWY_RESTRICT x,
                 std::int64_t& beyond) {
  const bool has_low = known.low > kNowhere;
  if (!has_low && known.high > -kNowhere) return;
  const VF low = hn::Set(kF, known.low), high = hn::Set(kF, known.high);
  VI count = hn::Zero(kI);
  for (int i = 0; i < n; i += kN) {
    const VF at = hn::LoadU(kF, x + i);
    const auto is_beyond = hn::Or(hn::Lt(at, low), hn::Gt(at, high));
    count = hn::Sub(count, hn::VecFromMask(kI, hn::RebindMask(kI, is_beyond)));
  }
  beyond += hn::GetLane(hn::SumOfLanes(kI, count)) - (has_low ? absent : 0);
}

// Takes columns that do not count out of the books and off the second array. Returns their number.
int MaskColumns(const SubTile& tile) {
  const VF nowhere = hn::Set(kF, kNowhere);
  int absent = 0;
  for (int i = 0; i < tile.queries * tile.units; ++i) {
    const Lanes lanes = tile.lanes[i];
    if (lanes.first == 0 && lanes.last == kUnit) continue;
    absent += kUnit - (lanes.last - lanes.first);
    const VF first = hn::Set(kF, static_cast<float>(lanes.first));
    const VF last = hn::Set(kF, static_cast<float>(lanes.last));
    for (int part = 0; part < kParts; ++part) {
      const VF lane = hn::Iota(kF, static_cast<float>(part * kN));
      const auto counts = hn::And(hn::Ge(lane, first), hn::Lt(lane, last));
      float* x = tile.x + i * kUnit + part * kN;
      float* phi = tile.phi + i * kUnit + part * kN;
      hn::StoreU(hn::IfThenElse(counts, hn::LoadU(kF, x), nowhere), kF, x);
      hn::StoreU(hn::IfThenElseZero(counts, hn::LoadU(kF, phi)), kF, phi);
    }
  }
  return absent;
}

// The same for the second array's, where there are fewer than the vectors have.
int MaskOutputs(const SubTile& tile) {
  for (int q = 0; q < tile.queries; ++q)
    for (int d = tile.columns; d < tile.dim; ++d) tile.second_x[q * tile.dim + d] = kNowhere;
  return tile.queries * (tile.dim - tile.columns);
}

// acc + the sums of two neighbouring words (0 .. 32767).
HWY_INLINE VI AddWords(VI acc, VW words) {
  const VW ones = hn::Set(kW, 1);
#if HWY_TARGET == HWY_AVX3_DL
  asm("vpdpwssd %2, %1, %0" : "+v"(acc.raw) : "v"(words.raw), "v"(ones.raw));
  return acc;
#else
  const hn::RebindToSigned<decltype(kW)> d;
  VI rest = hn::Zero(kI);
  const VI sum =
      hn::ReorderWidenMulAccumulate(kI, hn::BitCast(d, words), hn::BitCast(d, ones), acc, rest);
  return hn::Add(sum, rest);
#endif
}

// Nodes that no column passes cost nothing, and those that every one passes little.
template <int V>
HWY_INLINE void AddHingeWords(const Hinges& hinges, int lowest, int highest, const VW (&word)[V]) {
  VI total = hn::Zero(kI);
  for (int v = 0; v < V; ++v) total = AddWords(total, word[v]);
  int i = 0;
  for (; i < hinges.nodes && hinges.node[i] <= lowest; ++i) {
    std::int32_t* sum = hinges.sum + i * kUnit;
    const VI beyond = hn::Sub(total, hn::Set(kI, 2 * V * hinges.node[i]));
    hn::Store(hn::Add(hn::Load(kI, sum), beyond), kI, sum);
  }
  for (; i < hinges.nodes && hinges.node[i] < highest; ++i) {
    std::int32_t* sum = hinges.sum + i * kUnit;
    VI acc = hn::Load(kI, sum);
    const VW node = hn::Set(kW, hinges.node[i]);
    for (int v = 0; v < V; ++v) acc = AddWords(acc, hn::SaturatedSub(word[v], node));
    hn::Store(acc, kI, sum);
  }
}

// Up to V pairs of vectors of columns; where there are fewer, the rest lies on the first node.
template <int V>
HWY_INLINE void AddSomeHinges(const Hinges& hinges, int columns, const float* HWY_RESTRICT x) {
  const hn::RebindToSigned<decltype(kW)> i16;
  const VF first = hn::Set(kF, hinges.first_x), last = hn::Set(kF, hinges.last_x);
  const VF scale = hn::Set(kF, hinges.steps_per_x);
  const VF beyond_first = hn::Set(kF, kWholeFrom - hinges.first_x * hinges.steps_per_x);
  const auto steps = [&](int vector) HWY_ATTR {
    VF at = first;
    if (vector * kN < columns) at = hn::Min(hn::Max(hn::LoadU(kF, x + vector * kN), first), last);
    return WholePart(hn::MulAdd(at, scale, beyond_first));
  };
  VW word[V], low, high;
  for (int v = 0; v < V; ++v) {
    const VI even = steps(2 * v), odd = steps(2 * v + 1);
    word[v] = hn::BitCast(kW, hn::ReorderDemote2To(i16, even, odd));
    low = v == 0 ? word[v] : hn::Min(low, word[v]);
    high = v == 0 ? word[v] : hn::Max(high, word[v]);
  }
  AddHingeWords<V>(hinges, hn::GetLane(hn::MinOfLanes(kW, low)),
                   hn::GetLane(hn::MaxOfLanes(kW, high)), word);
}

void AddHinges(const Hinges& hinges, int n, const float* HWY_RESTRICT x) {
  constexpr int kMany = 16 * kN, kFew = 4 * kN;
  int i = 0;
  for (; i + kMany <= n; i += kMany) AddSomeHinges<8>(hinges, kMany, x + i);
  for (; i < n; i += kFew) AddSomeHinges<2>(hinges, n - i, x + i);
}

constexpr int kNodeFloats = kReadCopies * kLevels;  // of Reads::count

using LevelCounts = hn::CappedTag<float, kLevels>;
constexpr int kCountLanes = static_cast<int>(hn::MaxLanes(LevelCounts{}));

// A row's cells by level, `i` on.
HWY_INLINE hn::Vec<LevelCounts> RowCounts(const std::uint16_t* HWY_RESTRICT counts, int i) {
  const LevelCounts f;
  const hn::RebindToSigned<LevelCounts> i32;
  const hn::Rebind<std::uint16_t, LevelCounts> u16;
  return hn::ConvertTo(f, hn::PromoteTo(i32, hn::LoadU(u16, counts + i)));
}

// One query's reads, row by row, each put on the two nodes around its pulse.
void CountRows(const SubTile& tile, int query) {
  Reads& reads = *tile.reads;
  const LevelCounts f;
  const VF top = hn::Set(kF, static_cast<float>(reads.steps)), zero = hn::Zero(kF);
  const VF scale = hn::Set(kF, static_cast<float>(reads.steps) * tile.phi_per_pulse);
  const VI last = hn::Set(kI, reads.steps - 1), nowhere = hn::Set(kI, reads.steps + 1);
  static_assert(kNodeFloats == 1 << 6 && kLevels == 1 << 3);  // below
  const VI copies = hn::Set(kI, kReadCopies - 1);
  HWY_ALIGN std::int32_t to[kUnit];
  HWY_ALIGN float share[kUnit];
  VI lane_sum = hn::Zero(kI);
  for (int u = 0; u < tile.units; ++u) {
    const Unit& unit = tile.unit[u];
    std::size_t pulses = 0;
    for (int i = 0; i < kUnit; i += kN) {
      const VF pulse = hn::LoadU(kF, tile.phi + (query * tile.units + u) * kUnit + i);
      const VF at = hn::Min(hn::Mul(pulse, scale), top);
      const auto has_pulse = hn::Gt(pulse, zero);
      const auto has_pulse_i = hn::RebindMask(kI, has_pulse);
      const VI between = hn::Min(hn::ConvertTo(kI, at), last), lane = hn::Iota(kI, i);
      const VI node = hn::IfThenElse(has_pulse_i, between, nowhere);
      const VI copy = hn::And(lane, copies);
      hn::Store(hn::Add(hn::ShiftLeft<6>(node), hn::ShiftLeft<3>(copy)), kI, to + i);
      hn::Store(hn::Sub(at, hn::ConvertTo(kF, between)), kF, share + i);
      lane_sum = hn::Add(lane_sum, hn::IfThenElseZero(has_pulse_i, lane));
      pulses += hn::CountTrue(kF, has_pulse);
    }
    if (pulses == 0) continue;
    reads.pulses += static_cast<std::int64_t>(pulses);
    reads.age_sum_s += static_cast<double>(pulses) * (unit.age_s + query * reads.period_s);
    for (int lane = 0; lane < kUnit; ++lane)  // a branch would cost more than a row
      for (int i = 0; i < kLevels; i += kCountLanes) {
        const auto cells = RowCounts(unit.counts + lane * kLevels, i);
        const auto above = hn::Mul(cells, hn::Set(f, share[lane]));
        float* node = reads.count + to[lane] + i;
        hn::Store(hn::Add(hn::Load(f, node), hn::Sub(cells, above)), f, node);
        hn::Store(hn::Add(hn::Load(f, node + kNodeFloats), above), f, node + kNodeFloats);
      }
  }
  reads.age_sum_s -= hn::GetLane(hn::SumOfLanes(kI, lane_sum)) * reads.period_s;
}

// Into how many whole parts a read is shared between nodes; Nearest() bounds those of all.
constexpr int parts_of_a_read(int steps) { return (1 << 22) / steps; }

// Shares of a unit's rows at every node, all queries together: hat[node][kUnit]. The sum over
// queries of what lies beyond node i is that of max(pulse, i), less i for every query; between two
// nodes lies the difference of two such sums, and on a node the difference of two of those. Whole
// numbers, so that nothing is lost in them. Up to Q queries. Adds the lanes of rows with a pulse to
// lane_sum.
template <int Q>
HWY_NOINLINE void SumHats(const SubTile& tile, int unit, VI& lane_sum, float* HWY_RESTRICT hat) {
  Reads& reads = *tile.reads;
  const int parts = parts_of_a_read(reads.steps);
  const auto most = static_cast<float>(reads.steps * parts);
  const VF scale = hn::Set(kF, most * tile.phi_per_pulse), top = hn::Set(kF, most);
  const VF zero = hn::Zero(kF);
  VI number = hn::Zero(kI), passed = hn::Zero(kI);
  for (int i = 0; i < kUnit; i += kN) {
    VI at[Q], beyond = hn::Zero(kI), pulses = hn::Zero(kI);
    for (int q = tile.queries; q < Q; ++q) at[q] = hn::Zero(kI);
    for (int q = 0; q < tile.queries; ++q) {
      const VF pulse = hn::LoadU(kF, tile.phi + (q * tile.units + unit) * kUnit + i);
      const auto has_pulse = hn::Gt(pulse, zero);
      at[q] = Nearest(hn::IfThenElseZero(has_pulse, hn::Min(hn::Mul(pulse, scale), top)));
      beyond = hn::Add(beyond, at[q]);
      passed = hn::Add(passed, pulses);
      pulses = hn::Sub(pulses, hn::VecFromMask(kI, hn::RebindMask(kI, has_pulse)));
    }
    number = hn::Add(number, pulses);
    lane_sum = hn::Add(lane_sum, hn::Mul(pulses, hn::Iota(kI, i)));
    VI below = hn::Mul(pulses, hn::Set(kI, parts));
    for (int node = 0; node < reads.steps; ++node) {
      const std::int32_t next = (node + 1) * parts;
      VI sum = hn::Set(kI, -next * Q);
      for (int q = 0; q < Q; ++q) sum = hn::Add(sum, hn::Max(at[q], hn::Set(kI, next)));
      const VI between = hn::Sub(beyond, sum);
      hn::Store(hn::ConvertTo(kF, hn::Sub(below, between)), kF, hat + node * kUnit + i);
      below = between;
      beyond = sum;
    }
    hn::Store(hn::ConvertTo(kF, below), kF, hat + reads.steps * kUnit + i);
  }
  const double pulses = hn::GetLane(hn::SumOfLanes(kI, number));
  // A pulse of query q is passed by those after it.
  const double queries_sum = (tile.queries - 1) * pulses - hn::GetLane(hn::SumOfLanes(kI, passed));
  reads.pulses += static_cast<std::int64_t>(pulses);
  reads.age_sum_s += pulses * tile.unit[unit].age_s + queries_sum * reads.period_s;
}

// Adds a unit's rows of cells to the nodes, N of them at a time: the registers hold their sums.
template <int N>
HWY_INLINE void AddToNodes(const Reads& reads, const float* HWY_RESTRICT cells) {
  static_assert(Reads::kNodes % N == 0);
  const LevelCounts f;
  for (int node = 0; node <= reads.steps; node += N)
    for (int i = 0; i < kLevels; i += kCountLanes) {
      const float* HWY_RESTRICT hat = reads.hat + node * kUnit;
      float* HWY_RESTRICT count = reads.count + node * kNodeFloats + i;
      hn::Vec<LevelCounts> sum[N];
      for (auto& one : sum) one = hn::Zero(f);
#pragma GCC unroll 1  // unrolled, the sums leave their registers
      for (int slot = 0; slot < kUnit; ++slot) {
        const auto c = hn::Load(f, cells + slot * kLevels + i);
        for (int n = 0; n < N; ++n)
          sum[n] = hn::MulAdd(c, hn::Set(f, hat[n * kUnit + slot]), sum[n]);
      }
      for (int n = 0; n < N; ++n) {
        float* HWY_RESTRICT to = count + n * kNodeFloats;
        hn::Store(hn::Add(hn::Load(f, to), sum[n]), f, to);
      }
    }
}

// All queries' reads.
void CountTogether(const SubTile& tile) {
  const LevelCounts f;
  Reads& reads = *tile.reads;
  const auto share = hn::Set(f, 1.0f / static_cast<float>(parts_of_a_read(reads.steps)));
  HWY_ALIGN float cells[kUnit * kLevels];
  VI lane_sum = hn::Zero(kI);
  for (int u = 0; u < tile.units; ++u) {
    const Unit& unit = tile.unit[u];
    if (tile.queries <= kMaxQueries / 2)
      SumHats<kMaxQueries / 2>(tile, u, lane_sum, reads.hat);
    else
      SumHats<kMaxQueries>(tile, u, lane_sum, reads.hat);
    for (int slot = 0; slot < kUnit; ++slot)
      for (int i = 0; i < kLevels; i += kCountLanes)
        hn::Store(hn::Mul(RowCounts(unit.counts + slot * kLevels, i), share), f,
                  cells + slot * kLevels + i);
    if (reads.steps == 1)
      AddToNodes<2>(reads, cells);
    else
      AddToNodes<Reads::kNodes>(reads, cells);
  }
  reads.age_sum_s -= hn::GetLane(hn::SumOfLanes(kI, lane_sum)) * reads.period_s;
}

// Reads of the values' cells by pulse; cells without a pulse are left to the caller.
void CountReads(const SubTile& tile) {
  constexpr int kFew = 3;  // so few queries are not worth their sums
  if (tile.queries > kFew) return CountTogether(tile);
  for (int q = 0; q < tile.queries; ++q) CountRows(tile, q);
}

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

void SubTileStep(const Stage& first, const Stage& second, const SubTile& tile) {
  Columns columns;
  const int slots = tile.units * kUnit, all = tile.queries * slots;
  FirstArray(first, tile, columns);
  Transfer(first, all, tile.spread ? first_seen(tile) : tile.x, tile.phi);
  CountBeyond(tile.first_known, all, MaskColumns(tile), tile.x, *tile.first_beyond);
  AddHinges(tile.first_hinges, all, tile.x);

  Pulses pulses[kMaxQueries];
  const std::size_t stride =
      static_cast<std::size_t>(second.weight_rows()) * slots * second.weight_bytes();
  CountReads(tile);
  for (int q = 0; q < tile.queries; ++q) {
    SetSecondPulses(second, tile, q, tile.weights + q * stride, pulses[q]);
  }
  SecondArray(second, tile, pulses, columns);
  const int outputs = tile.queries * tile.dim;
  Transfer(second, outputs, tile.spread ? second_seen(tile) : tile.second_x, tile.second_pulse);
  CountBeyond(tile.second_known, outputs, MaskOutputs(tile), tile.second_x, *tile.second_beyond);
  AddHinges(tile.second_hinges, outputs, tile.second_x);
}

}  // namespace HWY_NAMESPACE
}  // namespace gaincell::attention::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace gaincell::attention::kernels {

HWY_EXPORT(InstructionSet);
HWY_EXPORT(SetPulses);
HWY_EXPORT(SubTileStep);

const char* instruction_set() { return HWY_DYNAMIC_DISPATCH(InstructionSet)(); }

void set_pulses(const Stage& stage, int rows, const float* width, float* lasting, void* to,
                Pulses& pulses) {
  HWY_DYNAMIC_DISPATCH(SetPulses)(stage, rows, width, lasting, to, pulses);
}

void sub_tile(const Stage& first, const Stage& second, const SubTile& tile) {
  HWY_DYNAMIC_DISPATCH(SubTileStep)(first, second, tile);
  count_output(static_cast<std::size_t>(tile.queries) * tile.dim, tile.second_pulse, tile.counts,
               tile.total);
}

}  // namespace gaincell::attention::kernels
#endif
