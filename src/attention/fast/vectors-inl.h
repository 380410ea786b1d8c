// What the fast level's vector code shares: its vectors of 16 columns, and level tables of floats
// (kernels::Unit's, entry by entry). Compiled once for every instruction set.
#if defined(GAINCELL_ATTENTION_FAST_VECTORS_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef GAINCELL_ATTENTION_FAST_VECTORS_INL_H
#undef GAINCELL_ATTENTION_FAST_VECTORS_INL_H
#else
#define GAINCELL_ATTENTION_FAST_VECTORS_INL_H
#endif

#include "attention/fast/kernels.h"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace gaincell::attention::kernels {
namespace HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

using Floats = hn::CappedTag<float, kUnit>;
using Ints = hn::RebindToSigned<Floats>;
using VF = hn::Vec<Floats>;
using VI = hn::Vec<Ints>;
constexpr Floats kF{};
constexpr Ints kI{};
constexpr int kN = static_cast<int>(hn::MaxLanes(Floats{}));
constexpr int kParts = kUnit / kN;  // vectors that hold 16 columns

// From here on floats are whole numbers: a sum with it is rounded to one, half to even.
constexpr float kWholeFrom = 3 << 22;
HWY_INLINE VI WholePart(VF beyond) {
  return hn::Sub(hn::BitCast(kI, beyond), hn::BitCast(kI, hn::Set(kF, kWholeFrom)));
}
// The nearest whole number of one of at most 2^22. hn::NearestInt looks after larger ones, which
// takes as long again and more.
HWY_INLINE VI Nearest(VF x) { return WholePart(hn::Add(x, hn::Set(kF, kWholeFrom))); }

// Those of the groups that a vector's columns belong to: part `part` of a unit's.
class GroupTables {
 public:
#if HWY_TARGET <= HWY_AVX3
  HWY_INLINE void load(const float* from, int /*part*/) {
    low_ = hn::LoadU(kF, from);
    high_ = hn::LoadU(kF, from + kUnit);
  }
  HWY_INLINE VF at(VI level) const {
    return VF{_mm512_permutex2var_ps(low_.raw, entry(level).raw, high_.raw)};
  }

 private:
  VF low_, high_;
#else
  HWY_INLINE void load(const float* from, int part) {
    entries_ = from + part * (kN / kGroup) * kLevels;
  }
  HWY_INLINE VF at(VI level) const { return hn::GatherIndex(kF, entries_, entry(level)); }

 private:
  const float* entries_;
#endif
  static HWY_INLINE VI entry(VI level) {
    const auto group = hn::ShiftRight<2>(hn::Iota(kI, 0));
    static_assert(kGroup == 4 && kLevels == 8);
    return hn::Add(level, hn::ShiftLeft<3>(group));
  }
};

// One group's under all columns, in a register where one holds it. May read 32 bytes beyond it.
class OneTable {
 public:
#if HWY_TARGET == HWY_AVX2 || HWY_TARGET <= HWY_AVX3
  HWY_INLINE void load(const float* from) { entries_ = hn::LoadU(kF, from); }
  HWY_INLINE VF at(VI level) const {
    return hn::TableLookupLanes(entries_, hn::IndicesFromVec(kF, level));
  }

 private:
  VF entries_;
#else
  HWY_INLINE void load(const float* from) { entries_ = from; }
  HWY_INLINE VF at(VI level) const { return hn::GatherIndex(kF, entries_, level); }

 private:
  const float* entries_;
#endif
};

}  // namespace HWY_NAMESPACE
}  // namespace gaincell::attention::kernels
HWY_AFTER_NAMESPACE();

#endif
