#pragma once

#include <gtest/gtest.h>
#include <hwy/targets.h>

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "attention/analog.h"
#include "attention/fast/kernels.h"
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

// What the column level makes of them; slowly, so queries before those have no pulses.
inline Pulses column_pulses_of_last(Analog& column, Inputs in, int tokens) {
  const auto before = static_cast<std::ptrdiff_t>(in.tokens - tokens) * in.width;
  std::fill_n(in.q.begin(), before, -1e6f);
  return pulses_of_last(column, in, tokens);
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

// Runs the body on every instruction set that the kernels have and this machine runs; with their
// names as in FastReport.
template <class Body>
void on_every_instruction_set(const Body& body) {
  hwy::SetSupportedTargetsForTest(0);
  const auto sets = kernels::instruction_sets();
  ASSERT_FALSE(sets.empty());
  for (const std::int64_t target : sets) {
    hwy::SetSupportedTargetsForTest(target);
    const char* name = hwy::TargetName(target);
    SCOPED_TRACE(name);
    EXPECT_STREQ(kernels::instruction_set(), name);
    body(name);
  }
  hwy::SetSupportedTargetsForTest(0);
}

}  // namespace gaincell::attention
