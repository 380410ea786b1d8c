#include "characterize/plan/plan.h"

#include <cmath>
#include <cstdio>
#include <iterator>
#include <set>
#include <sstream>

#include "characterize/job/protocol.h"
#include "tests/characterize/support.h"

namespace gaincell::characterize {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

class PlanTest : public BenchTest {
 protected:
  Plan plan(const std::string& text) {
    bench_ = bench(text);
    return make_plan(*bench_, bench_points(*bench_));
  }
  std::unique_ptr<const Bench> bench_;
};

std::string pulse_bench(const std::string& width, const std::string& more = "") {
  return "gaincell_bench: 1\nname: p\nsources:\n"
         "  s: {net: a, pulse: {initial: 0.1, pulsed: 1.1, delay: 1n, rise: 2n, fall: 4n, width: " +
         width + more +
         "}}\n"
         "elements: [R1 a 0 1k]\n"
         "analysis: {type: tran, step: 1n, stop: 20n}\nmeasurements: {m: {unit: V, value: v(a)}}\n";
}

TEST_F(PlanTest, GridIsRowMajorWithHoldOutPointsBehind) {
  const Plan p = plan(
      "gaincell_bench: 1\nname: x\nconditions:\n"
      "  a: {unit: V, enumerate: [1, 2]}\n  b: {unit: V, enumerate: [10, 20, 30]}\n"
      "sources: {s: {net: s, dc: \"{a+b}\"}}\nelements: [R1 s 0 1k]\n"
      "analysis: {type: op}\nmeasurements: {m: {unit: V, value: v(s)}}\nholdout: {share: 0.5, "
      "seed: 3}\n");
  ASSERT_EQ(p.points.size(), 9u);
  EXPECT_EQ(p.points[1].values, (std::vector<double>{1, 20}));
  EXPECT_EQ(p.points[3].values, (std::vector<double>{2, 10}));
  for (std::size_t k = 6; k < 9; ++k) {
    EXPECT_TRUE(p.points[k].holdout);
    EXPECT_GE(p.points[k].values[1], 10);
    EXPECT_LE(p.points[k].values[1], 30);
  }
  EXPECT_EQ(p.jobs.size(), 9u);
  EXPECT_THAT(p.jobs[0].body, HasSubstr("vs s 0 dc 11\n"));
}

TEST_F(PlanTest, HoldOutPointsFollowFromTheSeed) {
  const std::string text = divider("holdout: {points: 3, seed: ");
  const auto first = plan(text + "1}\n").points;
  const auto again = plan(text + "1}\n").points;
  const auto other = plan(text + "2}\n").points;
  EXPECT_EQ(first[6].values, again[6].values);
  EXPECT_NE(first[6].values, other[6].values);
}

TEST_F(PlanTest, HoldOutPointsLieOverTheRangeWhereValuesAreDenseAndInTheWorkingRange) {
  const Plan p = plan(
      "gaincell_bench: 1\nname: x\nconditions:\n"
      "  a: {unit: V, enumerate: [-1000, -2, -1, 0, 1, 2, 1000]}\n"
      "sources: {s: {net: s, dc: \"{a}\"}}\nelements: [R1 s 0 1k]\n"
      "analysis: {type: op}\nmeasurements: {m: {unit: V, value: v(s)}}\n"
      "holdout: {points: 300, seed: 3, working: {a: [100, 300]}}\n");
  const std::unique_ptr<const Bench> of = bench(read_file(path("bench.yaml")));
  std::size_t dense = 0, working = 0;
  for (std::size_t k = 7; k < p.points.size(); ++k) {
    const double a = p.points[k].values[0];
    if (std::abs(a) <= 2) ++dense;
    if (is_working(*of, p.points[k])) ++working;
    const bool drawn_there = k % 4 == 1;  // 7 + 2, 7 + 6, ...
    EXPECT_TRUE(!drawn_there || (a >= 100 && a <= 300)) << k << " " << a;
  }
  // Of a half four of six intervals, evenly; uniform draws have 0.2 %.
  EXPECT_NEAR(static_cast<double>(dense), 100, 4);
  // A quarter, a tenth of a quarter, and a fifth of the interval from 2 to 1000.
  EXPECT_NEAR(static_cast<double>(working), 75 + 7.5 + 5, 10);
}

TEST_F(PlanTest, HoldOutPointsLeaveNoIntervalOutAndReachIntoItsMiddle) {
  const Plan p = plan(
      "gaincell_bench: 1\nname: x\nconditions:\n"
      "  a: {unit: V, minimum: 0, maximum: 21, step: linear, points: 22}\n"
      "sources: {s: {net: s, dc: \"{a}\"}}\nelements: [R1 s 0 1k]\n"
      "analysis: {type: op}\nmeasurements: {m: {unit: V, value: v(s)}}\n"
      "holdout: {points: 168, seed: 3}\n");
  std::vector<int> seen(21, 0), middle(21, 0);
  for (std::size_t k = 23; k < p.points.size(); k += 2) {
    const double a = p.points[k].values[0];
    const auto interval = static_cast<std::size_t>(a);
    ++seen[interval];
    if (std::abs(a - std::floor(a) - 0.5) < 0.3) ++middle[interval];
  }
  // 84 in 21 intervals; random ones leave some with none or one, and put eight and more in others.
  EXPECT_GE(*std::min_element(seen.begin(), seen.end()), 2);
  EXPECT_LE(*std::max_element(seen.begin(), seen.end()), 6);
  EXPECT_GE(*std::min_element(middle.begin(), middle.end()), 1);
}

TEST_F(PlanTest, OneSimulationServesSeveralHoldOutPointsWhereOnlyAMeasurementTellsThemApart) {
  const Plan p = plan(
      "gaincell_bench: 1\nname: x\nconditions:\n"
      "  a: {unit: V, enumerate: [0, 1, 2, 3, 4]}\n"
      "  age: {unit: s, minimum: 1n, maximum: 1u, step: logarithmic, points: 10}\n"
      "sources: {s: {net: s, dc: \"{a}\"}}\nelements: [R1 s 0 1k]\n"
      "analysis: {type: tran, step: 1n, stop: 1u}\n"
      "measurements: {m: {unit: V, value: v(s), at: \"{age}\"}}\n"
      "holdout: {points: 6, seed: 3}\n");
  EXPECT_EQ(p.jobs.size(), 5u + 6);
  ASSERT_EQ(p.points.size(), 50u + 6 * 8);
  std::set<double> ages;
  for (std::size_t k = 50; k < p.points.size(); ++k) ages.insert(p.points[k].values[1]);
  EXPECT_EQ(ages.size(), 48u);
}

TEST_F(PlanTest, PointsWithTheSameDeckShareOneSimulation) {
  const Plan p = plan(
      "gaincell_bench: 1\nname: x\nconditions:\n"
      "  r: {unit: Ohm, enumerate: [1k, 2k]}\n  t: {unit: s, enumerate: [1n, 2n, 3n]}\n"
      "sources: {s: {net: s, dc: 1}}\nelements: [\"R1 s 0 {r}\"]\n"
      "analysis: {type: tran, step: 1n, stop: 5n}\n"
      "measurements: {m: {unit: V, value: v(s), at: \"{t}\"}, n: {unit: V, value: v(s)}}\n");
  EXPECT_EQ(p.points.size(), 6u);
  ASSERT_EQ(p.jobs.size(), 2u);
  EXPECT_EQ(p.jobs[0].calls.size(), 4u);  // m at three times, n once
}

TEST_F(PlanTest, SweepsOfDcNestInOneRun) {
  const Plan p = plan(
      "gaincell_bench: 1\nname: x\nconditions:\n"
      "  a: {unit: V, minimum: 0, maximum: 1, step: linear, points: 5}\n"
      "  b: {unit: V, enumerate: [0, 1, 5]}\n  r: {unit: Ohm, enumerate: [1k, 2k]}\n"
      "sources: {x: {net: x, dc: 0}, y: {net: y, dc: 0}}\nelements: [\"R1 x y {r}\"]\n"
      "analysis: {type: dc, sweeps: [{source: x, condition: a}, {source: y, condition: b}]}\n"
      "measurements: {m: {unit: A, value: i(x)}}\nholdout: {points: 2, seed: 1}\n");
  EXPECT_EQ(p.points.size(), 32u);
  ASSERT_EQ(p.jobs.size(), 4u);
  EXPECT_EQ(p.jobs[0].proof.count, 15u);
  EXPECT_EQ(p.jobs[0].calls.size(), 15u);
  EXPECT_THAT(p.jobs[0].body, HasSubstr(".dc vx 0 1 0.25 vy_count 0 2 1\n"));
  EXPECT_THAT(p.jobs[0].body, HasSubstr("pwl(v(y_count),0,0,1,1,2,5)"));
  EXPECT_THAT(p.jobs[0].body, HasSubstr(".save i(vx)\n"));
  const std::string& alone = p.jobs[2].body;
  EXPECT_THAT(alone, HasSubstr(".op\n"));
  EXPECT_THAT(alone, StartsWith("vx x 0 dc 0.6809"));
  EXPECT_EQ(alone.rfind("vx "), 0u) << alone;  // once
}

TEST_F(PlanTest, ConditionSweptInsideTheSimulatorHasNoValueInTheDeck) {
  EXPECT_THROW(plan("gaincell_bench: 1\nname: x\n"
                    "conditions: {a: {unit: V, minimum: 0, maximum: 1, step: linear, points: 5}}\n"
                    "sources: {x: {net: x, dc: 0}}\nelements: [\"R1 x 0 {1k+a}\"]\n"
                    "analysis: {type: dc, sweeps: [{source: x, condition: a}]}\n"
                    "measurements: {m: {unit: A, value: i(x)}}\n"),
               Error);
}

TEST_F(PlanTest, VectorsAreDrawnAnewForEachPoint) {
  const Plan p = plan(
      "gaincell_bench: 1\nname: x\nconditions:\n"
      "  w: {unit: s, count: 3, draw: {enumerate: [1n, 2n, 4n, 8n]}}\n"
      "draws: {points: 4, seed: 7}\n"
      "sources: {en: {count: 3, net: \"en{i}\", pulse: {initial: 0, pulsed: 1, delay: 0, rise: 1p, "
      "fall: 1p, width: \"{w[i]}\"}}}\n"
      "elements: [{count: 3, line: \"R{i} en{i} 0 1k\"}]\n"
      "initial_conditions: {all: {count: 3, net: \"en{i}\", value: \"{i/10}\"}}\n"
      "analysis: {type: tran, step: 1n, stop: 20n}\nmeasurements: {e: {unit: J, energy: [en]}}\n");
  ASSERT_EQ(p.points.size(), 4u);
  EXPECT_NE(p.points[0].vectors[0], p.points[1].vectors[0]);
  EXPECT_THAT(p.jobs[0].body, HasSubstr("ven2 en2 0 pwl("));
  EXPECT_THAT(p.jobs[0].circuit->text, HasSubstr("R2 en2 0 1k"));
  EXPECT_THAT(p.jobs[0].body, HasSubstr(".ic v(en2)=0.2"));
  EXPECT_THAT(p.jobs[0].calls[0].signals[0], HasSubstr("-(v(en2))*(i(ven2))"));
}

TEST_F(PlanTest, MemoryIsInBytesOfWhichThereAreMillions) {
  const std::string bench =
      "gaincell_bench: 1\nname: x\nsources: {a: {net: a, dc: 1}}\nelements: [R1 a 0 1k]\n"
      "analysis: {type: op}\nmeasurements: {i_a: {unit: A, value: i(a)}}\nmemory: ";
  EXPECT_EQ(plan(bench + "512M\n").jobs[0].memory_bytes, 512'000'000u);
  EXPECT_EQ(plan(bench + "2G\n").jobs[0].memory_bytes, 2'000'000'000u);
  EXPECT_THROW(plan(bench + "512\n"), Error);
}

TEST_F(PlanTest, CircuitIsOneTextInMemoryWhereNothingOfItChanges) {
  const auto circuits = [&](const std::string& more) {
    const Plan p = plan(
        "gaincell_bench: 1\nname: x\nconditions:\n"
        "  v: {unit: V, enumerate: [1, 2, 3]}\n  r: {unit: Ohm, enumerate: [1k, 2k]}\n"
        "sources: {a: {net: a, dc: \"{v}\"}}\nanalysis: {type: op}\n"
        "measurements: {i_a: {unit: A, value: i(a)}}\n" +
        more);
    std::set<const DeckHead*> texts;
    for (const Job& job : p.jobs) {
      texts.insert(job.circuit.get());
      EXPECT_THAT(job.deck(false), HasSubstr(job.circuit->text + "va a 0 dc "));
    }
    return std::pair(texts.size(), p.jobs.size());
  };
  EXPECT_EQ(circuits("elements: [R1 a 0 1k, Rr r 0 1k]\n"), std::pair(1ul, 3ul));
  EXPECT_EQ(circuits("elements: [\"R1 a 0 {r}\"]\n"), std::pair(2ul, 6ul));
  EXPECT_EQ(circuits("parameters: {half: \"{r/2}\"}\nelements: [\"R1 a 0 {half}\"]\n"),
            std::pair(2ul, 6ul));
  EXPECT_EQ(circuits("elements: [\"R1 a 0 {r*v}\"]\n"), std::pair(6ul, 6ul));
  EXPECT_EQ(circuits("elements: [{count: 2, line: \"R{i} a 0 {i + 1}k\"}]\n").first, 1u);
}

TEST_F(PlanTest, CircuitOfADrawIsOneTextAtEveryValueOfTheConditions) {
  file("n.inc", ".model n nmos level=8\n");
  const Plan p = plan(
      "gaincell_bench: 1\nname: x\nmodels: [n.inc]\nconditions:\n"
      "  v: {unit: V, enumerate: [1, 2, 3]}\ndraws: {points: 4, seed: 1}\n"
      "mismatch: {devices: {n: {a_vt: 4 mV*um}}}\nsources: {a: {net: a, dc: \"{v}\"}}\n"
      "elements: [m1 a a 0 0 n w=1u l=1u]\nanalysis: {type: op}\n"
      "measurements: {i_a: {unit: A, value: i(a)}}\n");
  ASSERT_EQ(p.jobs.size(), 12u);
  for (std::size_t k = 0; k < 12; ++k) {
    EXPECT_EQ(p.jobs[k].circuit, p.jobs[k % 4].circuit);
    EXPECT_EQ(p.jobs[k].circuit == p.jobs[0].circuit, k % 4 == 0);
  }
}

TEST_F(PlanTest, PulseWidthIsAtHalfHeight) {
  EXPECT_THAT(plan(pulse_bench("5n")).jobs[0].body, HasSubstr("vs a 0 pwl(0 0.1 1e-09 0.1 "));
  EXPECT_THAT(plan(pulse_bench("0")).jobs[0].body, HasSubstr("vs a 0 pwl(0 0.1)\n"));
  // Half the edges' 3 ns: a triangle of half height.
  EXPECT_THAT(plan(pulse_bench("1.5n")).jobs[0].body, HasSubstr(" 0.6 "));
  EXPECT_THAT(plan(pulse_bench("1.5n")).jobs[0].body, Not(HasSubstr("1.1")));
}

TEST_F(PlanTest, RepeatedPulseMustExceedItsEdges) {
  EXPECT_THAT(plan(pulse_bench("5n", ", period: 15n")).jobs[0].body,
              HasSubstr("vs a 0 pulse(0.1 1.1 1e-09"));
  EXPECT_THROW(plan(pulse_bench("3n", ", period: 15n")), Error);
}

TEST_F(PlanTest, PwlTimesMustRise) {
  EXPECT_THROW(
      plan("gaincell_bench: 1\nname: p\nsources: {s: {net: a, pwl: [[0, 0], [2n, 1], [1n, 0]]}}\n"
           "elements: [R1 a 0 1k]\nanalysis: {type: tran, step: 1n, stop: 20n}\n"
           "measurements: {m: {unit: V, value: v(a)}}\n"),
      Error);
}

TEST_F(PlanTest, MissingModelOfAnElementIsRefused) {
  EXPECT_THROW(
      plan("gaincell_bench: 1\nname: p\nsources: {s: {net: a, dc: 1}}\nelements: [D1 a 0 dmod]\n"
           "analysis: {type: op}\nmeasurements: {m: {unit: V, value: v(a)}}\n"),
      Error);
}

TEST_F(PlanTest, FormulasUseOtherResultsAndFailWithThem) {
  bench_ = bench(
      "gaincell_bench: 1\nname: x\nconditions: {k: {unit: V, enumerate: [1, 2]}}\n"
      "sources: {s: {net: s, dc: \"{k}\"}}\nelements: [R1 s 0 1]\nanalysis: {type: op}\n"
      "measurements: {a: {unit: V, value: v(s)}, b: {unit: V, formula: \"10*a + k\"}}\n");
  const Plan plan = make_plan(*bench_, bench_points(*bench_));
  std::vector<JobResult> results(2);
  results[0].ok = true;
  results[0].values = {3};
  results[0].reasons = {""};
  results[1].ok = true;
  results[1].values = {0};
  results[1].reasons = {"no crossing"};
  const auto points = collect(*bench_, plan, results);
  EXPECT_EQ(points[0].values, (std::vector<double>{3, 31}));
  EXPECT_TRUE(points[0].ok);
  EXPECT_FALSE(points[1].ok);
  EXPECT_TRUE(std::isnan(points[1].values[1]));
  EXPECT_THAT(points[1].reason, HasSubstr("a: no crossing"));
}

class PointNames : public PlanTest {
 protected:
  PointNames() {
    file("r.lib", ".lib s\n.model rm r rsh=1\n.endl\n.lib f\n.model rm r rsh=2\n.endl\n");
    bench_ = bench(
        "gaincell_bench: 1\nname: x\n"
        "corners: {slow: [{file: r.lib, section: s}], fast: [{file: r.lib, section: f}]}\n"
        "conditions: {v_dd: {unit: V, enumerate: [0.8, 0.9]}, z: {unit: V, enumerate: [0, 1u]}}\n"
        "sources: {s: {net: s, dc: \"{v_dd+z}\"}}\nelements: [R1 s 0 rm l=1u w=1u]\n"
        "analysis: {type: op}\nmeasurements: {a: {unit: V, value: v(s)}}\n"
        "holdout: {points: 2, seed: 1}\n");
    points_ = bench_points(*bench_);
  }
  std::vector<std::size_t> at(const std::vector<std::string>& words) {
    return points_at(*bench_, points_, words);
  }
  std::string refusal(const std::vector<std::string>& words) {
    try {
      (void)at(words);
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  }
  std::vector<Point> points_;
};

TEST_F(PointNames, LeadBackToTheirPoints) {
  ASSERT_EQ(points_.size(), 8u + 2);
  EXPECT_EQ(label_of(*bench_, points_[0]).substr(0, 11), "corner=slow");
  for (std::size_t p = 0; p < points_.size(); ++p) {
    std::istringstream label(label_of(*bench_, points_[p]));
    const std::vector<std::string> words{std::istream_iterator<std::string>(label), {}};
    EXPECT_EQ(at(words), std::vector<std::size_t>{p}) << label.str();
  }
  EXPECT_THAT(full_name(*bench_, points_[8], 8),
              ::testing::StartsWith("hold-out point 8 (corner="));
}

TEST_F(PointNames, ChooseByUnitsWordsAndCommas) {
  const auto one = at({"corner=fast,v_dd=0.9", "z=1uV"});
  ASSERT_EQ(one.size(), 1u);
  EXPECT_EQ(label_of(*bench_, points_[one[0]]), "corner=fast v_dd=0.9 z=1e-06");
  EXPECT_EQ(at({"corner=fast", "v_dd=900mV"}).size(), 2u);
  EXPECT_EQ(at({}).size(), points_.size());
  EXPECT_THAT(refusal({"vdd=0.9"}), HasSubstr("did you mean `v_dd`?"));
  EXPECT_THAT(refusal({"v_dd=0.85"}), HasSubstr("there are 0.8, 0.9"));
  EXPECT_THAT(refusal({"v_dd=fast"}), HasSubstr("there are 0.8, 0.9"));
  EXPECT_THAT(refusal({"corner=typical"}), HasSubstr("there are slow, fast"));
  EXPECT_THAT(refusal({"v_dd"}), HasSubstr("there are 0.8, 0.9"));
}

// A comparison with a result that is missing is false, and would make a number of it.
TEST_F(PlanTest, FormulaOverAMissingResultIsMissingAndSaysWhose) {
  bench_ = bench(
      "gaincell_bench: 1\nname: x\nsources: {s: {net: s, dc: 1}}\nelements: [R1 s 0 1]\n"
      "analysis: {type: op}\nmeasurements:\n  a: {unit: V, value: v(s)}\n"
      "  b: {unit: \"\", formula: \"a > 1 ? 1 : 0\"}\n  c: {unit: \"\", formula: b + 1}\n"
      "  d: {unit: V, formula: 2*3, scale: 5}\n");
  const Plan plan = make_plan(*bench_, bench_points(*bench_));
  std::vector<JobResult> results(1);
  results[0].ok = true;
  results[0].values = {0};
  results[0].reasons = {"none"};
  const auto points = collect(*bench_, plan, results);
  EXPECT_TRUE(std::isnan(points[0].values[1]));
  EXPECT_TRUE(std::isnan(points[0].values[2]));
  EXPECT_EQ(points[0].values[3], 30);
  EXPECT_THAT(points[0].reason, HasSubstr("b: it follows from `a`, which has no number"));
  EXPECT_THAT(points[0].reason, HasSubstr("c: it follows from `b`, which has no number"));
}

TEST_F(PlanTest, ArgumentsThatUseResultsAreWorkedOutBesideTheWaveforms) {
  const Plan p = plan(
      "gaincell_bench: 1\nname: x\nconditions: {k: {unit: V, enumerate: [2, 4]}}\n"
      "sources: {s: {net: s, dc: 1}}\nelements: [R1 s 0 1]\n"
      "analysis: {type: tran, step: 1n, stop: 5n}\nmeasurements:\n"
      "  top: {unit: V, maximum: v(s)}\n  part: {unit: V, formula: top/k}\n"
      "  t: {unit: s, crossing: v(s), level: \"{part}\", to: 4n}\n");
  ASSERT_EQ(p.jobs.size(), 1u);
  ASSERT_EQ(p.jobs[0].calls.size(), 5u);  // top; part and t at each k
  const MeasureCall& part = p.jobs[0].calls[1];
  EXPECT_EQ(part.kind, "formula");
  EXPECT_EQ(part.derived.at("formula").results, (std::map<std::string, std::uint32_t>{{"top", 0}}));
  EXPECT_EQ(part.derived.at("formula").known, (std::map<std::string, double>{{"k", 2}}));
  EXPECT_EQ(p.jobs[0].calls[2].derived.at("level").results.at("part"), 1u);
  EXPECT_EQ(p.jobs[0].calls[4].derived.at("level").results.at("part"), 3u);
  EXPECT_EQ(p.jobs[0].calls[2].numbers.at("to"), 4e-9);
  const std::string sent = encode_run(p.jobs[0], 0, false);
  EXPECT_EQ(decode_run(sent).calls, p.jobs[0].calls);
}

TEST_F(PlanTest, SweepOfItsOwnMakesNoPoints) {
  const Plan p = plan(
      "gaincell_bench: 1\nname: x\nconditions:\n"
      "  b: {unit: V, enumerate: [0, 1, 5]}\n  r: {unit: Ohm, enumerate: [1k, 2k]}\n"
      "sources: {x: {net: x, dc: 0}, y: {net: y, dc: 0}}\nelements: [\"R1 x y {r}\"]\n"
      "analysis: {type: dc, sweeps: [{source: x, start: 1, stop: 0, points: 5}, "
      "{source: y, condition: b}]}\n"
      "measurements: {m: {unit: V, crossing: i(x), level: 0}}\nholdout: {points: 2, seed: 1}\n");
  EXPECT_EQ(p.points.size(), 8u);
  ASSERT_EQ(p.jobs.size(), 4u);
  EXPECT_EQ(p.jobs[0].proof.count, 15u);
  EXPECT_EQ(p.jobs[0].proof.axis, (std::vector<double>{1, 0.75, 0.5, 0.25, 0}));
  EXPECT_EQ(p.jobs[0].calls[2].number("pass", 0), 2);
  EXPECT_EQ(p.jobs[2].proof.count, 5u);
  EXPECT_THAT(p.jobs[2].body, HasSubstr(".dc vx 1 0 -0.25\n"));
}

TEST_F(PlanTest, SweepOfNoLengthIsRefused) {
  EXPECT_THROW(plan("gaincell_bench: 1\nname: x\nsources: {x: {net: x, dc: 0}}\n"
                    "elements: [R1 x 0 1]\nmeasurements: {m: {unit: A, maximum: i(x)}}\n"
                    "analysis: {type: dc, sweeps: [{source: x, start: 1, stop: 1, points: 5}]}\n"),
               Error);
}

std::string ac_card(const std::string& keys, const std::string& type = "ac") {
  AnalysisArguments arguments;
  arguments.words = {{"output", "v(a)"}, {"source", "vs"}};
  for (const std::string& key : {keys}) {
    double start = 0;
    double stop = 0;
    double points = 0;
    EXPECT_EQ(std::sscanf(key.c_str(), "%lf %lf %lf", &start, &stop, &points), 3);
    arguments.numbers = {{"start", start}, {"stop", stop}, {"points_per_decade", points}};
  }
  return analysis_kind(type).card(arguments);
}

TEST(Frequencies, SpanOfLessThanAStepHasBothItsEnds) {
  EXPECT_EQ(ac_card("1e6 1e6 10"), ".ac lin 1 1000000 1000000");
  EXPECT_EQ(ac_card("1e6 1e7 10"), ".ac dec 10 1000000 10000000");
  for (const char* span : {"1e6 1.1e6 10", "1e6 1.00001e6 1", "1e6 1258925.4117 10"}) {
    double start = 0;
    double stop = 0;
    double points = 0;
    ASSERT_EQ(std::sscanf(ac_card(span).c_str(), ".ac dec %lf %lf %lf", &points, &start, &stop), 3);
    EXPECT_GE(std::floor(points * std::log10(stop / start)), 1) << span;
  }
  for (const char* span : {"0 1 10", "2 1 10", "1 1.0000001 10", "1 10 0.5", "1 10 2.5",
                           "1 10 100001", "1 1e19 1", "1e-300 1e300 100000"})
    EXPECT_THROW(ac_card(span), BadCard) << span;
  EXPECT_THAT(ac_card("1e3 2e3 3", "noise"), HasSubstr(" dec 4 1000 "));
}

TEST_F(PlanTest, RowsChangeTogetherAndTheOthersAreAGrid) {
  const Plan p = plan(
      "gaincell_bench: 1\nname: x\nconditions:\n"
      "  a: {unit: V}\n  r: {unit: Ohm, enumerate: [1k, 2k]}\n  temperature: {unit: degC}\n"
      "rows:\n  - {a: 0.9, temperature: 125}\n  - {temperature: -40, a: 1.1 V}\n"
      "  - {a: 1, temperature: 27}\n"
      "sources: {s: {net: s, dc: \"{a}\"}}\nelements: [\"R1 s 0 {r}\"]\n"
      "analysis: {type: op}\nmeasurements: {m: {unit: V, value: v(s)}}\n");
  ASSERT_EQ(p.points.size(), 6u);
  EXPECT_EQ(p.points[0].values, (std::vector<double>{0.9, 1e3, 125}));
  EXPECT_EQ(p.points[1].values, (std::vector<double>{0.9, 2e3, 125}));
  EXPECT_EQ(p.points[2].values, (std::vector<double>{1.1, 1e3, -40}));
  EXPECT_THAT(p.jobs[2].body, HasSubstr(".temp -40\n"));
}

}  // namespace
}  // namespace gaincell::characterize
