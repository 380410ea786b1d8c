// Sub-tiles of the fast level: both arrays, from pulses on the rows to pulses out of the counter.
//
// Portable code serves what has neither AVX2 nor NEON; SSE would only add compile time. Highway
// falls back to one lane instead where gcc is older than 12.3 (its bug 106322, in the high half of
// 16-bit products, which are not used here).
#define HWY_WANT_AVX3_DL
#define HWY_DISABLED_TARGETS (HWY_SSSE3 | HWY_SSE4)
#define HWY_BROKEN_EMU128 0

#include <cstring>

#include "attention/fast_kernels.h"
#include "attention/fast_spread_kernels.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "attention/fast_sub_tile.cpp"
#include "hwy/foreach_target.h"  // compiles this file once for every instruction set
//
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace gaincell::attention::kernels {
namespace HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

using Floats = hn::CappedTag<float, kUnit>;
using Ints = hn::RebindToSigned<Floats>;
using Words = hn::RebindToUnsigned<Floats>;
using Bytes = hn::Repartition<std::uint8_t, Floats>;
using SignedBytes = hn::Repartition<std::int8_t, Floats>;
using Narrow = hn::Rebind<std::uint8_t, Floats>;
using VF = hn::Vec<Floats>;
using VI = hn::Vec<Ints>;
using VB = hn::Vec<Bytes>;
using VS = hn::Vec<SignedBytes>;
constexpr Floats kF{};
constexpr Ints kI{};
constexpr Bytes kB{};
constexpr SignedBytes kS{};
constexpr int kN = static_cast<int>(hn::MaxLanes(Floats{}));
constexpr int kParts = kUnit / kN;  // vectors that hold 16 columns
// Sets of 16 columns summed at a time: what the registers hold.
constexpr int kBatch = HWY_TARGET <= HWY_AVX3 ? 4 : 2;

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

// One group of four rows: levels looked up, times the weights of Q queries.
template <int G, int Q, int V>
HWY_INLINE void AddGroup(const std::uint8_t* HWY_RESTRICT weights, std::size_t query_stride,
                         std::size_t rows, const VB (&level)[V], const VS (&high_table)[V],
                         const VS (&low_table)[V], VI (&acc)[Q][V][G + 1]) {
  VS high[V], low[V];
  for (int v = 0; v < V; ++v) {
    high[v] = hn::TableLookupBytes(high_table[v], hn::BitCast(kS, level[v]));
    low[v] = hn::TableLookupBytes(low_table[v], hn::BitCast(kS, level[v]));
  }
  for (int q = 0; q < Q; ++q)
    for (int g = 0; g <= G; ++g) {
      std::uint32_t four;
      std::memcpy(&four, weights + q * query_stride + g * rows, 4);
      const VB w = hn::BitCast(kB, hn::Set(Words{}, four));
      for (int v = 0; v < V; ++v) acc[q][v][g] = Dot(acc[q][v][g], w, g < G ? high[v] : low[v]);
    }
}

template <int G, int Q, int V>
HWY_INLINE void Clear(VI (&acc)[Q][V][G + 1]) {
  for (int q = 0; q < Q; ++q)
    for (int v = 0; v < V; ++v)
      for (int g = 0; g <= G; ++g) acc[q][v][g] = hn::Zero(kI);
}

// sums[query][set of columns][rank][G + 1][kUnit]
template <int G, int Q, int V>
HWY_INLINE void Store(const VI (&acc)[Q][V][G + 1], int rank, int r, int part,
                      std::int32_t* HWY_RESTRICT sums) {
  for (int q = 0; q < Q; ++q)
    for (int v = 0; v < V; ++v)
      for (int g = 0; g <= G; ++g)
        hn::Store(acc[q][v][g], kI,
                  sums + (((q * V + v) * rank + r) * (G + 1) + g) * kUnit + part * kN);
}

HWY_INLINE VS LoadTable(const void* table, int r, int half) {
  return hn::LoadDup128(kS, static_cast<const std::int8_t*>(table) + r * 32 + half * 16);
}

// First array: V units of slots under Q queries.
template <int G, int Q, int V>
HWY_NOINLINE void FirstBytes(int rank, int dim, const Unit* unit, const Pulses* pulses,
                             std::int32_t* HWY_RESTRICT sums) {
  const auto* weights = static_cast<const std::uint8_t*>(pulses[0].weights);
  const std::size_t query_stride = static_cast<std::size_t>(G + 1) * dim;
  for (int part = 0; part < kParts; ++part)
    for (int r = 0; r < rank; ++r) {
      VS high[V], low[V];
      for (int v = 0; v < V; ++v) {
        high[v] = LoadTable(unit[v].first_table, r, 0);
        low[v] = LoadTable(unit[v].first_table, r, 1);
      }
      VI acc[Q][V][G + 1];
      Clear<G, Q, V>(acc);
      for (int row = 0; row < dim; row += 4) {
        VB level[V];
        for (int v = 0; v < V; ++v)
          level[v] = hn::LoadU(kB, unit[v].keys + row * kUnit + part * kN * 4);
        AddGroup<G, Q, V>(weights + row, query_stride, dim, level, high, low, acc);
      }
      Store<G, Q, V>(acc, rank, r, part, sums);
    }
}

// Second array: V sets of 16 dimensions from `first` on, for Q queries.
template <int G, int Q, int V>
HWY_NOINLINE void SecondBytes(int rank, int dim, int first, int units, const Unit* unit,
                              const std::uint8_t* HWY_RESTRICT weights,
                              std::int32_t* HWY_RESTRICT sums) {
  const std::size_t rows = static_cast<std::size_t>(units) * kUnit;
  const std::size_t query_stride = (G + 1) * rows;
  for (int part = 0; part < kParts; ++part)
    for (int r = 0; r < rank; ++r) {
      VI acc[Q][V][G + 1];
      Clear<G, Q, V>(acc);
      for (int u = 0; u < units; ++u) {
        VS high[V], low[V];
        for (int v = 0; v < V; ++v) {
          high[v] = LoadTable(unit[u].second_table, r, 0);
          low[v] = LoadTable(unit[u].second_table, r, 1);
        }
        for (int slot = 0; slot < kUnit; slot += 4) {
          const std::size_t row = static_cast<std::size_t>(u) * kUnit + slot;
          if (Q == 1) {  // slots without a pulse are frequent, and cost nothing
            std::uint32_t longest;
            std::memcpy(&longest, weights + row, 4);
            if (longest == 0) continue;
          }
          VB level[V];
          for (int v = 0; v < V; ++v)
            level[v] =
                hn::LoadU(kB, unit[u].values + slot * dim + (first + v * kUnit + part * kN) * 4);
          AddGroup<G, Q, V>(weights + row, query_stride, rows, level, high, low, acc);
        }
      }
      Store<G, Q, V>(acc, rank, r, part, sums);
    }
}

// Level table of floats, in a register where one holds it.
struct FloatTable {
#if HWY_TARGET == HWY_AVX2 || HWY_TARGET <= HWY_AVX3
  VF entries;
  HWY_INLINE void load(const float* from) { entries = hn::LoadU(kF, from); }
  HWY_INLINE VF at(VI level) const {
    return hn::TableLookupLanes(entries, hn::IndicesFromVec(kF, level));
  }
#else
  const float* entries;
  HWY_INLINE void load(const float* from) { entries = from; }
  HWY_INLINE VF at(VI level) const { return hn::GatherIndex(kF, entries, level); }
#endif
};

// Four rows of 16 columns; rows without a pulse are left out.
template <int G, int K = 0>
HWY_INLINE void AddFloats(const FloatTable& table, VI level, const float* HWY_RESTRICT weights,
                          std::size_t rows, VF (&acc)[G]) {
  if (weights[K] != 0) {
    const VF u = table.at(hn::And(hn::ShiftRight<8 * K>(level), hn::Set(kI, 255)));
    for (int g = 0; g < G; ++g) acc[g] = hn::MulAdd(u, hn::Set(kF, weights[g * rows + K]), acc[g]);
  }
  if constexpr (K < 3) AddFloats<G, K + 1>(table, level, weights, rows, acc);
}

template <int G>
HWY_INLINE void StoreFloats(const VF (&acc)[G], int r, int part, float* HWY_RESTRICT sums) {
  for (int g = 0; g < G; ++g) hn::Store(acc[g], kF, sums + (r * G + g) * kUnit + part * kN);
}

// As above, in floats: sums[rank][G][kUnit] of one unit, or 16 dimensions, under one query.
template <int G>
HWY_NOINLINE void FirstFloats(int rank, int dim, const Unit& unit, const float* weights,
                              float* HWY_RESTRICT sums) {
  for (int part = 0; part < kParts; ++part)
    for (int r = 0; r < rank; ++r) {
      FloatTable table;
      table.load(static_cast<const float*>(unit.first_table) + r * 16);
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
HWY_NOINLINE void SecondFloats(int rank, int dim, int first, int units, const Unit* unit,
                               const float* weights, float* HWY_RESTRICT sums) {
  const std::size_t rows = static_cast<std::size_t>(units) * kUnit;
  for (int part = 0; part < kParts; ++part)
    for (int r = 0; r < rank; ++r) {
      VF acc[G];
      for (VF& a : acc) a = hn::Zero(kF);
      for (int u = 0; u < units; ++u) {
        FloatTable table;
        table.load(static_cast<const float*>(unit[u].second_table) + r * 16);
        for (int slot = 0; slot < kUnit; slot += 4) {
          const VB level = hn::LoadU(kB, unit[u].values + slot * dim + (first + part * kN) * 4);
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
  HWY_ALIGN float x[kBatch * kUnit];
};

// What the sums of one set of 16 columns mean: column `lane` has faded by gain - fading * lane.
struct Meaning {
  const Pulses* pulses;
  float gain, fading;
};

// C_r of one substep of every segment, in x per w_r.
template <int R>
HWY_INLINE void ScaleSums(const Stage& stage, int sets, const Meaning* meaning, Columns& columns) {
  const int segments = stage.segments;
  const float step = 1.0f / static_cast<float>(stage.substeps);
  for (int set = 0; set < sets; ++set) {
    const Pulses& pulses = *meaning[set].pulses;
    const VF unit = hn::Set(kF, pulses.unit * step), x = hn::Set(kF, pulses.x);
    const VF fading = hn::Set(kF, meaning[set].fading), newest = hn::Set(kF, meaning[set].gain);
    float* HWY_RESTRICT to = columns.charge + set * segments * R * kUnit;
    for (int part = 0; part < kParts; ++part) {
      hn::Store(x, kF, columns.x + set * kUnit + part * kN);
      const VF lane = hn::Iota(kF, static_cast<float>(part * kN));
      const VF gain = hn::NegMulAdd(fading, lane, newest), scale = hn::Mul(gain, unit);
      if (!stage.bytes) {
        for (int i = 0; i < R * segments; ++i) {
          const int r = i / segments, s = i % segments;
          const float* from = columns.floats + (set * R * segments + i) * kUnit + part * kN;
          hn::Store(hn::Mul(hn::Load(kF, from), scale), kF, to + (s * R + r) * kUnit + part * kN);
        }
        continue;
      }
      const std::int32_t* HWY_RESTRICT from =
          columns.bytes + set * R * (segments + 1) * kUnit + part * kN;
      VF low[R];
      for (int r = 0; r < R; ++r)
        low[r] = hn::Mul(
            gain, hn::ConvertTo(kF, hn::Load(kI, from + (r * (segments + 1) + segments) * kUnit)));
      for (int s = 0; s < segments; ++s) {
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
HWY_INLINE void IntegrateVectors(const Stage& stage, int first, Columns& columns) {
  const VF low = hn::Set(kF, stage.x_low), high = hn::Set(kF, stage.x_high);
  const VF half = hn::Set(kF, 0.5f);
  const float* HWY_RESTRICT charge[V];
  VF x[V], w[V][R];
  for (int v = 0; v < V; ++v) {
    const int set = (first + v) / kParts, part = (first + v) % kParts;
    charge[v] = columns.charge + set * stage.segments * R * kUnit + part * kN;
    x[v] = hn::Load(kF, columns.x + (first + v) * kN);
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
      if (P > 0)
        for (int v = 0; v < V; ++v) {
          VF middle = hn::MulAdd(half, increment(v, segment), x[v]);
          middle = hn::Min(hn::Max(middle, low), high);
          for (int r = 0; r < R; ++r) w[v][r] = Polynomial<P>(stage.polynomial[r], middle);
        }
      for (int v = 0; v < V; ++v) x[v] = hn::Add(x[v], increment(v, segment));
    }
  for (int v = 0; v < V; ++v) hn::Store(x[v], kF, columns.x + (first + v) * kN);
}

template <int R, int P>
HWY_NOINLINE void Integrate(const Stage& stage, int sets, const Meaning* meaning,
                            Columns& columns) {
  ScaleSums<R>(stage, sets, meaning, columns);
  int v = 0;
  for (; v + 4 <= sets * kParts; v += 4) IntegrateVectors<R, P, 4>(stage, v, columns);
  for (; v < sets * kParts; ++v) IntegrateVectors<R, P, 1>(stage, v, columns);
}

template <int R>
HWY_INLINE void IntegrateRank(const Stage& stage, int sets, const Meaning* meaning,
                              Columns& columns) {
  if (stage.degree == 0) return Integrate<R, 0>(stage, sets, meaning, columns);
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

template <int Q, int V>
HWY_INLINE void SumFirst(const Stage& stage, const SubTile& tile, int q, int u, Columns& columns) {
  const Unit* unit = tile.unit + u;
  const Pulses* pulses = tile.pulses + q;
  switch (stage.segments) {
    case 1:
      return FirstBytes<1, Q, V>(stage.rank, tile.dim, unit, pulses, columns.bytes);
    case 2:
      return FirstBytes<2, Q, V>(stage.rank, tile.dim, unit, pulses, columns.bytes);
    case 3:
      return FirstBytes<3, Q, V>(stage.rank, tile.dim, unit, pulses, columns.bytes);
    default:
      HWY_DASSERT(stage.segments == 4);
      return FirstBytes<4, Q, V>(stage.rank, tile.dim, unit, pulses, columns.bytes);
  }
}

template <int Q, int V>
HWY_INLINE void SumSecond(const Stage& stage, const SubTile& tile, int q, int first,
                          Columns& columns) {
  const auto* weights = reinterpret_cast<const std::uint8_t*>(tile.weights) +
                        static_cast<std::size_t>(q) * stage.weight_rows() * tile.units * kUnit;
  const auto sum = [&](auto segments) HWY_ATTR {
    SecondBytes<decltype(segments)::value, Q, V>(stage.rank, tile.dim, first, tile.units, tile.unit,
                                                 weights, columns.bytes);
  };
  switch (stage.segments) {
    case 1:
      return sum(std::integral_constant<int, 1>());
    case 2:
      return sum(std::integral_constant<int, 2>());
    case 3:
      return sum(std::integral_constant<int, 3>());
    default:
      HWY_DASSERT(stage.segments == 4);
      return sum(std::integral_constant<int, 4>());
  }
}

void SumFirstFloats(const Stage& stage, const SubTile& tile, int q, int u, Columns& columns) {
  if (tile.spread && tile.spread->cells)
    return sum_first_of_spread(stage, tile, q, u, columns.floats);
  const auto* weights = static_cast<const float*>(tile.pulses[q].weights);
  const Unit& unit = tile.unit[u];
  switch (stage.segments) {
    case 1:
      return FirstFloats<1>(stage.rank, tile.dim, unit, weights, columns.floats);
    case 2:
      return FirstFloats<2>(stage.rank, tile.dim, unit, weights, columns.floats);
    case 4:
      return FirstFloats<4>(stage.rank, tile.dim, unit, weights, columns.floats);
    default:
      HWY_DASSERT(stage.segments == 8);
      return FirstFloats<8>(stage.rank, tile.dim, unit, weights, columns.floats);
  }
}

void SumSecondFloats(const Stage& stage, const SubTile& tile, int q, int first, Columns& columns) {
  if (tile.spread && tile.spread->cells)
    return sum_second_of_spread(stage, tile, q, first / kUnit, columns.floats);
  const auto* weights = reinterpret_cast<const float*>(tile.weights) +
                        static_cast<std::size_t>(q) * stage.segments * tile.units * kUnit;
  const int rank = stage.rank, dim = tile.dim, units = tile.units;
  switch (stage.segments) {
    case 1:
      return SecondFloats<1>(rank, dim, first, units, tile.unit, weights, columns.floats);
    case 2:
      return SecondFloats<2>(rank, dim, first, units, tile.unit, weights, columns.floats);
    case 4:
      return SecondFloats<4>(rank, dim, first, units, tile.unit, weights, columns.floats);
    default:
      HWY_DASSERT(stage.segments == 8);
      return SecondFloats<8>(rank, dim, first, units, tile.unit, weights, columns.floats);
  }
}

// Calls sums(Q, V, query, set) for every query and every set of 16 columns: in batches in bytes, in
// floats all queries of a set after each other.
template <class Sums>
HWY_INLINE void ForEachBatch(bool bytes, int queries, int sets, const Sums& sums) {
  using One = std::integral_constant<int, 1>;
  using Batch = std::integral_constant<int, kBatch>;
  if (!bytes) {
    for (int s = 0; s < sets; ++s)
      for (int q = 0; q < queries; ++q) sums(One(), One(), q, s);
    return;
  }
  int q = 0;
  for (; q + kBatch <= queries; q += kBatch)
    for (int s = 0; s < sets; ++s) sums(Batch(), One(), q, s);
  for (; q < queries; ++q) {
    int s = 0;
    for (; s + kBatch <= sets; s += kBatch) sums(One(), Batch(), q, s);
    for (; s < sets; ++s) sums(One(), One(), q, s);
  }
}

void CopyX(int set, const Columns& columns, float* HWY_RESTRICT to) {
  for (int part = 0; part < kParts; ++part)
    hn::StoreU(hn::Load(kF, columns.x + set * kUnit + part * kN), kF, to + part * kN);
}

void FirstArray(const Stage& stage, const SubTile& tile, Columns& columns) {
  ForEachBatch(
      stage.bytes, tile.queries, tile.units, [&](auto qs, auto vs, int q0, int u0) HWY_ATTR {
        constexpr int Q = decltype(qs)::value, V = decltype(vs)::value;
        if (stage.bytes)
          SumFirst<Q, V>(stage, tile, q0, u0, columns);
        else
          SumFirstFloats(stage, tile, q0, u0, columns);
        Meaning meaning[Q * V];
        for (int q = 0; q < Q; ++q)
          for (int v = 0; v < V; ++v) {
            const Unit& unit = tile.unit[u0 + v];
            const float gain = 1.0f + unit.first_fading * (unit.age + static_cast<float>(q0 + q));
            meaning[q * V + v] = {tile.pulses + q0 + q, gain, unit.first_fading};
          }
        FinishColumns(stage, Q * V, meaning, columns);
        for (int q = 0; q < Q; ++q)
          for (int v = 0; v < V; ++v)
            CopyX(q * V + v, columns, tile.x + ((q0 + q) * tile.units + u0 + v) * kUnit);
      });
}

void SecondArray(const Stage& stage, const SubTile& tile, const Pulses* pulses, Columns& columns) {
  ForEachBatch(
      stage.bytes, tile.queries, tile.dim / kUnit, [&](auto qs, auto vs, int q0, int s0) HWY_ATTR {
        constexpr int Q = decltype(qs)::value, V = decltype(vs)::value;
        if (stage.bytes)
          SumSecond<Q, V>(stage, tile, q0, s0 * kUnit, columns);
        else
          SumSecondFloats(stage, tile, q0, s0 * kUnit, columns);
        Meaning meaning[Q * V];
        for (int i = 0; i < Q * V; ++i) meaning[i] = {pulses + q0 + i / V, 1.0f, 0.0f};
        FinishColumns(stage, Q * V, meaning, columns);
        for (int q = 0; q < Q; ++q)
          for (int v = 0; v < V; ++v)
            CopyX(q * V + v, columns, tile.second_x + (q0 + q) * tile.dim + (s0 + v) * kUnit);
      });
}

void Transfer(const Stage& stage, int n, const float* HWY_RESTRICT x, float* HWY_RESTRICT pulse) {
  const VF zero = hn::Zero(kF);
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
    for (int v = 0; v < 4; ++v) hn::StoreU(y[v], kF, pulse + i + v * kN);
  }
  for (; i < n; i += kN) {
    const VF at = hn::LoadU(kF, x + i);
    VF y = hn::Set(kF, stage.at_low);
    for (int k = 0; k < stage.knots; ++k)
      y = hn::MulAdd(hn::Max(hn::Sub(at, hn::Set(kF, stage.knot[k])), zero),
                     hn::Set(kF, stage.slope[k]), y);
    hn::StoreU(y, kF, pulse + i);
  }
}

// Takes columns that do not count out of the books and off the second array.
void MaskColumns(const SubTile& tile) {
  const VF nowhere = hn::Set(kF, -1e30f);
  for (int i = 0; i < tile.queries * tile.units; ++i) {
    const Lanes lanes = tile.lanes[i];
    if (lanes.first == 0 && lanes.last == kUnit) continue;
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
}

void AddHinges(const Hinges& hinges, int n, const float* HWY_RESTRICT x) {
  const VF top = hn::Set(kF, hinges.node[hinges.nodes - 1]);
  int i = 0;
  for (; i + 4 * kN <= n; i += 4 * kN) {
    VF at[4];
    for (int v = 0; v < 4; ++v) at[v] = hn::Min(hn::LoadU(kF, x + i + v * kN), top);
    for (int k = 0; k < hinges.nodes; ++k) {
      const VF node = hn::Set(kF, hinges.node[k]);
      float* sum = hinges.sum + k * kUnit;
      const VF a = hn::Add(hn::Max(at[0], node), hn::Max(at[1], node));
      const VF b = hn::Add(hn::Max(at[2], node), hn::Max(at[3], node));
      hn::Store(hn::Add(hn::Load(kF, sum), hn::Add(a, b)), kF, sum);
    }
  }
  for (; i < n; i += kN) {
    const VF at = hn::Min(hn::LoadU(kF, x + i), top);
    for (int k = 0; k < hinges.nodes; ++k) {
      float* sum = hinges.sum + k * kUnit;
      hn::Store(hn::Add(hn::Load(kF, sum), hn::Max(at, hn::Set(kF, hinges.node[k]))), kF, sum);
    }
  }
}

// One row's cells by level, to the first half of `to` whole and to the second half by `share`.
HWY_INLINE void AddRow(const std::uint16_t* HWY_RESTRICT counts, float share,
                       float* HWY_RESTRICT to) {
  const hn::Rebind<std::uint16_t, Floats> u16;
  for (int part = 0; part < kParts; ++part) {
    const VF lane = hn::Iota(kF, static_cast<float>(part * kN));
    const VF by = hn::IfThenElse(hn::Lt(lane, hn::Set(kF, static_cast<float>(kLevels))),
                                 hn::Set(kF, 1.0f), hn::Set(kF, share));
    const auto cells =
        kN > kLevels ? hn::LoadDup128(u16, counts) : hn::LoadU(u16, counts + part * kN % kLevels);
    const VF sum = hn::Load(kF, to + part * kN);
    hn::Store(hn::MulAdd(hn::ConvertTo(kF, hn::PromoteTo(kI, cells)), by, sum), kF, to + part * kN);
  }
}

// Reads of the values' cells by pulse; cells without a pulse are left to the caller.
void CountReads(const SubTile& tile, int query) {
  Reads& reads = *tile.reads;
  const VF top = hn::Set(kF, static_cast<float>(reads.steps)), zero = hn::Zero(kF);
  const VF scale = hn::Set(kF, static_cast<float>(reads.steps) * tile.phi_per_pulse);
  const auto last = hn::Set(kI, reads.steps - 1);
  // As many slots at a time as a word has bits.
  constexpr int kUnits = 64 / kUnit;
  HWY_ALIGN std::int32_t node[64];
  HWY_ALIGN float share[64];
  std::int64_t pulses = 0;
  double age_sum_s = 0;
  for (int first = 0; first < tile.units; first += kUnits) {
    const Unit* units = tile.unit + first;
    const int slots = HWY_MIN(kUnits, tile.units - first) * kUnit;
    const float* HWY_RESTRICT phi = tile.phi + (query * tile.units + first) * kUnit;
    std::uint64_t pulsed = 0;
    for (int i = 0; i < slots; i += kN) {
      const VF pulse = hn::LoadU(kF, phi + i);
      const VF at = hn::Min(hn::Mul(pulse, scale), top);
      const VI low = hn::Min(hn::ConvertTo(kI, at), last);
      hn::Store(low, kI, node + i);
      hn::Store(hn::Sub(at, hn::ConvertTo(kF, low)), kF, share + i);
      std::uint8_t bits[8] = {};
      hn::StoreMaskBits(kF, hn::Gt(pulse, zero), bits);
      std::uint64_t word;
      std::memcpy(&word, bits, 8);
      pulsed |= (kN < 8 ? word & ((1u << kN) - 1) : word) << i;
    }
    for (; pulsed != 0; pulsed &= pulsed - 1) {
      const auto i = static_cast<int>(hwy::Num0BitsBelowLS1Bit_Nonzero64(pulsed));
      const Unit& unit = units[i / kUnit];
      const int lane = i % kUnit;
      AddRow(unit.counts + lane * kLevels, share[i],
             reads.count + (lane % kCopies * reads.steps + node[i]) * 2 * kLevels);
      ++pulses;
      age_sum_s += unit.age_s + (query - lane) * reads.period_s;
    }
  }
  reads.pulses += pulses;
  reads.age_sum_s += age_sum_s;
}

// Where gain is not null, row i's pulse counts gain[i] times.
void SetPulsesWithGain(const Stage& stage, int rows, const float* HWY_RESTRICT width,
                       const float* HWY_RESTRICT gain, float* HWY_RESTRICT lasting, void* to,
                       Pulses& pulses) {
  const VF zero = hn::Zero(kF), one = hn::Set(kF, 1.0f), delay = hn::Set(kF, stage.pulse_delay);
  VF longest = zero;
  std::size_t pulsed_rows = 0;
  for (int i = 0; i < rows; i += kN) {
    const VF w = hn::LoadU(kF, width + i);
    const auto pulsed = hn::Gt(w, zero);
    VF lasts = hn::IfThenElseZero(pulsed, hn::Max(hn::Add(w, delay), zero));
    if (gain) lasts = hn::Mul(lasts, hn::LoadU(kF, gain + i));
    hn::StoreU(lasts, kF, lasting + i);
    longest = hn::Max(longest, lasts);
    pulsed_rows += hn::CountTrue(kF, pulsed);
  }
  const float length = hn::GetLane(hn::MaxOfLanes(kF, longest));
  const int segments = stage.segments;
  pulses.weights = to;
  pulses.x = stage.pulse_x * static_cast<float>(pulsed_rows);
  pulses.unit = length / static_cast<float>(segments * (stage.bytes ? kFullWeight : 1));
  for (float& low : pulses.low_unit) low = 0;
  if (length <= 0) {
    std::memset(to, 0, static_cast<std::size_t>(stage.weight_rows()) * rows * stage.weight_bytes());
    return;
  }

  const VF per_segment = hn::Set(kF, static_cast<float>(segments) / length);
  const VF full = hn::Set(kF, static_cast<float>(kFullWeight));
  auto* bytes = static_cast<std::uint8_t*>(to);
  auto* floats = static_cast<float*>(to);
  VF used[kMaxSegments];
  for (VF& sum : used) sum = zero;
  for (int i = 0; i < rows; i += kN) {
    const VF at = hn::Mul(hn::LoadU(kF, lasting + i), per_segment);
    for (int s = 0; s < segments; ++s) {
      const VF share = hn::Min(hn::Max(hn::Sub(at, hn::Set(kF, static_cast<float>(s))), zero), one);
      used[s] = hn::Add(used[s], share);
      if (stage.bytes)
        hn::StoreU(hn::DemoteTo(Narrow{}, hn::NearestInt(hn::Mul(share, full))), Narrow{},
                   bytes + s * rows + i);
      else
        hn::StoreU(share, kF, floats + s * rows + i);
    }
    if (stage.bytes) {
      const VF whole = hn::Mul(hn::LoadU(kF, lasting + i), hn::Set(kF, 255.0f / length));
      hn::StoreU(hn::DemoteTo(Narrow{}, hn::NearestInt(whole)), Narrow{},
                 bytes + segments * rows + i);
    }
  }
  if (!stage.bytes) return;
  float total = 0;
  for (int s = 0; s < segments; ++s) {
    pulses.low_unit[s] = hn::GetLane(hn::SumOfLanes(kF, used[s]));
    total += pulses.low_unit[s];
  }
  for (int s = 0; s < segments; ++s)
    pulses.low_unit[s] *= length / (static_cast<float>(kFullWeight) * kLowPerHigh * total);
}

void SetPulses(const Stage& stage, int rows, const float* width, float* lasting, void* to,
               Pulses& pulses) {
  SetPulsesWithGain(stage, rows, width, nullptr, lasting, to, pulses);
}

void SubTileStep(const Stage& first, const Stage& second, const SubTile& tile) {
  Columns columns;
  const int slots = tile.units * kUnit, all = tile.queries * slots;
  FirstArray(first, tile, columns);
  Transfer(first, all, tile.spread ? first_seen(tile) : tile.x, tile.phi);
  MaskColumns(tile);
  AddHinges(tile.first_hinges, all, tile.x);

  Pulses pulses[kMaxQueries];
  float *width = tile.rows, *gain = width + slots, *lasting = gain + slots;
  const std::size_t stride =
      static_cast<std::size_t>(second.weight_rows()) * slots * second.weight_bytes();
  for (int q = 0; q < tile.queries; ++q) {
    CountReads(tile, q);
    const float* phi = tile.phi + q * slots;
    for (int u = 0; u < tile.units; ++u) {
      const Unit& unit = tile.unit[u];
      const VF fading = hn::Set(kF, unit.second_fading);
      const VF newest = hn::Set(kF, 1.0f + unit.second_fading * (unit.age + static_cast<float>(q)));
      for (int part = 0; part < kParts; ++part) {
        const int at = u * kUnit + part * kN;
        const VF lane = hn::Iota(kF, static_cast<float>(part * kN));
        hn::StoreU(hn::NegMulAdd(fading, lane, newest), kF, gain + at);
        const VF pulse = hn::Mul(hn::LoadU(kF, phi + at), hn::Set(kF, tile.phi_per_pulse));
        hn::StoreU(hn::Min(pulse, hn::Set(kF, 1.0f)), kF, width + at);
      }
    }
    SetPulsesWithGain(second, slots, width, gain, lasting, tile.weights + q * stride, pulses[q]);
  }
  SecondArray(second, tile, pulses, columns);
  const int outputs = tile.queries * tile.dim;
  Transfer(second, outputs, tile.spread ? second_seen(tile) : tile.second_x, tile.second_pulse);
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
  count_output(static_cast<std::size_t>(tile.queries) * tile.dim, tile.second_pulse,
               tile.count_step, tile.total);
}

}  // namespace gaincell::attention::kernels
#endif
