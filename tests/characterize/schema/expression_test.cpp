#include "characterize/schema/expression.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"

namespace gaincell::characterize {
namespace {

const Where kHere{"bench.yaml:3", "parameters.x"};

double value(const std::string& text, const Scope& scope = {}) {
  return Expression(text, scope, kHere).value(scope);
}

std::string complaint(const std::string& text, const Scope& scope) {
  try {
    (void)Expression(text, scope, kHere).value(scope);
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

TEST(Expression, IsWorkedOutOverAnyCopyOfItsScope) {
  Scope scope;
  scope.set("v_dd", 0.9);
  const Expression half("v_dd/2", scope, kHere);
  Scope other = scope;
  other.set("v_dd", 1.8);
  EXPECT_EQ(half.value(other), 0.9);
  EXPECT_EQ(half.value(scope), 0.45);
}

TEST(Expression, NewNamesOfACopyAreItsOwn) {
  Scope scope;
  scope.set("a", 1.0);
  Scope other = scope;
  other.set("b", 2.0);
  EXPECT_EQ(value("a + b", other), 3);
  EXPECT_THAT(complaint("a + b", scope), ::testing::HasSubstr("nothing is named `b`"));
}

TEST(Expression, TakesElementsOfVectors) {
  Scope scope;
  scope.know_elements();
  scope.set("level", std::vector<double>{0.1, 0.2, 0.3});
  EXPECT_FALSE(scope.used("level"));
  const Expression next("level[i] + 10*level[i+1]", scope, kHere);
  EXPECT_TRUE(scope.used("level"));
  EXPECT_DOUBLE_EQ(next.value({scope, 1}), 3.2);
  EXPECT_DOUBLE_EQ(next.value(scope), 2.1);
  EXPECT_THROW((void)next.value({scope, 2}), Error);
}

TEST(Expression, ElementsAreKnownWhereTheScopeKnowsThem) {
  Scope scope;
  scope.set("i", 7.0);
  EXPECT_EQ(Expression("i", scope, kHere).value({scope, 3}), 7);
  scope.know_elements();
  EXPECT_EQ(Expression("i", scope, kHere).value({scope, 3}), 3);
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
  EXPECT_EQ(Quantity("0.9 V", "V", scope, kHere).value(scope), 0.9);
  EXPECT_THROW(Quantity("0.9 V", "s", scope, kHere), Error);
  EXPECT_THROW(Quantity("15q", "s", scope, kHere), Error);
}

TEST(Quantity, TreatsBracesAsParentheses) {
  Scope scope;
  scope.set("a", 2.0);
  EXPECT_EQ(Quantity("{a} * {a + 1}", "s", scope, kHere).value(scope), 6);
}

TEST(Template, PrintsNumbersThatReadBackExactly) {
  Scope scope;
  scope.set("i", 7.0);
  scope.set("r", 0.1);
  EXPECT_EQ(Template("R{i} a{i+1} 0 {r*3}", scope, kHere).text(scope),
            "R7 a8 0 0.30000000000000004");
  EXPECT_THROW(Template("R{i", scope, kHere), Error);
}

}  // namespace
}  // namespace gaincell::characterize
