#include "characterize/bench/bench.h"

#include <map>

#include "characterize/bench/grammar.h"
#include "characterize/plan/plan.h"
#include "tests/characterize/support.h"

namespace gaincell::characterize {
namespace {

using ::testing::AllOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;

class BenchFile : public BenchTest {};

TEST_F(BenchFile, ReadsTheSmallestBench) {
  const auto b = bench(divider());
  EXPECT_EQ(b->name, "divider");
  ASSERT_EQ(b->conditions.size(), 1u);
  EXPECT_EQ(b->conditions[0].values, (std::vector<double>{0, 1, 2, 3, 4}));
  EXPECT_EQ(b->timeout_s, 60);
}

TEST_F(BenchFile, MisspeltKeyNamesLineAndNearestKey) {
  EXPECT_EQ(complaint(divider("timeuot: 3\n")),
            path("bench.yaml").string() + ":8: timeuot: unknown key; did you mean `timeout`?");
}

TEST_F(BenchFile, MisspeltKeyInsideABlockNamesItsPath) {
  EXPECT_THAT(complaint(divider("holdout: {shere: 0.1, seed: 1}\n")),
              AllOf(HasSubstr("bench.yaml:8: holdout.shere: unknown key"),
                    EndsWith("did you mean `share`?")));
}

TEST_F(BenchFile, KeysOfAnotherMeasurementAreRefused) {
  EXPECT_THAT(
      complaint("gaincell_bench: 1\nname: x\nsources: {a: {net: a, dc: 1}}\nelements: [R1 a 0 1]\n"
                "analysis: {type: tran, step: 1n, stop: 2n}\n"
                "measurements: {m: {unit: V, value: v(a), level: 3}}\n"),
      HasSubstr("measurements.m.level = 3: is not a key of `value`"));
}

TEST_F(BenchFile, ExpressionWithoutQuotesIsExplained) {
  EXPECT_THAT(complaint("gaincell_bench: 1\nname: x\nsources: {a: {net: a, dc: {v}}}\n"
                        "analysis: {type: op}\nmeasurements: {m: {unit: V, value: v(a)}}\n"),
              HasSubstr("put quotes around it"));
}

TEST_F(BenchFile, WrongUnitIsRefused) {
  EXPECT_THAT(complaint("gaincell_bench: 1\nname: x\nsources: {a: {net: a, dc: 5ns}}\n"
                        "analysis: {type: op}\nmeasurements: {m: {unit: V, value: v(a)}}\n"),
              HasSubstr("sources.a.dc = 5ns: is not a number in V"));
}

TEST_F(BenchFile, UnknownNamesInExpressionsAreRefused) {
  EXPECT_THAT(complaint(divider("parameters: {r: \"{v_im*2}\"}\n")),
              HasSubstr("did you mean `v_in`?"));
}

TEST_F(BenchFile, AnotherFormatVersionIsRefused) {
  EXPECT_THAT(complaint("gaincell_bench: 2\nname: x\nanalysis: {type: op}\nmeasurements: {}\n"),
              HasSubstr("it reads format 1"));
}

TEST_F(BenchFile, KeyThatStandsTwiceIsRefused) {
  EXPECT_THAT(complaint(divider("timeout: 3\ntimeout: 4\n")),
              HasSubstr("timeout = 4: stands here twice"));
}

TEST_F(BenchFile, BrokenYamlNamesItsLine) {
  EXPECT_THAT(complaint("gaincell_bench: 1\nname: [x\n"), HasSubstr("is not YAML"));
  EXPECT_THAT(complaint(std::string(100'000, '[')), HasSubstr("nests more than"));
}

TEST_F(BenchFile, UnknownOptionIsRefused) {
  EXPECT_THAT(complaint("gaincell_bench: 1\nname: x\nsources: {a: {net: a, dc: 1}}\n"
                        "analysis: {type: op, options: {chgtoll: 1e-17}}\n"
                        "measurements: {m: {unit: V, value: v(a)}}\n"),
              HasSubstr("analysis.options.chgtoll"));
}

TEST_F(BenchFile, UnknownSourceOfAnEnergyIsRefused) {
  EXPECT_THAT(
      complaint(
          "gaincell_bench: 1\nname: x\nsources: {vdd: {net: a, dc: 1}}\nelements: [R1 a 0 1]\n"
          "analysis: {type: tran, step: 1n, stop: 2n}\n"
          "measurements: {m: {unit: J, energy: [vdf]}}\n"),
      HasSubstr("did you mean `vdd`?"));
}

TEST_F(BenchFile, ValuesAreAddedToSweptConditionsOfNumbersAlone) {
  const std::string text =
      "gaincell_bench: 1\nname: x\n"
      "conditions: {v: {unit: V, enumerate: [0, 1]}, r: {unit: Ohm, typical: 1k}}\n"
      "sources: {a: {net: a, dc: \"{v}\"}}\nelements: [\"R1 a 0 {r}\"]\n"
      "analysis: {type: op}\nmeasurements: {m: {unit: V, value: v(a)}}\n";
  const auto values_with = [&](const AddedNode& node) {
    BenchOptions options;
    options.added_nodes = {node};
    return read_bench(file("bench.yaml", text).string(), options)->conditions[0].values;
  };
  EXPECT_EQ(values_with({"x", "v", 0.5}), (std::vector<double>{0, 0.5, 1}));
  EXPECT_EQ(values_with({"other", "w", 0.5}), (std::vector<double>{0, 1}));
  const auto complaint_of = [&](const AddedNode& node) -> std::string {
    try {
      values_with(node);
    } catch (const Error& e) {
      return e.what();
    }
    return "";
  };
  EXPECT_THAT(complaint_of({"x", "r", 2e3}), HasSubstr("conditions.r"));
  EXPECT_THAT(complaint_of({"x", "vv", 0.5}), HasSubstr("did you mean `v`?"));
}

// A column of dividers, measured one by one.
std::string ladder(const std::string& measurement) {
  return "gaincell_bench: 1\nname: x\nsources: {a: {count: 3, net: \"a{i}\", dc: \"{i}\"}}\n"
         "conditions: {v: {unit: V, typical: 1}}\n"
         "elements: [{count: 3, line: \"R{i} a{i} b{i} 1k\"}, {count: 3, line: \"Rb{i} b{i} 0 "
         "1k\"}]\n"
         "analysis: {type: op}\nmeasurements:\n" +
         measurement;
}

TEST_F(BenchFile, MeasurementsWithACountAreNumbered) {
  const auto b =
      bench(ladder("  out: {count: 3, unit: V, value: \"v(b{i})\"}\n"
                   "  next: {count: 2, unit: V, formula: \"out{i + 1} - out{i}\"}\n"));
  std::vector<std::string> names;
  for (const Measurement& m : b->measurements) names.push_back(m.name);
  EXPECT_EQ(names, (std::vector<std::string>{"out0", "out1", "out2", "next0", "next1"}));
  EXPECT_EQ(b->measurements[2].signals, std::vector<std::string>{"v(b2)"});
  EXPECT_EQ(b->measurements[4].uses, (std::set<std::size_t>{1, 2}));
}

TEST_F(BenchFile, NumberedMeasurementsAreRefusedWhereTheNumberSaysNothing) {
  EXPECT_THAT(complaint(ladder("  out: {count: 3, unit: V, value: v(b0)}\n")),
              HasSubstr("so many measurements of the same; number them: v(out{i})"));
  EXPECT_THAT(complaint(ladder("  out: {count: 3, unit: V, value: \"v(b{v})\"}\n")),
              HasSubstr("names `v`, and what is measured follows from `i` alone"));
  EXPECT_THAT(complaint(ladder("  out: {count: 3, unit: J, energy: a}\n")),
              HasSubstr("which have a count of their own"));
  EXPECT_THAT(complaint(ladder("  out0: {unit: V, value: v(b0)}\n"
                               "  out: {count: 3, unit: V, value: \"v(b{i})\"}\n")),
              HasSubstr("the name `out0` stands for something else already"));
}

TEST_F(BenchFile, TableMustCoverEverySweptCondition) {
  EXPECT_THAT(complaint(divider("tables: {t: {of: v_out, over: []}}\n")),
              HasSubstr("`v_in` is swept, but is no axis"));
}

TEST_F(BenchFile, TableMayLeaveOutAConditionThatItsMeasurementDoesNotKnow) {
  const auto with = [&](const std::string& source, const std::string& table) {
    return complaint(
        "gaincell_bench: 1\nname: x\n"
        "conditions: {age: {unit: s, enumerate: [1n, 2n]}, v: {unit: V, enumerate: [0, 1]}}\n"
        "sources: {a: {net: a, dc: \"" +
        source +
        "\"}}\nelements: [R1 a b 1k, C1 b 0 1p]\n"
        "analysis: {type: tran, step: 1n, stop: 3n}\n"
        "measurements:\n  late: {unit: V, value: v(b), at: \"{age}\"}\n"
        "  energy: {unit: J, energy: a}\n  of_late: {unit: V, formula: \"late + 0*energy\"}\n"
        "tables: {t: {" +
        table + "}}\n");
  };
  EXPECT_EQ(with("{v}", "of: late, over: [v, age]"), "");
  EXPECT_EQ(with("{v}", "of: energy, over: [v]"), "");
  EXPECT_THAT(with("{v}", "of: late, over: [v]"), HasSubstr("`age` is swept, but is no axis"));
  EXPECT_THAT(with("{v}", "of: of_late, over: [v]"), HasSubstr("`age` is swept, but is no axis"));
  EXPECT_THAT(with("{v + 1e9*age}", "of: energy, over: [v]"),
              HasSubstr("`age` is swept, but is no axis"));
}

TEST_F(BenchFile, ElementWithoutModelIsReadAndRefusedByThePlan) {
  const std::string text =
      "gaincell_bench: 1\nname: x\nsources: {a: {net: a, dc: 1}}\nelements: [D1 a 0 dmod]\n"
      "analysis: {type: op}\nmeasurements: {m: {unit: V, value: v(a)}}\n";
  const auto b = bench(text);  // elements are checked with their expressions worked out
  try {
    (void)make_plan(*b, bench_points(*b));
    ADD_FAILURE() << "planned";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("there is no model `dmod`"));
  }
}

TEST_F(BenchFile, ListOfValuesStandsAlone) {
  for (const char* key : {"minimum: 0", "maximum: 3", "step: linear", "points: 3"})
    EXPECT_THAT(complaint(std::string("gaincell_bench: 1\nname: x\n"
                                      "conditions: {a: {unit: V, enumerate: [1, 2], ") +
                          key +
                          "}}\nelements: [R1 s 0 1k]\nanalysis: {type: op}\n"
                          "measurements: {m: {unit: V, value: v(s)}}\n"),
                HasSubstr("`enumerate` stands alone"))
        << key;
}

TEST_F(BenchFile, SweepsAreLinearLogarithmicOrLists) {
  const auto b = bench(
      "gaincell_bench: 1\nname: x\n"
      "conditions:\n"
      "  a: {unit: s, minimum: 1n, maximum: 1u, step: logarithmic, points: 4}\n"
      "  b: {unit: V, enumerate: [0.2, 0.9]}\n"
      "  c: {unit: V, minimum: 0.8, typical: 0.9, maximum: 1}\n"
      "  d: {unit: V, typical: 0.9}\n"
      "sources: {s: {net: s, dc: 1}}\n"
      "analysis: {type: op}\nmeasurements: {m: {unit: V, value: v(s)}}\n");
  EXPECT_DOUBLE_EQ(b->conditions[0].values[1], 1e-8);
  EXPECT_EQ(b->conditions[1].values, (std::vector<double>{0.2, 0.9}));
  EXPECT_EQ(b->conditions[2].values, (std::vector<double>{0.8, 0.9, 1}));
  EXPECT_FALSE(b->conditions[3].swept);
}

std::string cornered(const std::string& more) {
  return "gaincell_bench: 1\nname: x\n"
         "corners: {slow: [{file: lib.inc, section: ss}], fast: [{file: lib.inc, section: ff}]}\n"
         "sources: {a: {net: a, dc: 1}}\nelements: [R1 a 0 1k]\nanalysis: {type: op}\n"
         "measurements: {m: {unit: A, value: i(a)}}\n" +
         more;
}

class Corners : public BenchTest {
 protected:
  void SetUp() override {
    file("lib.inc", ".lib ss\n.param r=2k\n.endl\n.lib ff\n.param r=1k\n.endl\n");
  }
  std::unique_ptr<const Bench> filtered(const std::string& text, std::vector<std::string> filters) {
    return read_bench(file("bench.yaml", text).string(), {std::move(filters), {}, {}});
  }
};

TEST_F(Corners, AreTheSlowestCondition) {
  const auto b = bench(cornered("conditions: {v: {unit: V, enumerate: [1, 2]}}\n"));
  ASSERT_EQ(b->conditions.size(), 2u);
  EXPECT_EQ(b->conditions[0].name, "corner");
  EXPECT_EQ(b->conditions[0].words, (std::vector<std::string>{"slow", "fast"}));
  EXPECT_TRUE(b->conditions[0].swept);
  EXPECT_EQ(b->corners.size(), 2u);
}

TEST_F(Corners, ConditionChoosesAmongThem) {
  EXPECT_EQ(bench(cornered("conditions: {corner: {typical: fast}}\n"))->conditions[0].values,
            (std::vector<double>{1}));
  EXPECT_THAT(complaint(cornered("conditions: {corner: {typical: fasst}}\n")),
              HasSubstr("conditions.corner.typical = fasst: is no corner; did you mean `fast`?"));
}

TEST_F(Corners, FilterChoosesAmongThem) {
  const auto b = filtered(cornered(""), {"corner=fast"});
  EXPECT_EQ(b->conditions[0].values, (std::vector<double>{1}));
  EXPECT_FALSE(b->conditions[0].swept);
  EXPECT_EQ(b->filters, (std::vector<std::string>{"corner=fast"}));
  // A fixed corner is what is usual; a filter may name another.
  const auto fixed = filtered(cornered("conditions: {corner: {typical: fast}}\n"), {"corner=slow"});
  EXPECT_EQ(fixed->conditions[0].values, (std::vector<double>{0}));
}

TEST_F(Corners, UnknownSectionIsRefused) {
  std::string wrong = cornered("");
  wrong.replace(wrong.find("section: ff"), 11, "section: fx");
  EXPECT_THAT(complaint(wrong), HasSubstr("has no section `fx`"));
}

TEST_F(Corners, AreNoAxisOfATable) {
  EXPECT_THAT(complaint(cornered("tables: {t: {of: m, over: [corner]}}\n")),
              HasSubstr("between two corners there is nothing"));
}

TEST_F(BenchFile, FilterKeepsSomeValues) {
  const auto with = [&](const std::string& filter) {
    return read_bench(file("bench.yaml", divider()).string(), {{filter}, {}, {}})
        ->conditions[0]
        .values;
  };
  EXPECT_EQ(with("v_in=1,3"), (std::vector<double>{1, 3}));
  EXPECT_EQ(with("v_in=1..3V"), (std::vector<double>{1, 2, 3}));
  EXPECT_THROW(with("v_in=1.5"), Error);
  EXPECT_THROW(with("v_in"), Error);
  EXPECT_THROW(with("v_in=8..9"), Error);
}

TEST_F(BenchFile, FilterThatLeavesNoAxisLeavesNoTable) {
  const auto b =
      read_bench(file("bench.yaml", divider("tables: {t: {of: v_out, over: [v_in]}}\n")).string(),
                 {{"v_in=1"}, {}, {}});
  EXPECT_TRUE(b->tables.empty());
}

TEST_F(BenchFile, StepSizesLeadFromEndToEnd) {
  const auto values = [&](const std::string& keys) {
    return bench("gaincell_bench: 1\nname: x\nconditions: {a: {unit: V, " + keys +
                 "}}\nsources: {s: {net: s, dc: 1}}\nanalysis: {type: op}\n"
                 "measurements: {m: {unit: V, value: v(s)}}\n")
        ->conditions[0]
        .values;
  };
  EXPECT_EQ(values("minimum: 0, maximum: 0.9, step: linear, stepsize: 0.3").size(), 4u);
  EXPECT_EQ(values("minimum: 1m, maximum: 1, step: logarithmic, stepsize: 10").size(), 4u);
  EXPECT_THROW(values("minimum: 0, maximum: 1, step: linear, stepsize: 0.3"), Error);
}

TEST_F(BenchFile, SpecificationsAreChecked) {
  const auto spec = [&](const std::string& keys) {
    return complaint(
        "gaincell_bench: 1\nname: x\nsources: {a: {net: a, dc: 1}}\nelements: [R1 a 0 1]\n"
        "analysis: {type: op}\nmeasurements: {m: {unit: V, value: v(a), spec: {" +
        keys + "}}}\n");
  };
  EXPECT_EQ(spec("minimum: 0.9 V, typical: {value: 1}, maximum: {value: any}"), "");
  EXPECT_THAT(spec("minimum: 2, maximum: 1"), HasSubstr("spec.maximum = 1: lies below `minimum`"));
  EXPECT_THAT(spec("sigma: 2"), HasSubstr("needs draws"));
  EXPECT_THAT(spec("minimum: any"), HasSubstr("limits nothing"));
  EXPECT_THAT(spec("minimum: 3 A"), HasSubstr("is not a number in V"));
}

TEST_F(BenchFile, SignalsFitTheirAnalysis) {
  const auto measured = [&](const std::string& analysis, const std::string& measure) {
    return complaint(
        "gaincell_bench: 1\nname: x\nsources: {a: {net: a, dc: 1, ac: 1}}\n"
        "elements: [R1 a 0 1]\nanalysis: {" +
        analysis + "}\nmeasurements: {m: {unit: V, " + measure + "}}\n");
  };
  const std::string ac = "type: ac, start: 1k, stop: 1meg";
  EXPECT_EQ(measured(ac, "value: vdb(a), at: 1kHz"), "");
  EXPECT_THAT(measured(ac, "value: v(a)"), HasSubstr("is not measured in `ac`; write"));
  EXPECT_THAT(measured(ac, "value: vm(a), at: 1us"), HasSubstr("is not a number in Hz"));
  EXPECT_THAT(measured("type: op", "value: vdb(a)"), HasSubstr("is not measured in `op`"));
  EXPECT_THAT(measured(ac, "charge: a"), HasSubstr("is measured along time"));
  EXPECT_THAT(measured("type: noise, start: 1, stop: 1k, output: v(a), source: b", "value: onoise"),
              HasSubstr("is no source of this bench"));
}

TEST_F(BenchFile, ArgumentUsesNoResultOfAnotherAnalysis) {
  const auto measured = [&](const std::string& level) {
    return complaint(
        "gaincell_bench: 1\nname: x\nsources: {a: {net: a, dc: 1, ac: 1}}\nelements: [R1 a 0 1]\n"
        "analyses: {point: {type: op}, time: {type: tran, step: 1n, stop: 5n}}\nmeasurements:\n"
        "  rest: {unit: V, value: v(a)}\n  half: {unit: V, formula: rest/2}\n"
        "  top: {unit: V, maximum: v(a), analysis: time}\n"
        "  t: {unit: s, crossing: v(a), analysis: time, level: \"" +
        level + "\"}\n");
  };
  EXPECT_EQ(measured("{top}/2"), "");
  EXPECT_THAT(measured("{half}"), HasSubstr("`half` comes from the analysis `point`"));
  EXPECT_THAT(measured("{rest}"), HasSubstr("measurements.t.level"));
  EXPECT_THAT(measured("{t}"), HasSubstr("nothing is named `t`"));
  EXPECT_THAT(measured("{later}"), HasSubstr("nothing is named `later`"));
}

TEST_F(BenchFile, SweepsOfDcSayWhatTheyRunOver) {
  const auto sweep = [&](const std::string& keys, const std::string& measure,
                         const std::string& more = "") {
    return complaint(
        "gaincell_bench: 1\nname: x\nconditions: {v: {unit: V, enumerate: [0, 1, 2]}}\n"
        "sources: {a: {net: a, dc: 1}, b: {net: b, dc: 1}}\nelements: [R1 a b 1]\n"
        "analysis: {type: dc, sweeps: [" +
        keys + "]}\nmeasurements: {m: {unit: V, " + measure + "}}\n" + more);
  };
  const std::string own = "{source: a, start: 0, stop: 1 V, points: 3}";
  const std::string over = "{source: b, condition: v}";
  EXPECT_EQ(sweep(own, "crossing: i(a), level: 0"), "");
  EXPECT_EQ(sweep(own + ", " + over, "minimum: \"deriv(i(a))\""), "");
  EXPECT_EQ(sweep(over, "maximum: i(a)"), "");
  EXPECT_THAT(sweep(over + ", " + own, "maximum: i(a)"), HasSubstr("the outer sweep"));
  EXPECT_THAT(sweep("{source: a, start: 0, points: 3}", "maximum: i(a)"), HasSubstr("`stop`"));
  EXPECT_THAT(sweep("{source: a, condition: v, points: 3}", "maximum: i(a)"),
              HasSubstr("goes without `condition`"));
  EXPECT_THAT(sweep(own, "value: i(a)"), HasSubstr("needs the key `at`"));
  EXPECT_THAT(sweep(own, "value: i(a), at: 1 A"), HasSubstr("is not a number in V"));
  EXPECT_THAT(sweep(own, "charge: a"), HasSubstr("is measured along time"));
  EXPECT_THAT(sweep(over, "maximum: i(a)", "holdout: {points: 2, seed: 1}\n"),
              HasSubstr("`m` lies along a sweep"));
  EXPECT_EQ(sweep(over, "value: i(a)", "holdout: {points: 2, seed: 1}\n"), "");
}

TEST_F(BenchFile, RadiansUnderTheNameOfDegreesAreRefused) {
  const auto phase = [&](const std::string& unit, const std::string& signal) {
    return complaint(
        "gaincell_bench: 1\nname: x\nsources: {a: {net: a, ac: 1}}\nelements: [R1 a 0 1]\n"
        "analysis: {type: ac, start: 1, stop: 10}\nmeasurements: {m: {unit: " +
        unit + ", value: \"" + signal + "\"}}\n");
  };
  EXPECT_EQ(phase("rad", "vp(a)"), "");
  EXPECT_EQ(phase("deg", "deg(vp(a))"), "");
  EXPECT_EQ(phase("deg", "vp(a)*180/pi"), "");
  EXPECT_THAT(phase("deg", "vp(a)"), HasSubstr("deg(vp(a))"));
}

TEST_F(BenchFile, RowsGiveEveryConditionOnceAndNothingElse) {
  const auto rows = [&](const std::string& conditions, const std::string& text,
                        const std::string& more = "") {
    return complaint("gaincell_bench: 1\nname: x\nconditions: {" + conditions + "}\nrows: " + text +
                     "\nsources: {a: {net: a, dc: \"{v}\"}}\nelements: [R1 a 0 1]\n"
                     "analysis: {type: op}\nmeasurements: {m: {unit: V, value: v(a)}}\n" +
                     more);
  };
  const std::string both = "v: {unit: V}, w: {unit: s}";
  EXPECT_EQ(rows(both, "[{v: 1, w: 2n}, {v: 2, w: 1n}]"), "");
  EXPECT_THAT(rows(both, "[{v: 1, w: 2n}, {v: 2}]"), HasSubstr("`w` does not stand in every row"));
  EXPECT_THAT(rows(both, "[{v: 1}, {v: 2, w: 1n}]"), HasSubstr("`w` does not stand in every row"));
  EXPECT_THAT(rows(both, "[{v: 1, w: 2 V}]"), HasSubstr("is not a number in s"));
  EXPECT_THAT(rows("v: {unit: V, typical: 1}", "[{v: 1}]"),
              HasSubstr("takes its values from `rows`"));
  EXPECT_THAT(rows("v: {unit: V}", "[{v: 1, u: 2}]"), HasSubstr("`u` is no condition"));
  EXPECT_THAT(rows("v: {unit: V}", "[]"), HasSubstr("1 to 100,000 rows"));
  EXPECT_THAT(rows("v: {unit: V}", "[{v: 1}, {v: 2}]", "holdout: {points: 1, seed: 1}\n"),
              HasSubstr("not with `rows`"));
  EXPECT_THAT(rows("v: {unit: V}, k: {unit: V, enumerate: [1, 2]}", "[{v: 1}]",
                   "tables: {t: {of: m, over: [k]}}\n"),
              HasSubstr("makes no tables"));
  file("rows.csv", "v; w\n1; 2n\n2; 1n\n");
  EXPECT_EQ(rows(both, "{file: rows.csv}"), "");
  file("rows.csv", "v;w\n1,5;2n\n");
  EXPECT_THAT(rows(both, "{file: rows.csv}"), HasSubstr("rows.csv:2"));
  file("rows.csv", "1,2n\n");
  EXPECT_THAT(rows(both, "{file: rows.csv}"), HasSubstr("no line of names"));
}

TEST_F(BenchFile, FilterChoosesAmongRows) {
  const std::string path = file("bench.yaml",
                                "gaincell_bench: 1\nname: x\n"
                                "conditions: {v: {unit: V}, w: {unit: V}}\n"
                                "rows: [{v: 1, w: 5}, {v: 2, w: 5}, {v: 1, w: 6}]\n"
                                "sources: {a: {net: a, dc: \"{v+w}\"}}\nelements: [R1 a 0 1]\n"
                                "analysis: {type: op}\nmeasurements: {m: {unit: V, value: v(a)}}\n")
                               .string();
  const auto both = read_bench(path, {{"v=1"}, {}, {}});
  EXPECT_EQ(both->rows, 2u);
  EXPECT_EQ(both->conditions[1].values, (std::vector<double>{5, 6}));
  EXPECT_EQ(read_bench(path, {{"v=1", "w=6"}, {}, {}})->rows, 1u);
  EXPECT_THROW(read_bench(path, {{"v=2", "w=6"}, {}, {}}), Error);
}

TEST_F(BenchFile, WaveformsComeFromFilesAsInstrumentsWriteThem) {
  const auto wave = [&](const std::string& text, const std::string& keys = "") {
    file("wave.csv", text);
    return complaint("gaincell_bench: 1\nname: x\nsources: {a: {net: a, pwl: {file: wave.csv" +
                     keys +
                     "}}}\nelements: [R1 a 0 1]\nanalysis: {type: tran, step: 1n, stop: 5n}\n"
                     "measurements: {m: {unit: V, value: v(a)}}\n");
  };
  EXPECT_EQ(wave("0,0\n1n,1\n"), "");
  EXPECT_EQ(wave("\xEF\xBB\xBF# scope\r\n\"time\";\"ch 1\"\r\n0;0\r\n1e-9;1\r\n\r\n"), "");
  EXPECT_EQ(wave("t\ta\tb\n0\t5\t0\n1e-9\t5\t1\n", ", time: t, value: b"), "");
  EXPECT_EQ(wave("  0   0\n 1n   1\n"), "");
  EXPECT_THAT(wave("0;0\n1e-9;0,5\n"), HasSubstr("wave.csv:2"));
  EXPECT_THAT(wave("0;0\n1e-9;0,5\n"), HasSubstr("decimal point"));
  EXPECT_THAT(wave("0,0\n1n,1\n1n,2\n"), HasSubstr("wave.csv:3"));
  EXPECT_THAT(wave("-1n,0\n1n,1\n"), HasSubstr("times must rise"));
  EXPECT_THAT(wave("0,0\n1n\n"), HasSubstr("holds 1 cells"));
  EXPECT_THAT(wave("0,0\n1n,nan\n"), HasSubstr("not a number in V"));
  EXPECT_THAT(wave("0,0\n1n,inf\n"), HasSubstr("not a number in V"));
  EXPECT_THAT(wave("0,0\n1n,1\n", ", value: 3"), HasSubstr("which has 2"));
  EXPECT_THAT(wave("t,a\n0,0\n", ", value: b"), HasSubstr("is no column"));
  EXPECT_THAT(wave("# nothing\n"), HasSubstr("holds no row"));
  std::string long_one;
  for (int k = 0; k <= 10'000; ++k) long_one += std::to_string(k) + " 0\n";
  EXPECT_THAT(wave(long_one), HasSubstr("more than 10000 rows"));
  std::string fewer;
  for (int k = 0; k < 2'000; ++k) fewer += std::to_string(k) + " 0\n";
  file("wave.csv", fewer);
  EXPECT_THAT(complaint("gaincell_bench: 1\nname: x\nsources: {a: {net: \"a{i}\", count: 1000, "
                        "pwl: {file: wave.csv}}}\nelements: [R1 a0 0 1]\n"
                        "analysis: {type: tran, step: 1n, stop: 5n}\n"
                        "measurements: {m: {unit: V, value: v(a0)}}\n"),
              HasSubstr("more than 1,000,000 rows"));
}

TEST_F(BenchFile, LibraryKeepsWhatTheBenchNeeds) {
  file("big.lib",
       ".param unused=1 used=2\n.param chained={used*2}\n"
       ".subckt outer a\nx1 a inner\n.ends\n.subckt inner a\nr1 a 0 {chained}\n.ends\n"
       ".subckt broken a\nm1 a a a a nowhere w=1u l=1u\n.ends\n.model lonely nmos level=1\n");
  const auto b = bench(
      "gaincell_bench: 1\nname: x\nmodels: [big.lib]\ncircuit: {subcircuit: outer}\n"
      "sources: {a: {net: a, dc: 1}}\nanalysis: {type: op}\n"
      "measurements: {m: {unit: V, value: v(a)}}\n");
  const std::string text = b->corners.front().library->text();
  EXPECT_THAT(text, AllOf(HasSubstr("inner"), HasSubstr("chained"), HasSubstr("used=2")));
  EXPECT_THAT(text, Not(HasSubstr("broken")));
  EXPECT_THAT(text, Not(HasSubstr("lonely")));
}

// Wherever it is given: one of a list, the end of a range, in a row, or found by a search.
TEST_F(BenchFile, TemperatureThatNothingCanHaveIsRefused) {
  const auto at = [&](const std::string& condition, const std::string& more = "") {
    return complaint(
        "gaincell_bench: 1\nname: x\nsources: {a: {net: a, dc: 1}}\n"
        "elements: [R1 a 0 1k]\nanalysis: {type: op}\n"
        "measurements: {m: {unit: V, value: v(a)}}\n" +
        (condition.empty() ? "" : "conditions: {temperature: {unit: degC" + condition + "}}\n") +
        more);
  };
  EXPECT_EQ(at(", typical: -273"), "");
  EXPECT_EQ(at(", enumerate: [-273, 27, 1000]"), "");
  EXPECT_THAT(at(", typical: -400"), HasSubstr("lies above -273.15 and is at most 1000 degC"));
  EXPECT_THAT(at(", enumerate: [-273.15, 27]"), HasSubstr("conditions.temperature"));
  EXPECT_THAT(at(", minimum: 0, maximum: 1001, step: linear, points: 3"), HasSubstr("= 1001:"));
  EXPECT_THAT(at("", "rows: [{temperature: 27}, {temperature: 1e99}]\n"), HasSubstr("condition"));
  EXPECT_THAT(at(" ", "rows: [{temperature: 27}, {temperature: 1e99}]\n"), HasSubstr("= 1e+99:"));
  EXPECT_THAT(at("",
                 "search: {over: temperature, unit: degC, minimum: -300, maximum: 100, "
                 "tolerance: 1, passes: m > 0}\n"),
              HasSubstr("search.minimum = -300:"));
}

class SearchBlock : public BenchTest {
 protected:
  // What a bench is refused for whose search differs in one key, or in the rest of it.
  std::string refusal(const std::string& key = "", const std::string& value = "",
                      const std::string& analysis = "{type: op}", const std::string& more = "") {
    std::map<std::string, std::string> keys{{"over", "v_in"},    {"unit", "V"},
                                            {"minimum", "0"},    {"maximum", "1"},
                                            {"tolerance", "1m"}, {"passes", "y > v_t"}};
    if (!key.empty()) keys[key] = value;
    std::string search;
    for (const auto& [name, text] : keys) {
      if (!text.empty()) search += (search.empty() ? "" : ", ") + name + ": \"" + text + "\"";
    }
    return complaint("gaincell_bench: 1\nname: x\nsearch: {" + search +
                     "}\nconditions: {v_t: {unit: V, enumerate: [0.2, 0.3]}}\n"
                     "sources: {in: {net: in, dc: \"{v_in}\"}, s: {net: s, dc: 0}}\n"
                     "elements: [R1 in y 1k, R2 y 0 1k, \"R3 s 0 {1k + v_t}\"]\nanalysis: " +
                     analysis + "\nmeasurements: {y: {unit: V, value: v(y)}" + more + "}\n");
  }
};

TEST_F(SearchBlock, WhatCannotBeSearchedIsRefused) {
  EXPECT_EQ(refusal(), "");
  EXPECT_THAT(refusal("passes", ""), HasSubstr("`passes` is missing"));
  EXPECT_THAT(refusal("passes", "v_in > v_t"), HasSubstr("search.passes"));
  EXPECT_THAT(refusal("passes", "v_in > v_t"), HasSubstr("names no measurement"));
  EXPECT_THAT(refusal("passes", "x > v_t"), HasSubstr("`x`"));
  EXPECT_THAT(refusal("maximum", "0"), HasSubstr("must be greater than `minimum`"));
  EXPECT_THAT(refusal("maximum", "1 A"), HasSubstr("search.maximum"));
  EXPECT_THAT(refusal("tolerance", "0"), HasSubstr("must be greater than 0"));
  EXPECT_THAT(refusal("tolerance", "1"), HasSubstr("must be less than"));
  EXPECT_THAT(refusal("tolerance", "1e-17"), HasSubstr("is finer than numbers of this range are"));
  EXPECT_THAT(refusal("over", "v_t"), HasSubstr("stands for something else already"));
  EXPECT_THAT(refusal("over", "temperature"), HasSubstr("is in degC"));
  EXPECT_THAT(refusal("over", "v_other"), HasSubstr("`v_in`"));
}

TEST_F(SearchBlock, WhatNothingUsesIsRefused) {
  EXPECT_THAT(complaint(divider("search: {over: v_x, unit: V, minimum: 0, maximum: 1, tolerance: "
                                "1m, passes: v_out > 1}\n")),
              HasSubstr("search.over = v_x: nothing uses it"));
  EXPECT_THAT(
      complaint(divider("parameters: {p: \"{v_out}\"}\nsearch: {over: v_out, unit: V, minimum: "
                        "0, maximum: 1, tolerance: 1m, passes: v_out > 1}\n")),
      HasSubstr("v_out: the name `v_out` stands for something else already"));
}

TEST_F(SearchBlock, SweepOverAConditionIsRefused) {
  EXPECT_THAT(refusal("", "", "{type: dc, sweeps: [{source: s, condition: v_t}]}"),
              HasSubstr("takes the condition `v_t` through its values in one run"));
}

TEST_F(SearchBlock, OfAnotherRunnerIsRefused) {
  const auto b =
      bench(divider("parameters: {half: \"{v_x}\"}\nsearch: {over: v_x, unit: V, minimum: "
                    "0, maximum: 1, tolerance: 1m, passes: v_out > half}\n"));
  try {
    (void)make_plan(*b, bench_points(*b));
    ADD_FAILURE();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("is run by `gaincell characterize`"));
  }
}

TEST(Schema, EveryKeyIsExplained) {
  int keys = 0;
  const auto walk = [&keys](const auto& self, const Block& block) -> void {
    for (const Key& key : block.keys) {
      ++keys;
      EXPECT_FALSE(key.text.empty()) << block.title << ": " << key.name;
      const auto form = [&](const auto& inner, const Form& f) -> void {
        if (f.block != nullptr) self(self, *f.block);
        for (const Form& one : f.of) inner(inner, one);
      };
      form(form, key.form);
    }
  };
  walk(walk, bench_block());
  EXPECT_GE(keys, 100);
}

}  // namespace
}  // namespace gaincell::characterize
