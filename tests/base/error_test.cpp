#include "base/error.h"

#include <gtest/gtest.h>

namespace gaincell {

TEST(Error, NamesPlaceKeyValueRuleAndRemedyInThatOrder) {
  const Error error({.place = "read.yaml:14",
                     .key = "conditions.v_read.points",
                     .value = "1",
                     .rule = "a table axis needs at least 2",
                     .remedy = "raise it or drop the axis"});
  EXPECT_STREQ(
      error.what(),
      "read.yaml:14: conditions.v_read.points = 1: a table axis needs at least 2; raise it "
      "or drop the axis");
}

TEST(Error, LeavesEmptyPartsOut) {
  EXPECT_STREQ(Error({.place = "a.yaml", .rule = "is empty"}).what(), "a.yaml: is empty");
  EXPECT_STREQ(Error({.place = "--window", .value = "0", .rule = "must be positive"}).what(),
               "--window: 0: must be positive");
}

}  // namespace gaincell
