#pragma once

#include <gtest/gtest.h>
#include <hwy/targets.h>

#include <cmath>
#include <utility>
#include <vector>

#include "attention/analog.h"
#include "tests/attention/inputs.h"

namespace gaincell::attention {

// Pulses out of both converters of the last `tokens` tokens.
struct Pulses {
  std::vector<double> first, second;
};

inline Pulses pulses_of_last(Analog& analog, const Inputs& in, int tokens) {
  Pulses pulses;
  analog.observe([&](std::int64_t token, int) { return token >= in.tokens - tokens; },
                 [&](const StepTrace& trace) {
                   pulses.first.insert(pulses.first.end(), trace.phi_s.begin(), trace.phi_s.end());
                   pulses.second.insert(pulses.second.end(), trace.second_pulse_s.begin(),
                                        trace.second_pulse_s.end());
                 });
  run(analog, in);
  return pulses;
}

// rms over what is not NaN in both; NaN must agree.
inline double rms_difference(const std::vector<double>& a, const std::vector<double>& b) {
  EXPECT_EQ(a.size(), b.size());
  constexpr double kTMax = 15e-9;
  double squares = 0, n = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    EXPECT_EQ(std::isnan(a[i]), std::isnan(b[i])) << i;
    if (std::isnan(a[i])) continue;
    squares += std::pow((a[i] - b[i]) / kTMax, 2);
    ++n;
  }
  return n > 0 ? std::sqrt(squares / n) : 0;
}

// Instruction sets with a kernel that this machine runs; names as in FastReport.
inline std::vector<std::pair<std::int64_t, const char*>> instruction_sets() {
  hwy::SetSupportedTargetsForTest(0);
  std::vector<std::pair<std::int64_t, const char*>> sets;
#if HWY_ARCH_X86
  const std::int64_t here = hwy::SupportedTargets();
  if (here & HWY_AVX3_DL) sets.emplace_back(HWY_AVX3_DL, "AVX3_DL");
  if (here & HWY_AVX3) sets.emplace_back(HWY_AVX3, "AVX3");
  if (here & HWY_AVX2) sets.emplace_back(HWY_AVX2, "AVX2");
#endif
  sets.emplace_back(HWY_EMU128, "EMU128");
  return sets;
}

}  // namespace gaincell::attention
