// The books of a sub-tile: columns by where they end, and reads of values by level and pulse.
// Part of sub_tile.cpp, compiled once for every instruction set.
#if defined(GAINCELL_ATTENTION_FAST_COUNT_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef GAINCELL_ATTENTION_FAST_COUNT_INL_H
#undef GAINCELL_ATTENTION_FAST_COUNT_INL_H
#else
#define GAINCELL_ATTENTION_FAST_COUNT_INL_H
#endif

#include "attention/fast/kernels.h"
#include "attention/fast/vectors-inl.h"

HWY_BEFORE_NAMESPACE();
namespace gaincell::attention::kernels {
namespace HWY_NAMESPACE {

using Shorts = hn::Repartition<std::uint16_t, Floats>;
using VW = hn::Vec<Shorts>;
constexpr Shorts kW{};

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

// Rows of a sub-tile with a pulse: which, where the node below their pulse stands in Reads::count,
// and the share that the node above has.
struct PulsedRows {
  static constexpr int kMost = 256;  // rows at a time, so that few branches are missed
  HWY_ALIGN std::int32_t row[kMost + kUnit], to[kMost];
  HWY_ALIGN float share[kMost];

  // Puts n of them on the nodes; row 0 is the first of `unit`.
  HWY_INLINE void deposit(std::size_t n, const Unit* HWY_RESTRICT unit,
                          float* HWY_RESTRICT count) const {
    const LevelCounts f;
    for (std::size_t k = 0; k < n; ++k) {
      const auto at = static_cast<std::size_t>(row[k]);
      const std::uint16_t* counts = unit[at / kUnit].counts + at % kUnit * kLevels;
      for (int i = 0; i < kLevels; i += kCountLanes) {
        const auto cells = RowCounts(counts, i);
        const auto above = hn::Mul(cells, hn::Set(f, share[at]));
        float* node = count + to[at] + i;
        hn::Store(hn::Add(hn::Load(f, node), hn::Sub(cells, above)), f, node);
        hn::Store(hn::Add(hn::Load(f, node + kNodeFloats), above), f, node + kNodeFloats);
      }
    }
  }
};

// One query's reads, row by row, each put on the two nodes around its pulse.
void CountRows(const SubTile& tile, int query) {
  Reads& reads = *tile.reads;
  const VF top = hn::Set(kF, static_cast<float>(reads.steps)), zero = hn::Zero(kF);
  const VF scale = hn::Set(kF, static_cast<float>(reads.steps) * tile.phi_per_pulse);
  const VI last = hn::Set(kI, reads.steps - 1);
  static_assert(kNodeFloats == 1 << 6 && kLevels == 1 << 3);  // below
  const VI copies = hn::Set(kI, kReadCopies - 1);
  PulsedRows rows;
  VI lane_sum = hn::Zero(kI);
  std::int64_t pulses = 0;
  double age_sum_s = 0;
  constexpr int kUnits = PulsedRows::kMost / kUnit;
  for (int begin = 0; begin < tile.units; begin += kUnits) {
    const int units = HWY_MIN(kUnits, tile.units - begin);
    const float* HWY_RESTRICT phi = tile.phi + (query * tile.units + begin) * kUnit;
    std::size_t n = 0;
    for (int u = 0; u < units; ++u) {
      std::size_t before = n;
      for (int i = 0; i < kUnit; i += kN) {
        const VF pulse = hn::LoadU(kF, phi + u * kUnit + i);
        const VF at = hn::Min(hn::Mul(pulse, scale), top);
        const auto has_pulse = hn::Gt(pulse, zero);
        const auto has_pulse_i = hn::RebindMask(kI, has_pulse);
        const VI node = hn::Min(hn::ConvertTo(kI, at), last), lane = hn::Iota(kI, i);
        const VI copy = hn::And(lane, copies);
        hn::Store(hn::Add(hn::ShiftLeft<6>(node), hn::ShiftLeft<3>(copy)), kI,
                  rows.to + u * kUnit + i);
        hn::Store(hn::Sub(at, hn::ConvertTo(kF, node)), kF, rows.share + u * kUnit + i);
        hn::StoreU(hn::Compress(hn::Add(lane, hn::Set(kI, u * kUnit)), has_pulse_i), kI,
                   rows.row + n);
        lane_sum = hn::Add(lane_sum, hn::IfThenElseZero(has_pulse_i, lane));
        n += hn::CountTrue(kF, has_pulse);
      }
      age_sum_s +=
          static_cast<double>(n - before) * (tile.unit[begin + u].age_s + query * reads.period_s);
    }
    pulses += static_cast<std::int64_t>(n);
    rows.deposit(n, tile.unit + begin, reads.count);
  }
  reads.pulses += pulses;
  reads.age_sum_s += age_sum_s - hn::GetLane(hn::SumOfLanes(kI, lane_sum)) * reads.period_s;
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

}  // namespace HWY_NAMESPACE
}  // namespace gaincell::attention::kernels
HWY_AFTER_NAMESPACE();

#endif
