// From the sums of columns to where they end: x moves with the bitline as it integrates.
// Part of sub_tile.cpp, compiled once for every instruction set.
#if defined(GAINCELL_ATTENTION_FAST_INTEGRATE_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef GAINCELL_ATTENTION_FAST_INTEGRATE_INL_H
#undef GAINCELL_ATTENTION_FAST_INTEGRATE_INL_H
#else
#define GAINCELL_ATTENTION_FAST_INTEGRATE_INL_H
#endif

#include "attention/fast/kernels.h"
#include "attention/fast/vectors-inl.h"

HWY_BEFORE_NAMESPACE();
namespace gaincell::attention::kernels {
namespace HWY_NAMESPACE {

// Sums of bytes are taken for so many sets of 16 columns at a time: of one unit under several
// queries, or of several units under one. What the registers hold.
constexpr int kUnitBatch = HWY_TARGET <= HWY_AVX3 ? 4 : 2;
template <int G>
constexpr int kQueryBatch = G == 1 ? 2 * kUnitBatch : kUnitBatch;
constexpr int kBatch = 2 * kUnitBatch;  // at most

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

// A closed form, of G segments and as many ranks.
template <int G>
class ClosedForm {
 public:
  static constexpr int kSums = G * G;

  HWY_INLINE explicit ClosedForm(const Stage& stage)
      : k_(stage.form),
        low_(hn::Set(kF, kClosedReach * stage.x_low)),
        high_(hn::Set(kF, kClosedReach * stage.x_high)) {}

  // sum[rank][segment]; offset: what lacks in those of rank 0; unit: of time and digits.
  HWY_INLINE VF End(const VI (&sum)[kSums], const VF (&offset)[G], const VF (&unit)[G],
                    VF start) const {
    const auto k = [&](int i) HWY_ATTR { return hn::Set(kF, k_[i]); };
    const auto held = [&](VF x) HWY_ATTR { return hn::Min(hn::Max(x, low_), high_); };
    const auto charge = [&](int r, int g) HWY_ATTR {
      const VF digits = hn::ConvertTo(kF, sum[r * G + g]);
      return hn::Mul(r == 0 ? hn::Add(digits, offset[g]) : digits, unit[g]);
    };
    const VF first = hn::MulAdd(charge(0, 0), k(0), start);
    const VF end = G == 1 ? first : hn::MulAdd(charge(0, G - 1), k(0), first);
    const VF c = held(end), c2 = hn::Mul(c, c);
    const VF x = hn::MulAdd(c2, hn::MulAdd(c, k(2), k(1)), end);
    if constexpr (G == 1) return x;
    const VF a = held(first), a2 = hn::Mul(a, a);
    const VF early = hn::Mul(a, hn::MulAdd(a2, k(4), k(3)));
    VF late = hn::MulAdd(hn::Mul(c, a), k(8), hn::MulAdd(c2, k(7), k(6)));
    late = hn::MulAdd(c, late, hn::Mul(a, k(5)));
    return hn::MulAdd(charge(1, 0), early, hn::MulAdd(charge(1, 1), late, x));
  }

 private:
  const float* k_;
  VF low_, high_;
};

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

}  // namespace HWY_NAMESPACE
}  // namespace gaincell::attention::kernels
HWY_AFTER_NAMESPACE();

#endif
