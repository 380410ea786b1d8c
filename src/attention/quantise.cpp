#include "attention/quantise.h"

#include "base/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "attention/quantise.cpp"
#include "hwy/foreach_target.h"  // compiles this file once for every instruction set
//
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace gaincell::attention::kernels {
namespace HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

std::size_t Quantise(std::size_t n, const float* HWY_RESTRICT x, double a, double b, double high,
                     double steps_per_unit, std::uint8_t* HWY_RESTRICT index) {
  const hn::CappedTag<double, 8> d;
  const hn::Rebind<float, decltype(d)> f;
  const hn::Rebind<std::int32_t, decltype(d)> i32;
  const hn::Rebind<std::uint8_t, decltype(d)> u8;
  const std::size_t lanes = hn::Lanes(d);
  const auto va = hn::Set(d, a), vb = hn::Set(d, b), top = hn::Set(d, high);
  const auto scale = hn::Set(d, steps_per_unit);
  const hn::RebindToSigned<decltype(d)> i64;
  auto count = hn::Zero(i64);
  std::size_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    auto y = hn::Add(hn::Mul(va, hn::PromoteTo(d, hn::LoadU(f, x + i))), vb);
    const auto held = hn::Min(hn::Max(y, hn::Zero(d)), top);
    count = hn::Sub(count, hn::VecFromMask(i64, hn::RebindMask(i64, hn::Ne(y, held))));
    y = hn::Round(hn::Mul(held, scale));
    hn::StoreU(hn::DemoteTo(u8, hn::DemoteTo(i32, y)), u8, index + i);
  }
  auto outside = static_cast<std::size_t>(hn::GetLane(hn::SumOfLanes(i64, count)));
  const hn::CappedTag<double, 1> one;
  for (; i < n; ++i) {
    double y = a * static_cast<double>(x[i]) + b;
    outside += y < 0.0 || y > high;
    y = (y < 0.0 ? 0.0 : y > high ? high : y) * steps_per_unit;
    index[i] = static_cast<std::uint8_t>(hn::GetLane(hn::Round(hn::Set(one, y))));
  }
  return outside;
}

void CountOutput(std::size_t n, const float* HWY_RESTRICT pulse, float counts,
                 float* HWY_RESTRICT total) {
  const hn::CappedTag<float, 16> d;
  const std::size_t lanes = hn::Lanes(d);
  const auto one = hn::Set(d, 1.0f), scale = hn::Set(d, counts);
  std::size_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    auto y = hn::Min(hn::Max(hn::LoadU(d, pulse + i), hn::Neg(one)), one);
    if (counts > 0) y = hn::Round(hn::Mul(y, scale));
    hn::StoreU(hn::Add(hn::LoadU(d, total + i), y), d, total + i);
  }
  const hn::CappedTag<float, 1> single;
  for (; i < n; ++i) {
    float y = HWY_MIN(HWY_MAX(pulse[i], -1.0f), 1.0f);
    if (counts > 0) y = hn::GetLane(hn::Round(hn::Set(single, y * counts)));
    total[i] += y;
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace gaincell::attention::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace gaincell::attention::kernels {

HWY_EXPORT(Quantise);
HWY_EXPORT(CountOutput);

std::size_t quantise(std::size_t n, const float* x, double a, double b, double high,
                     double steps_per_unit, std::uint8_t* index) {
  return HWY_DYNAMIC_DISPATCH(Quantise)(n, x, a, b, high, steps_per_unit, index);
}

void count_output(std::size_t n, const float* pulse, float counts, float* total) {
  HWY_DYNAMIC_DISPATCH(CountOutput)(n, pulse, counts, total);
}

}  // namespace gaincell::attention::kernels
#endif
