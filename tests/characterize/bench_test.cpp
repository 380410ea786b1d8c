#include "characterize/bench.h"

#include "characterize/schema.h"
#include "tests/characterize/support.h"

namespace gaincell::characterize {
namespace {

using ::testing::AllOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;

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

TEST_F(BenchFile, TableMustCoverEverySweptCondition) {
  EXPECT_THAT(complaint(divider("tables: {t: {of: v_out, over: []}}\n")),
              HasSubstr("`v_in` is swept, but is no axis"));
}

TEST_F(BenchFile, ElementWithoutModelIsRefused) {
  const std::string text =
      "gaincell_bench: 1\nname: x\nsources: {a: {net: a, dc: 1}}\nelements: [D1 a 0 dmod]\n"
      "analysis: {type: op}\nmeasurements: {m: {unit: V, value: v(a)}}\n";
  EXPECT_EQ(complaint(text), "");  // elements are checked with their expressions worked out
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

TEST(Schema, EveryKeyIsExplained) {
  const auto walk = [](const auto& self, const Block& block) -> void {
    for (const Key& key : block.keys) {
      EXPECT_FALSE(key.text.empty()) << block.title << ": " << key.name;
      const auto form = [&](const auto& inner, const Form& f) -> void {
        if (f.block != nullptr) self(self, *f.block);
        for (const Form& one : f.of) inner(inner, one);
      };
      form(form, key.form);
    }
  };
  walk(walk, bench_block());
}

}  // namespace
}  // namespace gaincell::characterize
