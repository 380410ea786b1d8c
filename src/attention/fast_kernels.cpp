#include "attention/fast_kernels.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "attention/fast_kernels.cpp"
#include "hwy/foreach_target.h"  // compiles this file once for every instruction set
//
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace gaincell::attention::kernels {
namespace HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

using Floats = hn::CappedTag<float, kLanes>;
using Ints = hn::RebindToSigned<Floats>;
using Bytes = hn::Rebind<std::uint8_t, Floats>;
using VF = hn::Vec<Floats>;
constexpr Floats kF{};
constexpr Ints kI{};
constexpr int kN = static_cast<int>(hn::MaxLanes(Floats{}));
constexpr int kVectors = 4;  // columns integrate so many vectors at a time, to fill the pipes

const char* InstructionSet() { return hwy::TargetName(HWY_TARGET); }

// Level table in a register where one holds it, else in memory.
struct LevelTable {
#if HWY_TARGET == HWY_AVX2 || HWY_TARGET <= HWY_AVX3
  VF entries;
  HWY_INLINE void load(const float* from) { entries = hn::LoadU(kF, from); }
  HWY_INLINE VF at(hn::Vec<Ints> level) const {
    return hn::TableLookupLanes(entries, hn::IndicesFromVec(kF, level));
  }
#else
  const float* entries;
  HWY_INLINE void load(const float* from) { entries = from; }
  HWY_INLINE VF at(hn::Vec<Ints> level) const { return hn::GatherIndex(kF, entries, level); }
#endif
};

HWY_INLINE hn::Vec<Ints> LoadLevels(const std::uint8_t* from) {
  return hn::PromoteTo(kI, hn::LoadU(Bytes{}, from));
}

// sums[vector][0: all rows, 1 + segment][rank][lane] -> x[vector][lane]; gain may be null.
template <int R, int P, int G>
HWY_INLINE void IntegrateGroup(const Stage& stage, int used, const float* HWY_RESTRICT sums,
                               const float* HWY_RESTRICT gain, float* HWY_RESTRICT x_out) {
  const VF low = hn::Set(kF, stage.x_low), high = hn::Set(kF, stage.x_high);
  const VF half = hn::Set(kF, 0.5f);
  const std::size_t vector_stride = static_cast<std::size_t>(stage.segments + 1) * R * kN;
  VF x[G];
  for (int g = 0; g < G; ++g) {
    x[g] = hn::Zero(kF);
    for (int r = 0; r < R; ++r)
      x[g] = hn::MulAdd(hn::Load(kF, sums + g * vector_stride + r * kN), hn::Set(kF, stage.edge[r]),
                        x[g]);
    if (gain) x[g] = hn::Mul(x[g], hn::LoadU(kF, gain + g * kN));
  }
  for (int segment = 0; segment < used; ++segment) {
    const float* HWY_RESTRICT w = stage.polynomial + segment * R * (P + 1);
    const float* HWY_RESTRICT sum = sums + static_cast<std::size_t>(segment + 1) * R * kN;
    VF a[G][P + 1];
    for (int g = 0; g < G; ++g)
      for (int r = 0; r < R; ++r) {
        VF c = hn::Load(kF, sum + g * vector_stride + r * kN);
        if (gain) c = hn::Mul(c, hn::LoadU(kF, gain + g * kN));
        for (int p = 0; p <= P; ++p) {
          const VF wp = hn::Set(kF, w[r * (P + 1) + p]);
          a[g][p] = r == 0 ? hn::Mul(c, wp) : hn::MulAdd(c, wp, a[g][p]);
        }
      }
    const auto increment = [&](int g, VF at) HWY_ATTR {
      VF y = a[g][P];
      if (P > 0) {
        at = hn::Min(hn::Max(at, low), high);
        for (int p = P - 1; p >= 0; --p) y = hn::MulAdd(y, at, a[g][p]);
      }
      return y;
    };
    if (P == 0) {
      for (int g = 0; g < G; ++g) x[g] = hn::Add(x[g], a[g][0]);
    } else {
      VF middle[G];
      for (int g = 0; g < G; ++g) middle[g] = hn::MulAdd(half, increment(g, x[g]), x[g]);
      for (int g = 0; g < G; ++g) x[g] = hn::Add(x[g], increment(g, middle[g]));
    }
  }
  for (int g = 0; g < G; ++g) hn::StoreU(x[g], kF, x_out + g * kN);
}

template <int R, int P>
HWY_NOINLINE void Integrate(const Stage& stage, int used, int vectors, const float* sums,
                            const float* gain, float* x) {
  const std::size_t stride = static_cast<std::size_t>(stage.segments + 1) * R * kN;
  int v = 0;
  for (; v + kVectors <= vectors; v += kVectors)
    IntegrateGroup<R, P, kVectors>(stage, used, sums + v * stride, gain ? gain + v * kN : nullptr,
                                   x + v * kN);
  for (; v < vectors; ++v)
    IntegrateGroup<R, P, 1>(stage, used, sums + v * stride, gain ? gain + v * kN : nullptr,
                            x + v * kN);
}

template <int R>
HWY_INLINE void IntegrateAnyDegree(const Stage& stage, int used, int vectors, const float* sums,
                                   const float* gain, float* x) {
  if (stage.degree == 0) return Integrate<R, 0>(stage, used, vectors, sums, gain, x);
  if (stage.degree == 3) return Integrate<R, 3>(stage, used, vectors, sums, gain, x);
  HWY_DASSERT(stage.degree == 5);
  return Integrate<R, 5>(stage, used, vectors, sums, gain, x);
}

void Transfer(const Stage& stage, int n, const float* HWY_RESTRICT x, float* HWY_RESTRICT pulse) {
  const VF low = hn::Set(kF, stage.transfer_low), scale = hn::Set(kF, stage.transfer_per_x);
  // The last whole interval starts one node before the end.
  const VF top = hn::Set(kF, static_cast<float>(stage.transfer_nodes - 1));
  const auto last = hn::Set(kI, stage.transfer_nodes - 2);
  for (int i = 0; i < n; i += kN) {
    VF at = hn::Mul(hn::Sub(hn::LoadU(kF, x + i), low), scale);
    at = hn::Min(hn::Max(at, hn::Zero(kF)), top);
    const auto node = hn::Min(hn::ConvertTo(kI, at), last);
    const VF rest = hn::Sub(at, hn::ConvertTo(kF, node));
    const VF left = hn::GatherIndex(kF, stage.transfer, node);
    const VF right = hn::GatherIndex(kF, stage.transfer + 1, node);
    hn::StoreU(hn::MulAdd(rest, hn::Sub(right, left), left), kF, pulse + i);
  }
}

// Sums of one vector of slots under one run's tables, segment by segment.
template <int R, bool kWhole, class Store>
HWY_INLINE void SumSlots(const Rows& rows, const std::uint8_t* HWY_RESTRICT levels,
                         std::size_t stride, const float* HWY_RESTRICT tables, Store store) {
  LevelTable table[R];
  VF all[R], sum[R];
  for (int r = 0; r < R; ++r) {
    table[r].load(tables + r * kTableStride);
    all[r] = hn::Zero(kF);
  }
  for (int segment = rows.used - 1; segment >= 0; --segment) {
    for (int r = 0; r < R; ++r) sum[r] = all[r];
    for (int i = rows.begin[segment]; i < rows.begin[segment + 1]; ++i) {
      const auto level = LoadLevels(levels + rows.row[i] * stride);
      const VF share = hn::Set(kF, kWhole ? 1.0f : rows.share[i]);
      for (int r = 0; r < R; ++r) {
        const VF u = table[r].at(level);
        if (!kWhole) sum[r] = hn::MulAdd(u, share, sum[r]);
        all[r] = hn::Add(all[r], u);
      }
    }
    for (int r = 0; r < R; ++r) store(segment + 1, r, kWhole ? all[r] : sum[r]);
  }
  for (int r = 0; r < R; ++r) store(0, r, all[r]);
}

constexpr int kMaxVectors = 8;  // of columns summed before they are integrated

template <int R>
void FirstArrayRank(const Stage& stage, const Rows& rows, const std::uint8_t* HWY_RESTRICT levels,
                    std::size_t stride, int slots, int runs, const Run* run,
                    const float* HWY_RESTRICT tables, const float* HWY_RESTRICT gain,
                    float* HWY_RESTRICT x, float* HWY_RESTRICT pulse) {
  HWY_ALIGN float sums[kMaxVectors * (kMaxSegments + 1) * R * kN];
  const std::size_t vector_stride = static_cast<std::size_t>(stage.segments + 1) * R * kN;
  for (int begin = 0; begin < slots; begin += kMaxVectors * kN) {
    const int end = HWY_MIN(slots, begin + kMaxVectors * kN);
    for (int first = begin; first < end; first += kN) {
      float* HWY_RESTRICT to = sums + (first - begin) / kN * vector_stride;
      for (int i = 0; i < runs; ++i) {
        if (run[i].last <= first || run[i].first >= first + kN) continue;
        const float* run_tables = tables + static_cast<std::size_t>(i) * R * kTableStride;
        if (run[i].first <= first && run[i].last >= first + kN) {
          const auto store = [&](int segment, int r, VF sum)
                                 HWY_ATTR { hn::Store(sum, kF, to + (segment * R + r) * kN); };
          if (rows.whole)
            SumSlots<R, true>(rows, levels + first, stride, run_tables, store);
          else
            SumSlots<R, false>(rows, levels + first, stride, run_tables, store);
          continue;
        }
        // The run covers some lanes only; the others keep what other runs put there.
        const auto lane = hn::Iota(kF, static_cast<float>(first));
        const auto mine = hn::And(hn::Ge(lane, hn::Set(kF, static_cast<float>(run[i].first))),
                                  hn::Lt(lane, hn::Set(kF, static_cast<float>(run[i].last))));
        const bool fresh = i == 0 || run[i - 1].last <= first;  // nobody wrote this vector yet
        const auto store = [&](int segment, int r, VF sum) HWY_ATTR {
          float* at = to + (segment * R + r) * kN;
          hn::Store(hn::IfThenElse(mine, sum, fresh ? hn::Zero(kF) : hn::Load(kF, at)), kF, at);
        };
        if (rows.whole)
          SumSlots<R, true>(rows, levels + first, stride, run_tables, store);
        else
          SumSlots<R, false>(rows, levels + first, stride, run_tables, store);
      }
    }
    IntegrateAnyDegree<R>(stage, rows.used, (end - begin) / kN, sums, gain + begin, x + begin);
  }
  Transfer(stage, slots, x, pulse);
}

template <int R>
void SecondArrayRank(const Stage& stage, const Rows& rows, const std::uint8_t* HWY_RESTRICT levels,
                     int dim, const std::uint16_t* HWY_RESTRICT table_of,
                     const float* HWY_RESTRICT tables, const float* HWY_RESTRICT gain,
                     float* HWY_RESTRICT x, float* HWY_RESTRICT pulse) {
  HWY_ALIGN float sums[kMaxVectors * (kMaxSegments + 1) * R * kN];
  const std::size_t vector_stride = static_cast<std::size_t>(stage.segments + 1) * R * kN;
  for (int begin = 0; begin < dim; begin += kMaxVectors * kN) {
    const int end = HWY_MIN(dim, begin + kMaxVectors * kN);
    for (int first = begin; first < end; first += kN) {
      float* HWY_RESTRICT to = sums + (first - begin) / kN * vector_stride;
      VF all[R], sum[R];
      for (int r = 0; r < R; ++r) all[r] = hn::Zero(kF);
      for (int segment = rows.used - 1; segment >= 0; --segment) {
        for (int r = 0; r < R; ++r) sum[r] = all[r];
        for (int i = rows.begin[segment]; i < rows.begin[segment + 1]; ++i) {
          const int row = rows.row[i];
          const auto level = LoadLevels(levels + static_cast<std::size_t>(row) * dim + first);
          const float* HWY_RESTRICT row_tables = tables + table_of[row] * (R * kTableStride);
          const VF g = hn::Set(kF, gain[row]), gs = hn::Set(kF, gain[row] * rows.share[i]);
          for (int r = 0; r < R; ++r) {
            LevelTable table;
            table.load(row_tables + r * kTableStride);
            const VF u = table.at(level);
            sum[r] = hn::MulAdd(u, gs, sum[r]);
            all[r] = hn::MulAdd(u, g, all[r]);
          }
        }
        for (int r = 0; r < R; ++r) hn::Store(sum[r], kF, to + ((segment + 1) * R + r) * kN);
      }
      for (int r = 0; r < R; ++r) hn::Store(all[r], kF, to + r * kN);
    }
    IntegrateAnyDegree<R>(stage, rows.used, (end - begin) / kN, sums, nullptr, x + begin);
  }
  Transfer(stage, dim, x, pulse);
}

void FirstArray(const Stage& stage, const Rows& rows, const std::uint8_t* levels,
                std::size_t stride, int slots, int runs, const Run* run, const float* tables,
                const float* gain, float* x, float* pulse) {
  switch (stage.rank) {
    case 1:
      return FirstArrayRank<1>(stage, rows, levels, stride, slots, runs, run, tables, gain, x,
                               pulse);
    case 2:
      return FirstArrayRank<2>(stage, rows, levels, stride, slots, runs, run, tables, gain, x,
                               pulse);
    case 3:
      return FirstArrayRank<3>(stage, rows, levels, stride, slots, runs, run, tables, gain, x,
                               pulse);
    default:
      return FirstArrayRank<4>(stage, rows, levels, stride, slots, runs, run, tables, gain, x,
                               pulse);
  }
}

void SecondArray(const Stage& stage, const Rows& rows, const std::uint8_t* levels, int dim,
                 const std::uint16_t* table_of, const float* tables, const float* gain, float* x,
                 float* pulse) {
  switch (stage.rank) {
    case 1:
      return SecondArrayRank<1>(stage, rows, levels, dim, table_of, tables, gain, x, pulse);
    case 2:
      return SecondArrayRank<2>(stage, rows, levels, dim, table_of, tables, gain, x, pulse);
    case 3:
      return SecondArrayRank<3>(stage, rows, levels, dim, table_of, tables, gain, x, pulse);
    default:
      return SecondArrayRank<4>(stage, rows, levels, dim, table_of, tables, gain, x, pulse);
  }
}

void Quantise(std::size_t n, const float* HWY_RESTRICT x, double a, double b, double high,
              double steps_per_unit, std::uint8_t* HWY_RESTRICT index) {
  const hn::CappedTag<double, 8> d;
  const hn::Rebind<float, decltype(d)> f;
  const hn::Rebind<std::int32_t, decltype(d)> i32;
  const std::size_t lanes = hn::Lanes(d);
  const auto va = hn::Set(d, a), vb = hn::Set(d, b), top = hn::Set(d, high);
  const auto scale = hn::Set(d, steps_per_unit);
  std::int32_t rounded[8];
  std::size_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    auto y = hn::Add(hn::Mul(va, hn::PromoteTo(d, hn::LoadU(f, x + i))), vb);
    y = hn::Round(hn::Mul(hn::Min(hn::Max(y, hn::Zero(d)), top), scale));
    hn::StoreU(hn::DemoteTo(i32, y), i32, rounded);
    for (std::size_t l = 0; l < lanes; ++l) index[i + l] = static_cast<std::uint8_t>(rounded[l]);
  }
  const hn::CappedTag<double, 1> one;
  for (; i < n; ++i) {
    double y = a * static_cast<double>(x[i]) + b;
    y = (y < 0.0 ? 0.0 : y > high ? high : y) * steps_per_unit;
    index[i] = static_cast<std::uint8_t>(hn::GetLane(hn::Round(hn::Set(one, y))));
  }
}

void HingeSums(std::size_t n, const float* HWY_RESTRICT x, int nodes,
               const float* HWY_RESTRICT node, double* HWY_RESTRICT sum) {
  const VF top = hn::Set(kF, node[nodes - 1]);
  for (int k = 0; k < nodes; ++k) {
    const VF from = hn::Set(kF, node[k]);
    VF total = hn::Zero(kF);
    std::size_t i = 0;
    for (; i + kN <= n; i += kN)
      total =
          hn::Add(total, hn::Max(hn::Sub(hn::Min(hn::LoadU(kF, x + i), top), from), hn::Zero(kF)));
    float rest = hn::GetLane(hn::SumOfLanes(kF, total));
    for (; i < n; ++i) rest += HWY_MAX(0.0f, HWY_MIN(x[i], node[nodes - 1]) - node[k]);
    sum[k] += static_cast<double>(rest);
  }
}

void CountOutput(std::size_t n, const float* HWY_RESTRICT pulse, float step,
                 float* HWY_RESTRICT total) {
  const VF one = hn::Set(kF, 1.0f), per_step = hn::Set(kF, step > 0 ? 1.0f / step : 0.0f);
  std::size_t i = 0;
  for (; i + kN <= n; i += kN) {
    VF y = hn::Min(hn::Max(hn::LoadU(kF, pulse + i), hn::Neg(one)), one);
    if (step > 0) y = hn::Mul(hn::Round(hn::Mul(y, per_step)), hn::Set(kF, step));
    hn::StoreU(hn::Add(hn::LoadU(kF, total + i), y), kF, total + i);
  }
  const hn::CappedTag<float, 1> single;
  for (; i < n; ++i) {
    float y = HWY_MIN(HWY_MAX(pulse[i], -1.0f), 1.0f);
    if (step > 0) y = hn::GetLane(hn::Round(hn::Set(single, y * (1.0f / step)))) * step;
    total[i] += y;
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace gaincell::attention::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace gaincell::attention::kernels {

HWY_EXPORT(InstructionSet);
HWY_EXPORT(Quantise);
HWY_EXPORT(FirstArray);
HWY_EXPORT(SecondArray);
HWY_EXPORT(HingeSums);
HWY_EXPORT(CountOutput);

const char* instruction_set() { return HWY_DYNAMIC_DISPATCH(InstructionSet)(); }

void quantise(std::size_t n, const float* x, double a, double b, double high, double steps_per_unit,
              std::uint8_t* index) {
  HWY_DYNAMIC_DISPATCH(Quantise)(n, x, a, b, high, steps_per_unit, index);
}

void first_array(const Stage& stage, const Rows& rows, const std::uint8_t* levels,
                 std::size_t stride, int slots, int runs, const Run* run, const float* tables,
                 const float* gain, float* x, float* pulse) {
  HWY_DYNAMIC_DISPATCH(FirstArray)
  (stage, rows, levels, stride, slots, runs, run, tables, gain, x, pulse);
}

void second_array(const Stage& stage, const Rows& rows, const std::uint8_t* levels, int dim,
                  const std::uint16_t* table_of, const float* tables, const float* gain, float* x,
                  float* pulse) {
  HWY_DYNAMIC_DISPATCH(SecondArray)
  (stage, rows, levels, dim, table_of, tables, gain, x, pulse);
}

void hinge_sums(std::size_t n, const float* x, int nodes, const float* node, double* sum) {
  HWY_DYNAMIC_DISPATCH(HingeSums)(n, x, nodes, node, sum);
}

void count_output(std::size_t n, const float* pulse, float step, float* total) {
  HWY_DYNAMIC_DISPATCH(CountOutput)(n, pulse, step, total);
}

}  // namespace gaincell::attention::kernels
#endif
