#include "lut/refine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>

#include "base/random.h"
#include "grids.h"

namespace gaincell::lut {
namespace {

using Function = std::function<double(const std::vector<double>&)>;
using testing::Each;
using testing::Field;

// A table of f, and what it is off at random points.
TableEntry entry_of(std::vector<Axis> axes, std::vector<Interpolation> rules, const Function& f,
                    double limit) {
  std::vector<Axis> copy = axes;
  TableEntry entry{.table = tabulate({"t", "V"}, std::move(copy), f, std::move(rules))};
  entry.limit.max_abs = limit;
  entry.hold_out.coordinates.resize(axes.size());
  Random random(1);
  for (int i = 0; i < 500; ++i) {
    std::vector<double> x;
    for (std::size_t a = 0; a < axes.size(); ++a) {
      x.push_back(random.uniform(axes[a].front(), axes[a].back()));
      entry.hold_out.coordinates[a].push_back(x.back());
    }
    entry.hold_out.measured.push_back(f(x));
  }
  entry.hold_out.predicted = predict(entry.table, entry.hold_out);
  return entry;
}

constexpr auto kCubic = Interpolation::kCubic;
constexpr auto kLinear = Interpolation::kLinear;

TEST(Refine, BlamesTheAxisThatIsOff) {
  // Along x it oscillates, along y it is a parabola, which a cubic has exactly.
  const Function f = [](const auto& x) { return std::sin(12 * x[0]) + x[1] * x[1]; };
  const TableEntry entry =
      entry_of({axis("x", linear_nodes(0, 1, 9)), axis("y", linear_nodes(0, 1, 9))},
               {kCubic, kCubic}, f, 1e-4);
  const auto missing = missing_nodes(entry, {}, {}, {});
  ASSERT_FALSE(missing.empty());
  EXPECT_THAT(missing, Each(Field(&MissingNode::axis, "x")));
  // Where that axis can't have more, the other is no remedy but is the only one.
  EXPECT_THAT(missing_nodes(entry, {}, {}, std::vector<std::string>{"x"}),
              Each(Field(&MissingNode::axis, "y")));
}

TEST(Refine, CutsWhereTheErrorIs) {
  const Function kink = [](const auto& x) { return std::abs(x[0] - 0.52); };
  const TableEntry entry = entry_of({axis("x", linear_nodes(0, 1, 11))}, {kLinear}, kink, 1e-3);
  const auto missing = missing_nodes(entry, {}, {}, {});
  ASSERT_EQ(missing.size(), 1u);
  EXPECT_DOUBLE_EQ(missing[0].value, 0.55);
  // Of 500 points one lies beside the kink, where the table is off by up to 0.032 (in limits: 32).
  EXPECT_NEAR(missing[0].off, 32, 0.5);
  // A value that the bench has is taken in its place.
  const std::vector<std::vector<double>> bench{{0, 0.1, 0.51, 0.53, 0.8, 1}};
  const auto of_bench = missing_nodes(entry, {}, bench, {});
  ASSERT_EQ(of_bench.size(), 1u);
  EXPECT_EQ(of_bench[0].value, 0.53);
  // Boldly, in proportion to the error.
  EXPECT_EQ(missing_nodes(entry, {.aim = 0.5, .most_parts = 8, .share = 1}, {}, {}).size(), 7u);
}

TEST(Refine, LeavesATableThatHolds) {
  const Function f = [](const auto& x) { return x[0]; };
  const TableEntry entry = entry_of({axis("x", linear_nodes(0, 1, 5))}, {kLinear}, f, 1e-9);
  EXPECT_TRUE(missing_nodes(entry, {}, {}, {}).empty());
}

}  // namespace
}  // namespace gaincell::lut
