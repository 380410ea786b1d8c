// Intervals beside published and closed values.
#include "scores/statistics.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

namespace gaincell::scores {
namespace {

TEST(Statistics, SharesHaveWilsonsInterval) {
  // 81 of 263 and 0 of 20: Newcombe (1998), table I.
  const Interval some = Share{81, 263}.interval(), none = Share{0, 20}.interval();
  EXPECT_NEAR(some.low, 0.2553, 5e-5);
  EXPECT_NEAR(some.high, 0.3662, 5e-5);
  EXPECT_EQ(none.low, 0);
  EXPECT_NEAR(none.high, 0.1611, 5e-5);
  EXPECT_NEAR((Share{3, 4}.standard_error()), std::sqrt(0.75 * 0.25 / 3), 1e-15);
  EXPECT_TRUE(std::isnan(Share{1, 1}.standard_error()));
}

TEST(Statistics, MeansHaveTheirStandardError) {
  const std::vector<double> values{1, 2, 3, 6};
  const Mean mean = mean_of(values);
  EXPECT_EQ(mean.value, 3);
  EXPECT_NEAR(mean.standard_error, std::sqrt(14.0 / 3 / 4), 1e-15);
  EXPECT_NEAR(mean.interval().high - 3, 1.96 * mean.standard_error, 1e-4);
  EXPECT_TRUE(std::isnan(mean_of(std::vector<double>{1}).standard_error));
}

TEST(Statistics, NeighboursThatAreAlikeCountAsOne) {
  std::vector<double> once{1, 2, 3, 6, 4, 0}, thrice;
  for (const double value : once) thrice.insert(thrice.end(), 3, value);
  EXPECT_NEAR(mean_of_blocks(thrice, 3).standard_error, mean_of(once).standard_error, 1e-15);
  // The last block may be shorter.
  EXPECT_NEAR(mean_of_blocks(std::vector<double>{1, 1, 4}, 2).standard_error,
              std::sqrt(2.0 * (4 + 4)) / 3, 1e-15);
}

}  // namespace
}  // namespace gaincell::scores
