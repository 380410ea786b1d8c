#include "attention/fast/kernels.h"

#include "base/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "attention/fast/kernels.cpp"
#include "hwy/foreach_target.h"  // compiles this file once for every instruction set
//
#include "attention/fast/vectors-inl.h"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace gaincell::attention::kernels {
namespace HWY_NAMESPACE {

void ScaleOutput(std::size_t n, const float* HWY_RESTRICT total, double a, double b,
                 float* HWY_RESTRICT out) {
  const hn::CappedTag<double, 8> d;
  const hn::Rebind<float, decltype(d)> f;
  const std::size_t lanes = hn::Lanes(d);
  const auto va = hn::Set(d, a), vb = hn::Set(d, b);
  std::size_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    const auto y = hn::Add(hn::Mul(va, hn::PromoteTo(d, hn::LoadU(f, total + i))), vb);
    hn::StoreU(hn::DemoteTo(f, y), f, out + i);
  }
  for (; i < n; ++i) out[i] = static_cast<float>(a * static_cast<double>(total[i]) + b);
}

void CountLevels(std::size_t n, const std::uint8_t* HWY_RESTRICT level,
                 std::uint16_t* HWY_RESTRICT count) {
  const hn::CappedTag<std::uint8_t, 64> d;
  const std::size_t lanes = hn::Lanes(d);
  for (int l = 0; l < kLevels; ++l) {
    const auto wanted = hn::Set(d, static_cast<std::uint8_t>(l));
    std::size_t found = 0, i = 0;
    for (; i + lanes <= n; i += lanes)
      found += hn::CountTrue(d, hn::Eq(hn::LoadU(d, level + i), wanted));
    for (; i < n; ++i) found += level[i] == l;
    count[l] = static_cast<std::uint16_t>(found);
  }
}

using LevelCounts = hn::CappedTag<std::int32_t, kLevels>;

HWY_ALIGN constexpr std::int32_t kOneOf[kLevels][kLevels] = {
    {1, 0, 0, 0, 0, 0, 0, 0}, {0, 1, 0, 0, 0, 0, 0, 0}, {0, 0, 1, 0, 0, 0, 0, 0},
    {0, 0, 0, 1, 0, 0, 0, 0}, {0, 0, 0, 0, 1, 0, 0, 0}, {0, 0, 0, 0, 0, 1, 0, 0},
    {0, 0, 0, 0, 0, 0, 1, 0}, {0, 0, 0, 0, 0, 0, 0, 1}};

template <bool kOverwrites>
HWY_INLINE void CountKeyReadsOf(int dim, const std::uint8_t* HWY_RESTRICT old_key,
                                const std::uint8_t* HWY_RESTRICT key,
                                const std::uint8_t* HWY_RESTRICT q,
                                std::int32_t* HWY_RESTRICT counts,
                                std::int32_t* HWY_RESTRICT reads) {
  constexpr LevelCounts kD{};
  constexpr int kLanes = static_cast<int>(hn::MaxLanes(kD));
  static_assert(kReadCopies == 8 && kUnit % kReadCopies == 0);
  for (int d = 0; d < dim; d += kReadCopies, counts += kReadCopies * kLevels)
    for (int copy = 0; copy < kReadCopies; ++copy) {
      std::int32_t* HWY_RESTRICT to = reads + (q[d + copy] * kReadCopies + copy) * kLevels;
      std::int32_t* HWY_RESTRICT count = counts + copy * kLevels;
      const std::int32_t* HWY_RESTRICT more = kOneOf[key[d + copy]];
      const std::int32_t* HWY_RESTRICT less = kOneOf[0];
      if (kOverwrites) less = kOneOf[old_key[(d + copy / 4 * 4) * kUnit + copy % 4]];
      for (int i = 0; i < kLevels; i += kLanes) {
        auto row = hn::Add(hn::Load(kD, count + i), hn::Load(kD, more + i));
        if (kOverwrites) row = hn::Sub(row, hn::Load(kD, less + i));
        hn::Store(row, kD, count + i);
        hn::Store(hn::Add(hn::Load(kD, to + i), row), kD, to + i);
      }
    }
}

void CountKeyReads(int dim, const std::uint8_t* old_key, const std::uint8_t* key,
                   const std::uint8_t* q, std::int32_t* counts, std::int32_t* reads) {
  if (old_key)
    CountKeyReadsOf<true>(dim, old_key, key, q, counts, reads);
  else
    CountKeyReadsOf<false>(dim, nullptr, key, q, counts, reads);
}

void StoreLevels(std::size_t n, const std::uint8_t* HWY_RESTRICT level, int offset,
                 std::uint8_t* HWY_RESTRICT to) {
  const hn::CappedTag<std::uint32_t, kUnit> d;
  const hn::Rebind<std::uint8_t, decltype(d)> narrow;
  const std::size_t lanes = hn::Lanes(d);
  const auto others = hn::Set(d, ~(0xffu << (8 * offset)));
  const auto times = hn::Set(d, 1u << (8 * offset));
  auto* HWY_RESTRICT words = reinterpret_cast<std::uint32_t*>(to);
  for (std::size_t i = 0; i < n; i += lanes) {
    const auto old = hn::And(hn::LoadU(d, words + i), others);
    const auto here = hn::Mul(hn::PromoteTo(d, hn::LoadU(narrow, level + i)), times);
    hn::StoreU(hn::Or(old, here), d, words + i);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace gaincell::attention::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace gaincell::attention::kernels {

HWY_EXPORT(ScaleOutput);
HWY_EXPORT(CountLevels);
HWY_EXPORT(CountKeyReads);
HWY_EXPORT(StoreLevels);

void count_levels(std::size_t n, const std::uint8_t* level, std::uint16_t* count) {
  HWY_DYNAMIC_DISPATCH(CountLevels)(n, level, count);
}

void count_key_reads(int dim, const std::uint8_t* old_key, const std::uint8_t* key,
                     const std::uint8_t* q, std::int32_t* counts, std::int32_t* reads) {
  HWY_DYNAMIC_DISPATCH(CountKeyReads)(dim, old_key, key, q, counts, reads);
}

void store_levels(std::size_t n, const std::uint8_t* level, int offset, std::uint8_t* words) {
  HWY_DYNAMIC_DISPATCH(StoreLevels)(n, level, offset, words);
}

void scale_output(std::size_t n, const float* total, double a, double b, float* out) {
  HWY_DYNAMIC_DISPATCH(ScaleOutput)(n, total, a, b, out);
}

}  // namespace gaincell::attention::kernels
#endif
