// Boolean functions as Liberty writes them.
#include "liberty/function.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stdexcept>
#include <string>

namespace gaincell::liberty {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// The function's values, from all names low to all high, the first name changing fastest.
std::string table(const std::string& text) {
  const Function function(text);
  std::string values;
  for (std::uint64_t levels = 0; levels < std::uint64_t{1} << function.names().size(); ++levels)
    values += function.at(levels) ? '1' : '0';
  return values;
}

std::string complaint(const std::string& text) {
  try {
    (void)Function(text);
  } catch (const std::invalid_argument& wrong) {
    return wrong.what();
  }
  return "taken";
}

TEST(BooleanFunction, AllSpellingsOfAnOperatorAreOne) {
  for (const char* text : {"A & B", "A*B", "A B", "(A)(B)"}) EXPECT_EQ(table(text), "0001") << text;
  for (const char* text : {"A | B", "A+B"}) EXPECT_EQ(table(text), "0111") << text;
  for (const char* text : {"!A", "A'", "!(A)", "!!!A", "A'''"})
    EXPECT_EQ(table(text), "10") << text;
  EXPECT_EQ(table("A ^ B"), "0110");
  EXPECT_EQ(table("A & 1 | 0"), "01");
}

TEST(BooleanFunction, NotBindsCloserThanXorThanAndThanOr) {
  EXPECT_EQ(table("!A & B"), table("(!A) & B"));
  EXPECT_EQ(table("A | B & C"), table("A | (B & C)"));
  EXPECT_EQ(table("A & B ^ C"), table("A & (B ^ C)"));
  EXPECT_NE(table("A & B ^ C"), table("(A & B) ^ C"));
}

TEST(BooleanFunction, NamesStandInTheOrderOfAppearance) {
  EXPECT_THAT(Function("!((B1 & A2) | B1 | _c)").names(), ElementsAre("B1", "A2", "_c"));
}

TEST(BooleanFunction, WhatIsNoneIsRefused) {
  EXPECT_THAT(complaint(""), HasSubstr("ends where a pin is expected"));
  EXPECT_THAT(complaint("A &"), HasSubstr("ends where a pin is expected"));
  EXPECT_THAT(complaint("(A"), HasSubstr("a bracket is not closed"));
  EXPECT_THAT(complaint("A)"), HasSubstr("`)` is not expected"));
  EXPECT_THAT(complaint("A & | B"), HasSubstr("`|` where a pin is expected"));
  EXPECT_THAT(complaint("A ? B"), HasSubstr("`?` is not expected"));
  EXPECT_THAT(complaint(std::string(1000, '(') + "A"), HasSubstr("nested too deeply"));
  EXPECT_THAT(complaint(std::string(1'000'000, '!') + "A"), HasSubstr("nested too deeply"));
  EXPECT_THAT(complaint("a b c d e f g h i j k l m"), HasSubstr("more than 12 pins"));
}

TEST(BooleanFunction, SenseIsHowTheOutputFollows) {
  EXPECT_EQ(sense_of(Function("A & B"), "A"), Sense::kPositive);
  EXPECT_EQ(sense_of(Function("!(A & B)"), "B"), Sense::kNegative);
  EXPECT_EQ(sense_of(Function("A ^ B"), "A"), Sense::kBoth);
  EXPECT_EQ(sense_of(Function("(A & !S) | (B & S)"), "S"), Sense::kBoth);
  EXPECT_EQ(sense_of(Function("(A & B) | (A & !B)"), "B"), Sense::kNone);
  EXPECT_EQ(sense_of(Function("A"), "B"), Sense::kNone);
  EXPECT_EQ(liberty_word(Sense::kBoth), "non_unate");
}

}  // namespace
}  // namespace gaincell::liberty
