// Tables of the file: straight lines between their points.
#include "liberty/tables.h"

#include <gtest/gtest.h>

namespace gaincell::liberty {
namespace {

TEST(LibertyTable, IsExactForWhatIsStraightInBothDirections) {
  const auto truth = [](double slew, double load) { return 3 + 2 * slew - load + 4 * slew * load; };
  Grid grid{{1, 2, 5}, {1, 10}, {}};
  for (const double slew : grid.slews_s) {
    grid.values.emplace_back();
    for (const double load : grid.loads_f) grid.values.back().push_back(truth(slew, load));
  }
  // Inside, on a point, and beyond the ends.
  for (const double slew : {1.0, 1.5, 3.0, 5.0, 7.0, 0.5})
    for (const double load : {1.0, 4.0, 10.0, 12.0})
      EXPECT_NEAR(grid.at(slew, load), truth(slew, load), 1e-12) << slew << " " << load;
}

TEST(LibertyTable, OfOneLoadGoesBySlewAlone) {
  const Grid grid{{1, 3}, {0}, {{10}, {20}}};
  EXPECT_DOUBLE_EQ(grid.at(2, 5e-15), 15);
}

}  // namespace
}  // namespace gaincell::liberty
