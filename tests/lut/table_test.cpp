#include "lut/table.h"

#include <math.h>  // NOLINT: pchip.hpp of Boost 1.74 asks for ::isnan
//
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/math/interpolators/pchip.hpp>
#include <cmath>
#include <functional>

#include "base/error.h"
#include "base/random.h"
#include "grids.h"
#include "lut/slopes.h"

namespace gaincell::lut {
namespace {

using testing::HasSubstr;
constexpr auto kCubic = Interpolation::kCubic;
constexpr auto kLinear = Interpolation::kLinear;

const std::vector<double> kUneven{0, 0.1, 0.25, 0.3, 0.6, 1.0, 1.1, 1.7};

double largest_error(const Table& table, const std::function<double(double)>& f,
                     int points = 2000) {
  double worst = 0;
  for (int i = 0; i <= points; ++i) {
    const double x =
        table.axis(0).front() + (table.axis(0).back() - table.axis(0).front()) * i / points;
    worst = std::max(worst, std::abs(table.at(x) - f(x)));
  }
  return worst;
}

TEST(Table, IsExactAtTheNodes) {
  Random random(3);
  for (const auto& rules : std::vector<std::vector<Interpolation>>{{kCubic, kCubic, kCubic},
                                                                   {kCubic, kLinear, kCubic},
                                                                   {kLinear, kLinear, kLinear},
                                                                   {kLinear, kCubic, kLinear}}) {
    const Table table = tabulate(
        {"t", "V"}, {axis("x", kUneven), axis("y", linear_nodes(-1, 1, 5)), axis("z", {0, 1})},
        [&random](const auto&) { return random.normal(); }, rules);
    std::size_t i = 0;
    for (const double x : table.axis(0).nodes())
      for (const double y : table.axis(1).nodes())
        for (const double z : table.axis(2).nodes())
          EXPECT_EQ(table.at(x, y, z), table.values()[i++]);
  }
}

// More than a block of them, with ends, nodes, NaN and what lies outside.
TEST(Table, GivesTheSameBitsForManyPlacesAtOnce) {
  Random random(7);
  for (const auto& rules : std::vector<std::vector<Interpolation>>{{kCubic, kCubic, kCubic},
                                                                   {kLinear, kCubic, kLinear}}) {
    const Table table = tabulate(
        {"t", "V"}, {axis("x", kUneven), axis("y", linear_nodes(-1, 1, 5)), axis("z", {0, 1})},
        [&random](const auto&) { return random.normal(); }, rules);
    std::vector<double> x, y, z;
    for (int i = 0; i < 201; ++i) {
      x.push_back(i % 8 == 0 ? kUneven[i / 8 % kUneven.size()] : random.uniform(-0.1, 1.8));
      y.push_back(i == 100 ? std::nan("") : random.uniform(-1.1, 1.1));
      z.push_back(random.uniform(0, 1));
    }
    const std::vector<std::span<const double>> places{x, y, z};
    std::vector<double> values(x.size());
    table.at(places, values);
    for (std::size_t i = 0; i < x.size(); ++i) {
      if (i == 100)
        EXPECT_TRUE(std::isnan(values[i]));
      else
        EXPECT_EQ(values[i], table.at(x[i], y[i], z[i])) << i;
    }
  }
}

TEST(Table, CubicIsExactOnCubicsOverUnevenNodes) {
  const auto f = [](double x) { return 1 - 2 * x + 3 * x * x - 0.5 * x * x * x; };
  // Not monotone, so no slope is limited.
  const Table table =
      tabulate({"t", "V"}, {axis("x", kUneven)}, [&](const auto& x) { return f(x[0]); });
  EXPECT_LT(largest_error(table, f), 1e-14);
  for (const double x : {0.0, 0.03, 0.3, 0.77, 1.69, 1.7})
    EXPECT_NEAR(table.derivative(0, x), -2 + 6 * x - 1.5 * x * x, 1e-12);
}

TEST(Table, CubicIsExactOnMonotoneParabolas) {
  const auto f = [](double x) { return x * x; };
  const Table table = tabulate({"t", "V"}, {axis("x", linear_nodes(0, 3, 7))},
                               [&](const auto& x) { return f(x[0]); });
  EXPECT_LT(largest_error(table, f), 1e-14);
}

TEST(Table, LinearErrorIsThatOfTheTextbook) {
  // |f''| h^2 / 8, reached half-way between the nodes.
  const auto f = [](double x) { return x * x; };
  const Table table = tabulate(
      {"t", "V"}, {axis("x", linear_nodes(0, 2, 11))}, [&](const auto& x) { return f(x[0]); },
      kLinear);
  EXPECT_NEAR(largest_error(table, f), 2 * 0.2 * 0.2 / 8, 1e-12);
  EXPECT_NEAR(table.derivative(0, 0.3), 0.6, 1e-12);
}

TEST(Table, CubicErrorFallsWithTheFourthPower) {
  const auto f = [](double x) { return std::sin(x); };
  double before = 0;
  for (const std::size_t n : {11u, 21u, 41u, 81u}) {
    const Table table = tabulate({"t", "V"}, {axis("x", linear_nodes(0, 2 * M_PI, n))},
                                 [&](const auto& x) { return f(x[0]); });
    const double error = largest_error(table, f);
    // |f''''| h^4/384, as much from the slopes inside; the one-sided stencils at the ends are
    // worse.
    EXPECT_LT(error, 20 * std::pow(2 * M_PI / static_cast<double>(n - 1), 4) / 384);
    EXPECT_TRUE(before == 0 || before / error > 12) << before / error;
    before = error;
  }
}

TEST(Table, CubicIsExactOnProductsOfCubics) {
  const auto f = [](double x, double y, double z) {
    return (9 * x + x * x * x) * (2 - 5 * y - y * y * y) * (1 + 4 * z + z * z) + x * y;
  };
  const Table table =
      tabulate({"t", "V"},
               {axis("x", {-2, -1.5, -1, -0.2, 0.4, 1}), axis("y", linear_nodes(-1, 1, 6)),
                axis("z", linear_nodes(-1, 2, 6))},
               [&](const auto& x) { return f(x[0], x[1], x[2]); });
  Random random(4);
  for (int i = 0; i < 1000; ++i) {
    const double x = random.uniform(-2, 1), y = random.uniform(-1, 1), z = random.uniform(-1, 2);
    EXPECT_NEAR(table.at(x, y, z), f(x, y, z), 1e-11);
  }
}

TEST(Table, LinearAxisBetweenCubicOnesIsTheStraightLine) {
  const auto f = [](double x, double y, double z) { return x * x * (1 + 3 * y) * z * z * z; };
  const Table table =
      tabulate({"t", "V"},
               {axis("x", linear_nodes(-1, 1, 6)), axis("y", {0, 0.1, 1}),
                axis("z", linear_nodes(-1, 1, 6))},
               [&](const auto& x) { return f(x[0], x[1], x[2]); }, {kCubic, kLinear, kCubic});
  Random random(5);
  for (int i = 0; i < 200; ++i) {
    const double x = random.uniform(-1, 1), y = random.uniform(), z = random.uniform(-1, 1);
    EXPECT_NEAR(table.at(x, y, z), f(x, y, z), 1e-13);
    EXPECT_NEAR(table.derivative(1, x, y, z), 3 * x * x * z * z * z, 1e-12);
  }
}

TEST(Table, DerivativesAreThoseOfTheInterpolant) {
  Random random(6);
  const Table table = tabulate(
      {"t", "V"}, {axis("x", kUneven), axis("y", linear_nodes(0, 1, 6)), axis("z", kUneven)},
      [&random](const auto&) { return random.normal(); }, {kCubic, kLinear, kCubic});
  for (int i = 0; i < 300; ++i) {
    const std::vector<double> x{
        random.uniform(0.01, 1.69),
        0.2 * (random.uniform(0.01, 0.99) + static_cast<double>(random.below(5))),
        random.uniform(0.01, 1.69)};
    for (std::size_t a = 0; a < 3; ++a) {
      auto low = x, high = x;
      low[a] -= 1e-6;
      high[a] += 1e-6;
      EXPECT_NEAR(table.derivative(a, x), (table.at(high) - table.at(low)) / 2e-6, 2e-3);
    }
  }
}

TEST(Table, IsContinuouslyDifferentiableAcrossNodes) {
  Random random(7);
  const Table table = tabulate({"t", "V"}, {axis("x", kUneven), axis("y", kUneven)},
                               [&random](const auto&) { return random.normal(); });
  for (std::size_t i = 1; i + 1 < kUneven.size(); ++i)
    for (int k = 0; k < 20; ++k) {
      const double y = random.uniform(0, 1.7), x = kUneven[i];
      for (std::size_t a = 0; a < 2; ++a)
        EXPECT_NEAR(table.derivative(a, x - 1e-9, y), table.derivative(a, x + 1e-9, y), 1e-5);
    }
}

TEST(Table, CubicStaysInsideMonotoneData) {
  // A converter's shape: dead zone, rise, saturation.
  const std::vector<double> nodes = linear_nodes(-3, 3, 25);
  const Table table = tabulate({"t", "V"}, {axis("x", nodes)},
                               [](const auto& x) { return std::clamp(x[0], 0.1, 1.13); });
  double last = 0.1;
  for (int i = 0; i <= 6000; ++i) {
    const double y = table.at(-3 + i * 1e-3);
    EXPECT_GE(y, last - 1e-15);
    EXPECT_LE(y, 1.13 + 1e-15);
    last = y;
  }
}

TEST(Table, ClampsOutsideWithZeroSlope) {
  const Table table =
      tabulate({"t", "V"}, {axis("x", linear_nodes(0, 1, 5)), axis("y", linear_nodes(0, 1, 5))},
               [](const auto& x) { return std::exp(x[0]) + x[1]; });
  EXPECT_EQ(table.at(-1, 0.5), table.at(0, 0.5));
  EXPECT_EQ(table.at(7, 2), table.at(1, 1));
  EXPECT_EQ(table.derivative(0, -1, 0.5), 0);
  EXPECT_EQ(table.derivative(0, 1.0001, 0.5), 0);
  EXPECT_NEAR(table.derivative(1, -1, 0.5), 1, 1e-12);  // the other axis still has its slope
  EXPECT_NEAR(table.derivative(0, 1, 0.5), std::exp(1), 0.01);
  EXPECT_TRUE(table.outside(std::vector<double>{-1e-12, 0.5}));
  EXPECT_FALSE(table.outside(std::vector<double>{0, 1}));
  EXPECT_TRUE(std::isnan(table.at(std::nan(""), 0.5)));
  EXPECT_TRUE(std::isnan(table.at(0.5, std::nan(""))));
}

TEST(Table, WorksInOneToFiveDimensions) {
  for (std::size_t n = 1; n <= Table::kMaxAxes; ++n) {
    std::vector<Axis> axes;
    for (std::size_t a = 0; a < n; ++a)
      axes.push_back(axis(std::string("x") + std::to_string(a), {0, 0.5, 1.25, 2}));
    const Table table = tabulate({"t", "V"}, axes, [](const auto& x) {
      double product = 1;
      for (const double v : x) product *= 1 + v * v * v;
      return product;
    });
    const std::vector<double> x(n, 0.7);
    // x^3 through four nodes is exact; monotone, but far from the limiter.
    EXPECT_NEAR(table.at(x), std::pow(1 + 0.7 * 0.7 * 0.7, static_cast<double>(n)), 1e-10);
  }
}

// Steep, flat and steep again, on uneven nodes. Boost's pchip is monotone too: its slopes lie where
// the limiter's do, between 0 and three times the smaller secant, so between two nodes the curves
// differ by at most 4/27 of (h 3 secant) for either end, 8/9 of the step.
TEST(Table, CubicOnSteepMonotoneDataIsMonotoneAndNearBoostsPchip) {
  const std::vector<double> up{0, 0.01, 0.02, 0.03, 1, 1.01, 1.02, 1.03, 1.04};
  const std::vector<std::vector<double>> grids{linear_nodes(0, 8, 9),
                                               {0, 0.1, 0.9, 1, 1.05, 3, 3.2, 7, 7.01},
                                               {0, 2, 2.1, 2.2, 5, 5.5, 5.6, 9, 12}};
  const std::vector<std::vector<double>> rises{
      up, {0, 0, 0, 1, 5, 5, 5, 5.1, 9}, {0, 1e-6, 1e-3, 1, 1e3, 1e3 + 1, 1e3 + 1, 2e3, 1e6}};
  for (const auto& nodes : grids)
    for (const auto& rise : rises)
      for (const double sign : {1.0, -1.0}) {
        std::vector<double> y;
        for (const double value : rise) y.push_back(sign * value);
        const Table table({"t", "V"}, {axis("x", nodes)}, y);
        auto nodes_of_pchip = nodes, values_of_pchip = y;
        const boost::math::interpolators::pchip<std::vector<double>> pchip(
            std::move(nodes_of_pchip), std::move(values_of_pchip));
        for (std::size_t i = 0; i + 1 < nodes.size(); ++i) {
          const double h = nodes[i + 1] - nodes[i], step = std::abs(y[i + 1] - y[i]);
          double before = y[i];
          for (int k = 1; k <= 1000; ++k) {
            const double x = nodes[i] + h * k / 1000, here = table.at(x);
            ASSERT_GE(sign * (here - before), -1e-13 * rise.back()) << x;
            if (k < 1000) {
              ASSERT_NEAR(here, pchip(x), 8.0 / 9 * step + 1e-13 * rise.back()) << x;
            }
            before = here;
          }
        }
      }
}

TEST(Table, RefusesWhatIsNoTable) {
  const auto message = [](const std::function<void()>& make) {
    try {
      make();
    } catch (const Error& error) {
      return std::string(error.what());
    }
    return std::string("no error");
  };
  EXPECT_THAT(message([] {
                Table({"t", "V"}, {axis("x", {0, 1})}, {1, 2, 3});
              }),
              HasSubstr("table t: 3 values: its axes make 2"));
  EXPECT_THAT(message([] {
                Table({"t", "V"}, {axis("x", {0, 1})}, {1, std::nan("")});
              }),
              HasSubstr("table t: [1] = nan: a table's values must be finite"));
  EXPECT_THAT(message([] { Table({"t", "V"}, {}, {1}); }), HasSubstr("0 axes: a table has 1 to 5"));
  EXPECT_THAT(message([] { parse_interpolation("spline", "b.yaml"); }),
              HasSubstr("must be linear or cubic"));
}

}  // namespace
}  // namespace gaincell::lut
