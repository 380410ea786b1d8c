#include "lut/contraction.h"

#include <bit>
#include <utility>

#include "base/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "lut/contraction.cpp"
#include "hwy/foreach_target.h"  // compiles this file once for every instruction set
//
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace gaincell::lut {
namespace HWY_NAMESPACE {

// Sums over axis A and all later ones: `out` gets what a node then has left, the value and its
// derivatives along the cubic axes before A. Bit a of Cubic: axis a is cubic. All sizes are
// constants, so everything unrolls into vector instructions once it is inlined, which gcc does not
// do by itself.
template <std::size_t N, unsigned Cubic, std::size_t A>
HWY_INLINE void sum_from(const double* at, const std::size_t* stride, const Weights* weights,
                         double* out) {
  constexpr std::size_t kLeft = std::size_t{1} << std::popcount(Cubic & ((1u << A) - 1));
  constexpr bool kIsCubic = (Cubic >> A & 1u) != 0;
  const Weights& w = weights[A];
  const double* lower = at + w.index * stride[A];
  const double* upper = lower + stride[A];
  double lower_sum[2 * kLeft], upper_sum[2 * kLeft];
  if constexpr (A + 1 < N) {
    sum_from<N, Cubic, A + 1>(lower, stride, weights, lower_sum);
    sum_from<N, Cubic, A + 1>(upper, stride, weights, upper_sum);
    lower = lower_sum;
    upper = upper_sum;
  }
  // The analyzer does not see that each recursion fills its 2 * kLeft sums.
  // NOLINTBEGIN(clang-analyzer-core.*)
  for (std::size_t k = 0; k < kLeft; ++k) {
    out[k] = w.lower * lower[k] + w.upper * upper[k];
    if constexpr (kIsCubic)
      out[k] += w.lower_slope * lower[kLeft + k] + w.upper_slope * upper[kLeft + k];
  }
  // NOLINTEND(clang-analyzer-core.*)
}

template <std::size_t N, unsigned Cubic>
void sum_all(const double* coefficients, const std::size_t* stride, const Weights* weights,
             std::size_t places, double* values) {
  for (std::size_t i = 0; i < places; ++i)
    sum_from<N, Cubic, 0>(coefficients, stride, weights + i * N, values + i);
}

template <std::size_t N, unsigned... Cubic>
Contraction choose(unsigned cubic, std::integer_sequence<unsigned, Cubic...>) {
  constexpr Contraction kSums[] = {sum_all<N, Cubic>...};
  return kSums[cubic];
}

Contraction ContractionFor(std::size_t dimensions, unsigned cubic) {
  switch (dimensions) {
    case 1:
      return choose<1>(cubic, std::make_integer_sequence<unsigned, 2>());
    case 2:
      return choose<2>(cubic, std::make_integer_sequence<unsigned, 4>());
    case 3:
      return choose<3>(cubic, std::make_integer_sequence<unsigned, 8>());
    case 4:
      return choose<4>(cubic, std::make_integer_sequence<unsigned, 16>());
    default:
      return choose<5>(cubic, std::make_integer_sequence<unsigned, 32>());
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace gaincell::lut
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace gaincell::lut {

HWY_EXPORT(ContractionFor);

Contraction contraction_for(std::size_t dimensions, unsigned cubic) {
  return HWY_DYNAMIC_DISPATCH(ContractionFor)(dimensions, cubic);
}

}  // namespace gaincell::lut
#endif
