#include "characterize/plan/evaluation.h"

#include <cmath>

#include "characterize/plan/deck.h"
#include "characterize/plan/plan.h"
#include "tests/characterize/support.h"

namespace gaincell::characterize {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class EvaluationTest : public BenchTest {};

constexpr const char* kSwept =
    "gaincell_bench: 1\nname: x\nconditions:\n"
    "  a: {unit: V, enumerate: [1, 2]}\n  level: {unit: V, count: 3, draw: {values: [0.1, 0.2, "
    "0.3]}}\n"
    "parameters: {twice: \"{2*a}\"}\n"
    "sources: {s: {net: s, dc: \"{a}\"}, t: {net: \"t{i}\", count: 3, dc: \"{2*level[i]}\"}}\n"
    "elements: [R1 s 0 1k, {line: \"R2{i} t{i} 0 1k\", count: 3}]\n"
    "initial_conditions: {all: {net: \"t{i}\", count: 2, value: \"{level[i]}\"}}\n"
    "analyses:\n  op: {type: op}\n  dc: {type: dc, sweeps: [{source: s, condition: a}]}\n"
    "  tran: {type: tran, step: 1n, stop: 20n}\n"
    "measurements:\n  m: {unit: V, value: v(s), analysis: tran}\n"
    "  temperature: {unit: V, value: v(t1), analysis: tran}\n"
    "  n: {unit: V, value: v(s), analysis: op}\n  o: {unit: V, value: v(s), analysis: dc}\n";

double number(const Evaluation& at, const std::string& name) {
  return *at.values().scope().number(name);
}

TEST_F(EvaluationTest, PointsDoNotMeetInTheBenchOrInOneAnother) {
  const auto read = bench(kSwept);
  EXPECT_EQ(read->draw_points, 1u);  // vectors of given values are one draw
  const std::vector<Point> points = bench_points(*read);
  ASSERT_EQ(points.size(), 2u);
  const Evaluation first(*read, points[0]);
  Evaluation second(*read, points[1]);
  second.know(read->measurements.front(), 5);
  EXPECT_EQ(number(first, "twice"), 2);
  EXPECT_EQ(number(second, "twice"), 4);
  EXPECT_TRUE(std::isnan(number(first, "m")));
  EXPECT_EQ(number(second, "m"), 5);
  EXPECT_TRUE(std::isnan(number(Evaluation(*read, points[1]), "m")));
}

TEST_F(EvaluationTest, DecksOfAPointAreTheSameInAnyOrder) {
  const auto read = bench(kSwept);
  const std::vector<Point> points = bench_points(*read);
  const Evaluation first(*read, points[0]), second(*read, points[1]);
  const Analysis& tran = read->analyses[2];
  const std::string before = deck_body(first, {tran}).text;
  (void)deck_body(second, {tran});
  (void)deck_body(first.within(read->analyses[1]), {read->analyses[1], true});
  EXPECT_EQ(deck_body(first, {tran}).text, before);
  EXPECT_THAT(before, HasSubstr("vt2 t2 0 dc 0.6\n"));
  EXPECT_THAT(before, HasSubstr(".ic v(t1)=0.2\n"));
}

TEST_F(EvaluationTest, InsideARunWhatItSweepsHasNoValueNorWhatFollows) {
  const auto read = bench(kSwept);
  const Evaluation at(*read, bench_points(*read).front());
  const Evaluation inside = at.within(read->analyses[1]);
  EXPECT_TRUE(std::isnan(number(inside, "a")));
  EXPECT_TRUE(std::isnan(number(inside, "twice")));
  EXPECT_EQ(number(at, "twice"), 2);
}

TEST_F(EvaluationTest, ResultNamedTemperatureIsNotThatOfTheSimulation) {
  const auto read = bench(kSwept);
  const Evaluation at(*read, bench_points(*read).front());
  EXPECT_EQ(at.temperature(), std::nullopt);
  EXPECT_THAT(deck_body(at, {read->analyses[2]}).text, Not(HasSubstr(".temp")));
}

TEST_F(EvaluationTest, TemperatureIsAParameterOrACondition) {
  const auto named = [&](const std::string& line) {
    const auto read = bench(
        "gaincell_bench: 1\nname: x\nsources: {s: {net: s, dc: 1}}\n"
        "elements: [R1 s 0 1k]\nanalysis: {type: op}\n"
        "measurements: {m: {unit: V, value: v(s)}}\n" +
        line);
    return Evaluation(*read, bench_points(*read).front()).temperature();
  };
  EXPECT_EQ(named("parameters: {temperature: 85}\n"), 85);
  EXPECT_EQ(named("conditions: {temperature: {unit: degC, typical: -40}}\n"), -40);
  EXPECT_EQ(named("parameters: {other: 85}\n"), std::nullopt);
}

}  // namespace
}  // namespace gaincell::characterize
