// Mismatch and noise of the fast level.
#include "attention/fast/spread_kernels.h"

#include <type_traits>

#include "base/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "attention/fast/spread_kernels.cpp"
#include "hwy/foreach_target.h"  // compiles this file once for every instruction set
//
#include "attention/fast/vectors-inl.h"
#include "hwy/contrib/math/math-inl.h"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace gaincell::attention::kernels {
namespace HWY_NAMESPACE {

using Words = hn::RebindToUnsigned<Floats>;
using VW = hn::Vec<Words>;
constexpr Words kW{};

// u_r and u'_r by level.
template <class Table>
struct ValueAndSlope {
  Table value, slope;
};

// Cells of one array: byte `row % 4` of the 16 words at `row / 4 * stride` is row's.
struct Cells {
  const std::uint8_t* level;
  const std::int8_t *gain, *offset;
  std::size_t stride;
};

template <int K>
HWY_INLINE VI SignedByte(VI four) {
  return hn::ShiftRight<24>(hn::ShiftLeft<24 - 8 * K>(four));
}

template <int R, class Table, int K = 0>
HWY_INLINE void SpreadFour(VI level, VI gain, VI offset, VF gain_step,
                           const ValueAndSlope<Table> (&table)[R], const bool* wanted,
                           float* HWY_RESTRICT u) {
  if (wanted[K]) {
    const VI at = hn::And(hn::ShiftRight<8 * K>(level), hn::Set(kI, 255));
    const VF by = hn::MulAdd(hn::ConvertTo(kF, SignedByte<K>(gain)), gain_step, hn::Set(kF, 1.0f));
    const VF steps = hn::ConvertTo(kF, SignedByte<K>(offset));
    for (int r = 0; r < R; ++r)
      hn::Store(hn::Mul(hn::MulAdd(table[r].slope.at(at), steps, table[r].value.at(at)), by), kF,
                u + (K * R + r) * kUnit);
  }
  if constexpr (K < 3)
    SpreadFour<R, Table, K + 1>(level, gain, offset, gain_step, table, wanted, u);
}

// Pulses on an array's rows: [query][segments][rows], a query's `stride` after the one before.
struct Weights {
  const float* of_query[kMaxQueries];
  int queries, segments;
  std::size_t rows;
};

// Tables of the unit's four groups: rank r's values in plane r, its slopes in plane `rank` + r.
struct UnitTables {
  const std::byte* at;
  std::size_t plane;
  int rank;

  const float* values(int r, int group) const { return entry(r, group); }
  const float* slopes(int r, int group) const { return entry(rank + r, group); }

 private:
  const float* entry(int row, int group) const {
    return reinterpret_cast<const float*>(at + row * plane + group * Stage::kFloatEntry);
  }
};

// u[row][R][kUnit] of the rows from `first` on that have a pulse under any query. Groups are of
// columns (Table = GroupTables, the first array) or of rows (OneTable, the second).
template <int R, class Table>
HWY_NOINLINE void SpreadCells(int rows, const Cells& cells, const UnitTables& tables,
                              float gain_step, const Weights& weights, std::size_t first,
                              float* HWY_RESTRICT u) {
  constexpr bool kGroupsOfRows = std::is_same_v<Table, OneTable>;
  for (int part = 0; part < kParts; ++part) {
    ValueAndSlope<Table> table[R];
    if constexpr (!kGroupsOfRows)
      for (int r = 0; r < R; ++r) {
        table[r].value.load(tables.values(r, 0), part);
        table[r].slope.load(tables.slopes(r, 0), part);
      }
    const std::size_t in_part = static_cast<std::size_t>(part) * kN * 4;
    for (int row = 0; row < rows; row += 4) {
      if constexpr (kGroupsOfRows)
        for (int r = 0; r < R; ++r) {
          table[r].value.load(tables.values(r, row / kGroup));
          table[r].slope.load(tables.slopes(r, row / kGroup));
        }
      bool wanted[4] = {};
      for (int q = 0; q < weights.queries; ++q)
        for (int i = 0; i < 4; ++i) wanted[i] |= weights.of_query[q][first + row + i] != 0;
      const std::size_t at = row / 4 * cells.stride + in_part;
      const auto words = [&](const void* from) HWY_ATTR {
        return hn::BitCast(kI, hn::LoadU(kW, static_cast<const std::uint32_t*>(from)));
      };
      SpreadFour<R>(words(cells.level + at), words(cells.gain + at), words(cells.offset + at),
                    hn::Set(kF, gain_step), table, wanted,
                    u + (first + row) * R * kUnit + part * kN);
    }
  }
}

template <class Table>
HWY_INLINE void SpreadCellsOfRank(int rows, const Cells& cells, const UnitTables& tables,
                                  float gain_step, const Weights& weights, std::size_t first,
                                  float* HWY_RESTRICT u) {
  switch (tables.rank) {
    case 1:
      return SpreadCells<1, Table>(rows, cells, tables, gain_step, weights, first, u);
    case 2:
      return SpreadCells<2, Table>(rows, cells, tables, gain_step, weights, first, u);
    case 3:
      return SpreadCells<3, Table>(rows, cells, tables, gain_step, weights, first, u);
    default:
      return SpreadCells<4, Table>(rows, cells, tables, gain_step, weights, first, u);
  }
}

// Even and odd rows apart, so that an addition need not wait for the one before.
template <int G>
HWY_NOINLINE void SumRows(int rank, std::size_t rows, const float* HWY_RESTRICT weights,
                          const float* HWY_RESTRICT u, float* HWY_RESTRICT sums) {
  for (int part = 0; part < kParts; ++part)
    for (int r = 0; r < rank; ++r) {
      VF even[G], odd[G];
      for (int g = 0; g < G; ++g) even[g] = odd[g] = hn::Zero(kF);
      const auto add = [&](std::size_t row, VF(&to)[G]) HWY_ATTR {
        if (weights[row] == 0) return;
        const VF of_row = hn::Load(kF, u + (row * rank + r) * kUnit + part * kN);
        for (int g = 0; g < G; ++g)
          to[g] = hn::MulAdd(of_row, hn::Set(kF, weights[g * rows + row]), to[g]);
      };
      for (std::size_t row = 0; row < rows; row += 2) {
        add(row, even);
        add(row + 1, odd);
      }
      for (int g = 0; g < G; ++g)
        hn::Store(hn::Add(even[g], odd[g]), kF, sums + (r * G + g) * kUnit + part * kN);
    }
}

HWY_INLINE void SumSegments(const Stage& stage, std::size_t rows, const float* weights,
                            const float* u, float* sums) {
  switch (stage.segments) {
    case 1:
      return SumRows<1>(stage.rank, rows, weights, u, sums);
    case 2:
      return SumRows<2>(stage.rank, rows, weights, u, sums);
    case 4:
      return SumRows<4>(stage.rank, rows, weights, u, sums);
    default:
      HWY_DASSERT(stage.segments == 8);
      return SumRows<8>(stage.rank, rows, weights, u, sums);
  }
}

void SumFirst(const Stage& stage, const SubTile& tile, int query, int u, float* sums) {
  const SpreadTile& spread = *tile.spread;
  if (query == 0) {
    Weights weights{{}, tile.queries, stage.segments, static_cast<std::size_t>(tile.dim)};
    for (int q = 0; q < tile.queries; ++q)
      weights.of_query[q] = static_cast<const float*>(tile.pulses[q].weights);
    const CellSpread& cells = spread.cells[u];
    SpreadCellsOfRank<GroupTables>(tile.dim,
                                   {tile.unit[u].keys, cells.key_gain, cells.key_offset, kUnit * 4},
                                   {tile.unit[u].first_table, tile.first_plane, stage.rank},
                                   spread.gain_step, weights, 0, spread.u);
  }
  SumSegments(stage, tile.dim, static_cast<const float*>(tile.pulses[query].weights), spread.u,
              sums);
}

void SumSecond(const Stage& stage, const SubTile& tile, int query, int set, float* sums) {
  const SpreadTile& spread = *tile.spread;
  const std::size_t rows = static_cast<std::size_t>(tile.units) * kUnit;
  const auto* all = reinterpret_cast<const float*>(tile.weights);
  if (query == 0) {
    Weights weights{{}, tile.queries, stage.segments, rows};
    for (int q = 0; q < tile.queries; ++q) weights.of_query[q] = all + q * stage.segments * rows;
    for (int i = 0; i < tile.units; ++i) {
      const CellSpread& cells = spread.cells[i];
      const std::size_t first = static_cast<std::size_t>(set) * kUnit * 4;
      SpreadCellsOfRank<OneTable>(
          kUnit,
          {tile.unit[i].values + first, cells.value_gain + first, cells.value_offset + first,
           static_cast<std::size_t>(tile.dim) * 4},
          {tile.unit[i].second_table, tile.second_plane, stage.rank}, spread.gain_step, weights,
          static_cast<std::size_t>(i) * kUnit, spread.u);
    }
  }
  SumSegments(stage, rows, all + query * stage.segments * rows, spread.u, sums);
}

HWY_INLINE VW Mix(VW x) {
  x = hn::Mul(hn::Xor(x, hn::ShiftRight<16>(x)), hn::Set(kW, 0x7feb352du));
  x = hn::Mul(hn::Xor(x, hn::ShiftRight<15>(x)), hn::Set(kW, 0x846ca68bu));
  return hn::Xor(x, hn::ShiftRight<16>(x));
}

// Inside (0, 1).
HWY_INLINE VF Unit01(VW bits) {
  const VF whole = hn::ConvertTo(kF, hn::BitCast(kI, hn::ShiftRight<9>(bits)));
  return hn::Mul(hn::Add(whole, hn::Set(kF, 0.5f)), hn::Set(kF, 0x1.0p-23f));
}

// noise_at, to a float's rounding.
HWY_INLINE VF Noise(VW low, VW high, TokenNoise token) {
  const VF length = hn::Log(kF, Unit01(Mix(hn::Add(low, hn::Set(kW, token.low)))));
  const VF turn = Unit01(Mix(hn::Add(high, hn::Set(kW, token.high))));
  return hn::Mul(hn::Sqrt(hn::Mul(length, hn::Set(kF, -2.0f))),
                 hn::Cos(kF, hn::Mul(turn, hn::Set(kF, 6.28318530717958648f))));
}

HWY_NOINLINE void See(const Converters& converters, int n, float noise_x, TokenNoise token,
                      const float* HWY_RESTRICT x, float* HWY_RESTRICT seen) {
  for (int i = 0; i < n; i += kN) {
    VF y = hn::MulAdd(hn::LoadU(kF, x + i), hn::LoadU(kF, converters.gain + i),
                      hn::LoadU(kF, converters.offset + i));
    if (noise_x > 0)
      y = hn::MulAdd(
          Noise(hn::LoadU(kW, converters.low + i), hn::LoadU(kW, converters.high + i), token),
          hn::Set(kF, noise_x), y);
    hn::StoreU(y, kF, seen + i);
  }
}

void FirstSeen(const SubTile& tile) {
  const SpreadTile& spread = *tile.spread;
  for (int q = 0; q < tile.queries; ++q)
    for (int u = 0; u < tile.units; ++u) {
      const int at = (q * tile.units + u) * kUnit;
      See(spread.first[u], kUnit, spread.first_noise_x, spread.first_noise[q], tile.x + at,
          spread.seen + at);
    }
}

void SecondSeen(const SubTile& tile) {
  const SpreadTile& spread = *tile.spread;
  for (int q = 0; q < tile.queries; ++q)
    See(spread.second, tile.dim, spread.second_noise_x, spread.second_noise[q],
        tile.second_x + q * tile.dim, spread.seen + q * tile.dim);
}

}  // namespace HWY_NAMESPACE
}  // namespace gaincell::attention::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace gaincell::attention::kernels {

HWY_EXPORT(SumFirst);
HWY_EXPORT(SumSecond);
HWY_EXPORT(FirstSeen);
HWY_EXPORT(SecondSeen);

void sum_first_of_spread(const Stage& stage, const SubTile& tile, int query, int unit,
                         float* sums) {
  HWY_DYNAMIC_DISPATCH(SumFirst)(stage, tile, query, unit, sums);
}

void sum_second_of_spread(const Stage& stage, const SubTile& tile, int query, int set,
                          float* sums) {
  HWY_DYNAMIC_DISPATCH(SumSecond)(stage, tile, query, set, sums);
}

const float* first_seen(const SubTile& tile) {
  HWY_DYNAMIC_DISPATCH(FirstSeen)(tile);
  return tile.spread->seen;
}

const float* second_seen(const SubTile& tile) {
  HWY_DYNAMIC_DISPATCH(SecondSeen)(tile);
  return tile.spread->seen;
}

}  // namespace gaincell::attention::kernels
#endif
