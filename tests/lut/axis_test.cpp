#include "lut/axis.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/error.h"
#include "base/random.h"
#include "grids.h"

namespace gaincell::lut {
namespace {

using testing::HasSubstr;

TEST(Axis, RefusesWhatIsNoGrid) {
  EXPECT_THROW(axis("x", {1}), Error);
  EXPECT_THROW(axis("x", {1, 1}), Error);
  EXPECT_THROW(axis("x", {2, 1}), Error);
  EXPECT_THROW(axis("x", {0, std::nan("")}), Error);
  try {
    axis("v_store", {0, 0.5, 0.5});
    ADD_FAILURE() << "accepted";
  } catch (const Error& error) {
    EXPECT_THAT(
        error.what(),
        HasSubstr("axis v_store: [2] = 0.5: the points of an axis must be finite and rise"));
  }
}

// Against a plain search, on grids that are even, logarithmic, crowded and random.
TEST(Axis, FindsTheIntervalOnAnyGrid) {
  Random random(1);
  std::vector<std::vector<double>> grids{
      linear_nodes(-0.05, 0.95, 21),
      {0, 1},
      {0, 50e-12, 100e-12, 200e-12, 500e-12, 1e-9, 2e-9, 4e-9, 8e-9, 15e-9},
      logarithmic_nodes(1e-9, 1e3, 200)};
  std::vector<double> crowded{0};
  for (int i = 0; i < 50; ++i) crowded.push_back(crowded.back() + random.uniform(1e-6, 1e-5));
  crowded.push_back(1);
  grids.push_back(crowded);
  for (int g = 0; g < 50; ++g) {
    std::vector<double> nodes{random.normal()};
    for (std::uint64_t i = 0; i < 1 + random.below(40); ++i)
      nodes.push_back(nodes.back() + std::exp(random.uniform(-12, 3)));
    grids.push_back(nodes);
  }
  for (const auto& nodes : grids) {
    const Axis a = axis("x", nodes);
    const auto check = [&](double x) {
      const Position p = a.locate(x);
      ASSERT_LT(p.index + 1, nodes.size());
      if (x < nodes.front() || x > nodes.back()) {
        EXPECT_TRUE(p.outside);
        EXPECT_EQ(p.fraction, x < nodes.front() ? 0.0 : 1.0);
        EXPECT_EQ(p.index, x < nodes.front() ? 0 : nodes.size() - 2);
        return;
      }
      EXPECT_FALSE(p.outside);
      const auto after = std::upper_bound(nodes.begin() + 1, nodes.end() - 1, x);
      EXPECT_EQ(p.index, static_cast<std::size_t>(after - nodes.begin()) - 1) << x;
      EXPECT_GE(p.fraction, 0);
      EXPECT_LE(p.fraction, 1);
    };
    for (const double node : nodes) {
      check(node);
      check(std::nextafter(node, -1e300));
      check(std::nextafter(node, 1e300));
    }
    for (int i = 0; i < 300; ++i) {
      check(random.uniform(nodes.front() - 0.1, nodes.back() + 0.1));
      // and close to the start, where crowded grids live
      check(nodes.front() + (nodes.back() - nodes.front()) * std::exp(random.uniform(-25, 0)));
    }
  }
}

TEST(Axis, LetsANanThrough) {
  EXPECT_TRUE(std::isnan(axis("x", {0, 1, 2}).locate(std::nan("")).fraction));
  EXPECT_EQ(axis("x", {0, 1, 2}).locate(std::numeric_limits<double>::infinity()).fraction, 1);
}

}  // namespace
}  // namespace gaincell::lut
