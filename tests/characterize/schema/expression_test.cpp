#include "characterize/schema/expression.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"

namespace gaincell::characterize {
namespace {

const Where kHere{"bench.yaml:3", "parameters.x"};

double value(const std::string& text, const Scope& scope = {}) {
  return Expression(text, scope, kHere).value();
}

std::string complaint(const std::string& text, const Scope& scope) {
  try {
    (void)Expression(text, scope, kHere).value();
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

TEST(Expression, ReadsSpiceSuffixes) {
  EXPECT_EQ(value("15n"), 15e-9);
  EXPECT_EQ(value("3M"), 3e-3);
  EXPECT_EQ(value("3meg"), 3e6);
  EXPECT_EQ(value("2*1.5k + 1e3"), 4000);
  EXPECT_EQ(value("5ns/1p"), 5000);
}

TEST(Expression, FollowsItsScope) {
  Scope scope;
  scope.set("v_dd", 0.9);
  const Expression half("v_dd/2", scope, kHere);
  EXPECT_EQ(half.value(), 0.45);
  scope.set("v_dd", 1.8);
  EXPECT_EQ(half.value(), 0.9);
}

TEST(Expression, TakesElementsOfVectors) {
  Scope scope;
  scope.set("i", 1.0);
  scope.set("level", std::vector<double>{0.1, 0.2, 0.3});
  const Expression next("level[i] + 10*level[i+1]", scope, kHere);
  EXPECT_DOUBLE_EQ(next.value(), 3.2);
  scope.set("i", 2.0);
  EXPECT_THROW((void)next.value(), Error);
}

TEST(Expression, NamesTheNearestNameForAnUnknownOne) {
  Scope scope;
  scope.set("pulse_width", 1.0);
  EXPECT_EQ(complaint("2*pulse_widht", scope),
            "bench.yaml:3: parameters.x = 2*pulse_widht: nothing is named `pulse_widht`; did you "
            "mean `pulse_width`?");
}

TEST(Expression, RefusesAssignmentsAndInfiniteResults) {
  Scope scope;
  scope.set("a", 1.0);
  EXPECT_THAT(complaint("a = 3", scope), ::testing::HasSubstr("does not assign"));
  EXPECT_EQ(*scope.number("a"), 1.0);
  EXPECT_THAT(complaint("1/(a-1)", scope), ::testing::HasSubstr("not a finite number"));
  EXPECT_EQ(value("a >= 1 && a != 2 ? 5 : 6", scope), 5);
}

TEST(Expression, RefusesWhatIsTooDeep) {
  EXPECT_THAT(complaint(std::string(5000, '(') + "1", Scope()), ::testing::HasSubstr("nest"));
  EXPECT_THAT(complaint("a[", Scope()), ::testing::HasSubstr("not closed"));
}

TEST(Quantity, ChecksUnitsOfConstants) {
  const Scope scope;
  EXPECT_EQ(Quantity("0.9 V", "V", scope, kHere).value(), 0.9);
  EXPECT_THROW(Quantity("0.9 V", "s", scope, kHere), Error);
  EXPECT_THROW(Quantity("15q", "s", scope, kHere), Error);
}

TEST(Quantity, TreatsBracesAsParentheses) {
  Scope scope;
  scope.set("a", 2.0);
  EXPECT_EQ(Quantity("{a} * {a + 1}", "s", scope, kHere).value(), 6);
}

TEST(Template, PrintsNumbersThatReadBackExactly) {
  Scope scope;
  scope.set("i", 7.0);
  scope.set("r", 0.1);
  EXPECT_EQ(Template("R{i} a{i+1} 0 {r*3}", scope, kHere).text(), "R7 a8 0 0.30000000000000004");
  EXPECT_THROW(Template("R{i", scope, kHere), Error);
}

}  // namespace
}  // namespace gaincell::characterize
