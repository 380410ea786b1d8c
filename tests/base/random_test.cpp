#include "base/random.h"

#include <gtest/gtest.h>

namespace gaincell {

TEST(Random, StreamsAreFixedBySeedNameAndIndex) {
  EXPECT_EQ(Random(7, "holdout", 3).bits(), Random(7, "holdout", 3).bits());
  EXPECT_NE(Random(7, "holdout", 3).bits(), Random(7, "holdout", 4).bits());
  EXPECT_NE(Random(7, "holdout", 3).bits(), Random(7, "mismatch", 3).bits());
  EXPECT_NE(Random(7, "holdout", 3).bits(), Random(8, "holdout", 3).bits());
}

TEST(Random, NormalHasMeanZeroAndVarianceOne) {
  Random random(1);
  double sum = 0, square = 0;
  constexpr int kDraws = 100000;
  for (int i = 0; i < kDraws; ++i) {
    const double x = random.normal();
    sum += x;
    square += x * x;
  }
  EXPECT_NEAR(sum / kDraws, 0, 0.02);
  EXPECT_NEAR(square / kDraws, 1, 0.02);
}

TEST(Random, BelowReachesEveryValueAndNoOther) {
  Random random(2);
  int seen[5] = {};
  for (int i = 0; i < 1000; ++i) ++seen[random.below(5)];
  for (const int count : seen) EXPECT_GT(count, 100);
}

}  // namespace gaincell
