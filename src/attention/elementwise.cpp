#include "attention/elementwise.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

#include "base/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "attention/elementwise.cpp"
#include "hwy/foreach_target.h"  // compiles this file once for every instruction set
//
#include "hwy/contrib/math/math-inl.h"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace gaincell::attention {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using Whole = hn::ScalableTag<float>;
using One = hn::CappedTag<float, 1>;

// work(d, i) for all of 0 .. n: whole vectors first, then one by one.
template <class Work>
HWY_INLINE void ForAll(std::size_t n, const Work& work) {
  const Whole whole;
  const std::size_t step = hn::Lanes(whole);
  std::size_t i = 0;
  for (; i + step <= n; i += step) work(whole, i);
  for (; i < n; ++i) work(One(), i);
}

// Highway's exp(x) is for -104 (below it, 0) to 104, and for numbers: it makes an integer of x.
constexpr float kLeastExponent = -105, kMostExponent = 88;

// exp(x) for x of any size; of NaN any number.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V LargeExp(D d, V x) {
  const V number = hn::IfThenZeroElse(hn::IsNaN(x), x);
  return hn::Exp(d,
                 hn::Max(hn::Min(number, hn::Set(d, kMostExponent)), hn::Set(d, kLeastExponent)));
}

// exp(x), x not above 0, or NaN.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V ExpOrNaN(D d, V x) {
  const auto is_nan = hn::IsNaN(x);
  const V number = hn::IfThenZeroElse(is_nan, x);
  return hn::IfThenElse(is_nan, x, hn::Exp(d, hn::Max(number, hn::Set(d, kLeastExponent))));
}

void GeluTanh(std::size_t n, float* HWY_RESTRICT values) {
  // 0.5 (1 + tanh(u)) = 1 / (1 + exp(-2 u)).
  const float scale = static_cast<float>(-2 * std::sqrt(2 / std::numbers::pi));
  ForAll(n, [&](auto d, std::size_t i) HWY_ATTR {
    const auto x = hn::LoadU(d, values + i), one = hn::Set(d, 1.0f);
    const auto inner = hn::MulAdd(hn::Mul(x, x), hn::Set(d, 0.044715f), one);
    const auto e = LargeExp(d, hn::Mul(hn::Mul(x, inner), hn::Set(d, scale)));
    hn::StoreU(hn::Div(x, hn::Add(one, e)), d, values + i);
  });
}

void Silu(std::size_t n, float* HWY_RESTRICT values) {
  ForAll(n, [&](auto d, std::size_t i) HWY_ATTR {
    const auto x = hn::LoadU(d, values + i), one = hn::Set(d, 1.0f);
    hn::StoreU(hn::Div(x, hn::Add(one, LargeExp(d, hn::Neg(x)))), d, values + i);
  });
}

float Highest(std::size_t n, const float* HWY_RESTRICT values) {
  const Whole d;
  const std::size_t step = hn::Lanes(d);
  auto most = hn::Set(d, values[0]);
  auto nan = hn::Zero(d);  // becomes NaN where an element is: x - x is 0 or NaN; inf counts too
  std::size_t i = 0;
  bool found = false;
  for (; i + step <= n; i += step) {
    const auto x = hn::LoadU(d, values + i);
    most = hn::Max(most, x);
    nan = hn::Or(nan, hn::VecFromMask(d, hn::IsNaN(x)));
  }
  float result = hn::GetLane(hn::MaxOfLanes(d, most));
  found = !hn::AllFalse(d, hn::IsNaN(nan));
  for (; i < n; ++i) {
    result = std::max(result, values[i]);
    found = found || std::isnan(values[i]);
  }
  return found ? std::numeric_limits<float>::quiet_NaN() : result;
}

double SumOfExp(std::size_t n, const float* HWY_RESTRICT values, float from) {
  // Single precision over this many elements at a time.
  constexpr std::size_t kBlock = 512;
  double total = 0;
  const Whole d;
  const std::size_t step = hn::Lanes(d);
  for (std::size_t begin = 0; begin < n; begin += kBlock) {
    const std::size_t end = std::min(begin + kBlock, n);
    const auto at = hn::Set(d, from);
    auto sum = hn::Zero(d);
    std::size_t i = begin;
    for (; i + step <= end; i += step)
      sum = hn::Add(sum, ExpOrNaN(d, hn::Sub(hn::LoadU(d, values + i), at)));
    total += static_cast<double>(hn::GetLane(hn::SumOfLanes(d, sum)));
    for (; i < end; ++i)
      total += static_cast<double>(hn::GetLane(
          ExpOrNaN(One(), hn::Sub(hn::LoadU(One(), values + i), hn::Set(One(), from)))));
  }
  return total;
}

void Softmax(std::size_t n, float scale, float* HWY_RESTRICT values) {
  const float most = Highest(n, values);
  ForAll(n, [&](auto d, std::size_t i) HWY_ATTR {
    const auto below = hn::Sub(hn::LoadU(d, values + i), hn::Set(d, most));
    hn::StoreU(ExpOrNaN(d, hn::Mul(below, hn::Set(d, scale))), d, values + i);
  });
  const Whole d;
  const std::size_t step = hn::Lanes(d);
  auto sum = hn::Zero(d);
  std::size_t k = 0;
  for (; k + step <= n; k += step) sum = hn::Add(sum, hn::LoadU(d, values + k));
  float total = hn::GetLane(hn::SumOfLanes(d, sum));
  for (; k < n; ++k) total += values[k];
  const float by = 1 / total;
  ForAll(n, [&](auto e, std::size_t i) HWY_ATTR {
    hn::StoreU(hn::Mul(hn::LoadU(e, values + i), hn::Set(e, by)), e, values + i);
  });
}

template <class D>
HWY_INLINE auto ScaledBack(D d, float scale, float zero, const float* HWY_RESTRICT offset,
                           const float* HWY_RESTRICT y) {
  return hn::Mul(hn::Set(d, scale),
                 hn::NegMulAdd(hn::Set(d, zero), hn::LoadU(d, offset), hn::LoadU(d, y)));
}

void ScaleBack(std::size_t n, float scale, float zero, const float* offset, float* y) {
  ForAll(n, [&](auto d, std::size_t i)
                HWY_ATTR { hn::StoreU(ScaledBack(d, scale, zero, offset + i, y + i), d, y + i); });
}

void AddScaledBack(std::size_t n, float scale, float zero, const float* offset, const float* y,
                   float* to) {
  ForAll(n, [&](auto d, std::size_t i) HWY_ATTR {
    hn::StoreU(hn::Add(hn::LoadU(d, to + i), ScaledBack(d, scale, zero, offset + i, y + i)), d,
               to + i);
  });
}

ByteScale ToBytes(std::size_t n, const float* HWY_RESTRICT values, std::uint8_t* HWY_RESTRICT to) {
  const Whole d;
  const std::size_t step = hn::Lanes(d);
  auto least = hn::Zero(d), most = hn::Zero(d), finite = hn::Zero(d);
  std::size_t k = 0;
  for (; k + step <= n; k += step) {
    const auto x = hn::LoadU(d, values + k);
    least = hn::Min(least, x);
    most = hn::Max(most, x);
    finite = hn::Add(finite, hn::Sub(x, x));  // 0, or NaN
  }
  float low = hn::GetLane(hn::MinOfLanes(d, least)), high = hn::GetLane(hn::MaxOfLanes(d, most));
  float check = hn::GetLane(hn::SumOfLanes(d, finite));
  for (; k < n; ++k) {
    low = std::min(low, values[k]);
    high = std::max(high, values[k]);
    check += values[k] - values[k];
  }
  if (std::isnan(check)) {
    std::fill_n(to, n, std::uint8_t{0});
    return {std::numeric_limits<float>::quiet_NaN(), 0};
  }
  if (!(high - low > 0)) {
    std::fill_n(to, n, std::uint8_t{0});
    return {0, 0};
  }
  const float scale = high / 255 - low / 255, steps = 1 / scale;
  const float zero = std::nearbyint(-low * steps);
  ForAll(n, [&](auto e, std::size_t i) HWY_ATTR {
    const hn::Rebind<std::uint8_t, decltype(e)> bytes;
    const auto at = hn::MulAdd(hn::LoadU(e, values + i), hn::Set(e, steps), hn::Set(e, zero));
    hn::StoreU(hn::DemoteTo(bytes, hn::NearestInt(at)), bytes, to + i);
  });
  return {scale, zero};
}

}  // namespace HWY_NAMESPACE
}  // namespace gaincell::attention
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace gaincell::attention {

HWY_EXPORT(GeluTanh);
HWY_EXPORT(Silu);
HWY_EXPORT(Highest);
HWY_EXPORT(SumOfExp);
HWY_EXPORT(Softmax);
HWY_EXPORT(ScaleBack);
HWY_EXPORT(AddScaledBack);
HWY_EXPORT(ToBytes);

void gelu_tanh(std::size_t n, float* x) { HWY_DYNAMIC_DISPATCH(GeluTanh)(n, x); }
void silu(std::size_t n, float* x) { HWY_DYNAMIC_DISPATCH(Silu)(n, x); }
float highest(std::size_t n, const float* x) { return HWY_DYNAMIC_DISPATCH(Highest)(n, x); }
double sum_of_exp(std::size_t n, const float* x, float from) {
  return HWY_DYNAMIC_DISPATCH(SumOfExp)(n, x, from);
}
void softmax(std::size_t n, float scale, float* x) { HWY_DYNAMIC_DISPATCH(Softmax)(n, scale, x); }
void scale_back(std::size_t n, float scale, float zero, const float* offset, float* y) {
  HWY_DYNAMIC_DISPATCH(ScaleBack)(n, scale, zero, offset, y);
}
void add_scaled_back(std::size_t n, float scale, float zero, const float* offset, const float* y,
                     float* to) {
  HWY_DYNAMIC_DISPATCH(AddScaledBack)(n, scale, zero, offset, y, to);
}
ByteScale to_bytes(std::size_t n, const float* x, std::uint8_t* bytes) {
  return HWY_DYNAMIC_DISPATCH(ToBytes)(n, x, bytes);
}

}  // namespace gaincell::attention
#endif
