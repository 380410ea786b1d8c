// Level tables of floats for the vector code: kernels::Unit's, entry by entry. Compiled once for
// every instruction set.
#if defined(GAINCELL_ATTENTION_FAST_TABLES_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef GAINCELL_ATTENTION_FAST_TABLES_INL_H
#undef GAINCELL_ATTENTION_FAST_TABLES_INL_H
#else
#define GAINCELL_ATTENTION_FAST_TABLES_INL_H
#endif

#include "attention/fast_kernels.h"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace gaincell::attention::kernels {
namespace HWY_NAMESPACE {

using TableFloats = hwy::HWY_NAMESPACE::CappedTag<float, kUnit>;
using TableInts = hwy::HWY_NAMESPACE::RebindToSigned<TableFloats>;
using TableValues = hwy::HWY_NAMESPACE::Vec<TableFloats>;
using TableLevels = hwy::HWY_NAMESPACE::Vec<TableInts>;

// Those of the groups that a vector's columns belong to: part `part` of a unit's.
class GroupTables {
  static constexpr TableFloats kF{};
  static constexpr TableInts kI{};

 public:
#if HWY_TARGET <= HWY_AVX3
  HWY_INLINE void load(const float* from, int /*part*/) {
    low_ = hwy::HWY_NAMESPACE::LoadU(kF, from);
    high_ = hwy::HWY_NAMESPACE::LoadU(kF, from + kUnit);
  }
  HWY_INLINE TableValues at(TableLevels level) const {
    return TableValues{_mm512_permutex2var_ps(low_.raw, entry(level).raw, high_.raw)};
  }

 private:
  TableValues low_, high_;
#else
  HWY_INLINE void load(const float* from, int part) {
    constexpr int kLanes = static_cast<int>(hwy::HWY_NAMESPACE::MaxLanes(kF));
    entries_ = from + part * (kLanes / kGroup) * kLevels;
  }
  HWY_INLINE TableValues at(TableLevels level) const {
    return hwy::HWY_NAMESPACE::GatherIndex(kF, entries_, entry(level));
  }

 private:
  const float* entries_;
#endif
  static HWY_INLINE TableLevels entry(TableLevels level) {
    namespace hn = hwy::HWY_NAMESPACE;
    const auto group = hn::ShiftRight<2>(hn::Iota(kI, 0));
    static_assert(kGroup == 4 && kLevels == 8);
    return hn::Add(level, hn::ShiftLeft<3>(group));
  }
};

// One group's under all columns, in a register where one holds it. May read 32 bytes beyond it.
class OneTable {
  static constexpr TableFloats kF{};

 public:
#if HWY_TARGET == HWY_AVX2 || HWY_TARGET <= HWY_AVX3
  HWY_INLINE void load(const float* from) { entries_ = hwy::HWY_NAMESPACE::LoadU(kF, from); }
  HWY_INLINE TableValues at(TableLevels level) const {
    namespace hn = hwy::HWY_NAMESPACE;
    return hn::TableLookupLanes(entries_, hn::IndicesFromVec(kF, level));
  }

 private:
  TableValues entries_;
#else
  HWY_INLINE void load(const float* from) { entries_ = from; }
  HWY_INLINE TableValues at(TableLevels level) const {
    return hwy::HWY_NAMESPACE::GatherIndex(kF, entries_, level);
  }

 private:
  const float* entries_;
#endif
};

}  // namespace HWY_NAMESPACE
}  // namespace gaincell::attention::kernels
HWY_AFTER_NAMESPACE();

#endif
