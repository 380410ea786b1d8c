#include "plot/samples_charts.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace gaincell {
namespace {

// A delay of 1 .. 3 ns over five loads, which must not be more than `most_s`.
lut::SamplesFile delays(double most_s) {
  lut::SampledBench bench;
  bench.name = "driver";
  lut::Series load{.quantity = {.name = "load", .unit = "F"}, .values = {}};
  lut::Series delay{.quantity = {.name = "delay", .unit = "s"}, .values = {}};
  delay.spec_maximum = most_s;
  for (int i = 0; i < 5; ++i) {
    load.values.push_back(1e-15 * (1 + i));
    delay.values.push_back(1e-9 * (1 + 0.5 * i));
    bench.status.push_back(0);
    bench.hold_out.push_back(0);
  }
  bench.conditions.emplace("load", load);
  bench.measurements.emplace("delay", delay);
  lut::SamplesFile samples;
  samples.benches = {bench};
  return samples;
}

bool has_line(const plot::Chart& chart, const std::string& label) {
  const auto& series = chart.panels.front().series;
  return std::any_of(series.begin(), series.end(),
                     [&](const plot::Series& one) { return one.label == label; });
}

TEST(SamplesCharts, DrawALimitThatLiesWhereTheNumbersAre) {
  const plot::Chart near = plot::samples_chart(delays(4e-9), "delay", {});
  EXPECT_TRUE(has_line(near, "at most 4 ns"));
  EXPECT_NE(std::find(near.facts.begin(), near.facts.end(), "Limit: at most 4 ns."),
            near.facts.end());
}

TEST(SamplesCharts, SayALimitThatWouldFlattenTheNumbers) {
  const plot::Chart far = plot::samples_chart(delays(1e-6), "delay", {});
  EXPECT_FALSE(has_line(far, "at most 1 us"));
  EXPECT_NE(std::find(far.facts.begin(), far.facts.end(), "Limit: at most 1 us."), far.facts.end());
}

}  // namespace
}  // namespace gaincell
