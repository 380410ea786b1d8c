// Sub-tiles of the fast level: both arrays, from pulses on the rows to pulses out of the counter.
#include <iterator>
#include <type_traits>
#include <utility>

#include "attention/fast/kernels.h"
#include "attention/fast/spread_kernels.h"
#include "attention/quantise.h"
#include "base/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "attention/fast/sub_tile.cpp"
#include "hwy/foreach_target.h"  // compiles this file once for every instruction set
//
#include "attention/fast/closed_form-inl.h"
#include "attention/fast/column_sums-inl.h"
#include "attention/fast/count-inl.h"
#include "attention/fast/integrate-inl.h"
#include "attention/fast/pulses-inl.h"
#include "attention/fast/vectors-inl.h"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace gaincell::attention::kernels {
namespace HWY_NAMESPACE {

const char* InstructionSet() { return hwy::TargetName(HWY_TARGET); }

// Calls sum(G) with the number of segments, which is one of `Kernels`: a constant to compile for.
template <const auto& Kernels, class Sum>
HWY_INLINE void WithSegments(int segments, const Sum& sum) {
  [[maybe_unused]] const bool found = [&]<std::size_t... I>(std::index_sequence<I...>) HWY_ATTR {
    return ((segments == Kernels[I] && (sum(std::integral_constant<int, Kernels[I]>()), true)) ||
            ...);
  }
  (std::make_index_sequence<std::size(Kernels)>());
  HWY_DASSERT(found);
}

void SumFirstFloats(const Stage& stage, const SubTile& tile, int q, int u, Columns& columns) {
  if (tile.spread && tile.spread->cells)
    return sum_first_of_spread(stage, tile, q, u, columns.floats);
  const auto* weights = static_cast<const float*>(tile.pulses[q].weights);
  WithSegments<kFloatSegments>(stage.segments, [&](auto g) HWY_ATTR {
    FirstFloats<decltype(g)::value>(stage.rank, tile, tile.unit[u], weights, columns.floats);
  });
}

void SumSecondFloats(const Stage& stage, const SubTile& tile, int q, int first, Columns& columns) {
  if (tile.spread && tile.spread->cells)
    return sum_second_of_spread(stage, tile, q, first / kUnit, columns.floats);
  const auto* weights = reinterpret_cast<const float*>(tile.weights) +
                        static_cast<std::size_t>(q) * stage.segments * tile.units * kUnit;
  WithSegments<kFloatSegments>(stage.segments, [&](auto g) HWY_ATTR {
    SecondFloats<decltype(g)::value>(stage.rank, tile, first, weights, columns.floats);
  });
}

// Calls sum(G, Q, V, query, set) so that every query meets every set of 16 columns.
template <const auto& Kernels, class SumBatch>
HWY_INLINE void ForEachBatch(int segments, int queries, int sets, const SumBatch& sum) {
  WithSegments<Kernels>(segments, [&](auto g) HWY_ATTR {
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
  });
}

void FirstArray(const Stage& stage, const SubTile& tile, Columns& columns) {
  const auto finish = [&](int queries, int units, int q0, int u0) HWY_ATTR {
    Meaning meaning[kBatch];
    for (int q = q0, i = 0; q < q0 + queries; ++q)
      for (int u = u0; u < u0 + units; ++u, ++i)
        meaning[i] = {.pulses = tile.pulses + q,
                      .fading = tile.unit[u].first_fading,
                      .query = static_cast<float>(q),
                      .beyond = tile.beyond_table,
                      .x = tile.x + (q * tile.units + u) * kUnit};
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
  if (stage.closed())
    return ForEachBatch<kClosedSegments>(
        stage.segments, tile.queries, tile.units,
        [&](auto g, auto qs, auto vs, int q, int u) HWY_ATTR {
          FirstClosed<decltype(g)::value, decltype(qs)::value, decltype(vs)::value>(stage, tile, q,
                                                                                    u);
        });
  ForEachBatch<kByteSegments>(
      stage.segments, tile.queries, tile.units,
      [&](auto g, auto qs, auto vs, int q, int u) HWY_ATTR {
        constexpr int G = decltype(g)::value, Q = decltype(qs)::value, V = decltype(vs)::value;
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
        meaning[i] = {.pulses = pulses + q,
                      .fading = 0,
                      .query = 0,
                      .beyond = tile.beyond_table,
                      .x = tile.second_x + q * tile.dim + s * kUnit};
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
  if (stage.closed())
    return ForEachBatch<kClosedSegments>(
        stage.segments, tile.queries, sets, [&](auto g, auto qs, auto vs, int q, int s) HWY_ATTR {
          SecondClosed<decltype(g)::value, decltype(qs)::value, decltype(vs)::value>(stage, tile,
                                                                                     pulses, q, s);
        });
  ForEachBatch<kByteSegments>(
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

std::vector<std::int64_t> instruction_sets() { return hwy::SupportedAndGeneratedTargets(); }

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
