#include "base/suggest.h"

#include <gtest/gtest.h>

#include <vector>

namespace gaincell {
namespace {

const std::vector<std::string> kVerbs{"characterize", "compile", "show", "infer"};

TEST(Suggest, FindsTheNameBehindATypingMistake) {
  EXPECT_EQ(suggest("charactrize", kVerbs), "characterize");
  EXPECT_EQ(suggest("complie", kVerbs), "compile");
  EXPECT_EQ(suggest("SHOW", kVerbs), "show");
}

TEST(Suggest, StaysSilentWhereNothingIsNear) {
  EXPECT_EQ(suggest("frobnicate", kVerbs), "");
  EXPECT_EQ(suggest("", kVerbs), "");
  EXPECT_EQ(suggest("x", {}), "");
  EXPECT_EQ(suggest("b", std::vector<std::string>{"a", "0"}), "");
}

TEST(Suggest, ListsTheChoicesWhereNothingIsNear) {
  EXPECT_EQ(suggest_remedy("frobnicate", kVerbs), "use one of characterize, compile, show, infer");
  EXPECT_EQ(suggest_remedy("shwo", kVerbs), "did you mean `show`?");
}

}  // namespace
}  // namespace gaincell
