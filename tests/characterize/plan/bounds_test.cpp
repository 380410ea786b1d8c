#include <fmt/format.h>

#include "characterize/campaign/campaign_plan.h"
#include "characterize/plan/plan.h"
#include "tests/characterize/support.h"

// A small text never asks for much: memory, depth and numbers are bounded as they grow.
namespace gaincell::characterize {
namespace {

using ::testing::HasSubstr;

class Bounds : public BenchTest {
 protected:
  std::string refusal(const std::string& text) {
    try {
      const auto read = bench(text);
      (void)make_plan(*read, bench_points(*read));
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  }
  static std::string with_conditions(const std::string& conditions, const std::string& more = "") {
    return "gaincell_bench: 1\nname: x\nconditions: {" + conditions +
           "}\nsources: {s: {net: s, dc: 1}}\nelements: [R1 s 0 1k]\nanalysis: {type: op}\n"
           "measurements: {m: {unit: V, value: v(s)}}\n" +
           more;
  }
};

TEST_F(Bounds, AnAliasMayRepeatButNotHoldItself) {
  EXPECT_THAT(refusal("a: &a [*a]\n" + divider()), HasSubstr("a[0]: is an alias that leads back"));
  EXPECT_THAT(refusal("&r\ngaincell_bench: 1\ndescription: *r\n"),
              HasSubstr("leads back to itself"));
  EXPECT_THAT(refusal("x: &x {y: {z: [1, *x]}}\n" + divider()), HasSubstr("leads back to itself"));
  EXPECT_THAT(refusal("a: &a [&b [*a, *b]]\n" + divider()), HasSubstr("leads back to itself"));
  EXPECT_EQ(refusal("gaincell_bench: 1\nname: x\nsources: {s: {net: s, dc: &one 1}}\n"
                    "elements: &lines [R1 s 0 1k]\nanalysis: {type: op}\n"
                    "conditions: {c: {unit: V, typical: *one}}\n"
                    "measurements: {m: {unit: V, value: v(s)}}\n"),
            "");
}

TEST_F(Bounds, AliasesDoNotUnfoldWithoutBound) {
  std::string laughs = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (int k = 1; k < 10; ++k) {
    laughs += fmt::format("a{}: &a{} [", k, k);
    for (int j = 0; j < 10; ++j) laughs += fmt::format("{}*a{}", j > 0 ? ", " : "", k - 1);
    laughs += "]\n";
  }
  EXPECT_THAT(refusal(laughs + divider()), HasSubstr("more than 200,000 values"));
  std::string tower = "a0: &a0 [x]\n";
  for (int k = 1; k < 100; ++k) tower += fmt::format("a{}: &a{} [*a{}]\n", k, k, k - 1);
  EXPECT_THAT(refusal(tower + divider()), HasSubstr("nests more than 64 levels"));
}

TEST_F(Bounds, ASecondDocumentIsRefused) {
  EXPECT_THAT(refusal(divider() + "---\nname: other\n"), HasSubstr("is a second YAML document"));
  EXPECT_EQ(refusal("---\n" + divider() + "...\n"), "");
}

TEST_F(Bounds, TextThatIsNotUtf8IsRefused) {
  for (const char* odd : {"\xff", "\xc3", "\xc0\xaf", "\xed\xa0\x80", "\xf5\x80\x80\x80"})
    EXPECT_THAT(refusal(divider("description: \"" + std::string(odd) + "\"\n")),
                HasSubstr("bench.yaml:8: is not UTF-8"));
  EXPECT_EQ(refusal(divider("description: \"\xc3\xa4\xe2\x82\xac\"\n")), "");
}

TEST_F(Bounds, ProductsAreBoundedAndNotFactorsAlone) {
  const std::string axis = "{unit: V, minimum: 0, maximum: 1, step: linear, points: 1000}";
  EXPECT_THAT(refusal(with_conditions("a: " + axis + ", b: " + axis + ", c: " + axis)),
              HasSubstr("conditions.c: makes more than 1,000,000 points"));
  const std::string vector = "{unit: V, count: 100000, draw: {uniform: [0, 1]}}";
  EXPECT_THAT(refusal(with_conditions("a: " + vector, "draws: {points: 1000000, seed: 1}\n")),
              HasSubstr("draws.points = 1000000: its points take more than 256 MB"));
  EXPECT_THAT(
      refusal(with_conditions("a: " + vector + ", b: " + vector, "draws: {points: 1, seed: 1}\n")),
      HasSubstr("more than 100,000 elements together"));
  EXPECT_THAT(
      refusal(with_conditions("a: " + axis + ", v: {unit: V, count: 1, draw: {normal: [0, 1]}}",
                              "draws: {points: 2000, seed: 1}\n")),
      HasSubstr("draws.points = 2000: makes more than 1,000,000 points"));
  EXPECT_THAT(
      refusal(with_conditions("a: " + axis, "holdout: {points: 9223372036854775807, seed: 1}\n")),
      HasSubstr("holdout.points"));
  EXPECT_THAT(
      refusal(with_conditions("a: {unit: V, minimum: 0, maximum: 1, step: linear, points: 1000000}",
                              "holdout: {share: 10, seed: 1}\n")),
      HasSubstr("holdout.share"));
}

TEST_F(Bounds, LinesOfADeckAreBoundedTogether) {
  const std::string many = "count: 9223372036854775807";
  EXPECT_THAT(
      refusal(divider("initial_conditions: {a: {net: \"n{i}\", value: 0, " + many + "}}\n")),
      HasSubstr("initial_conditions.a.count"));
  EXPECT_THAT(refusal(divider("starting_guesses: {a: {net: \"n{i}\", value: 0, count: 60000}, "
                              "b: {net: \"m{i}\", value: 0, count: 60000}}\n")),
              HasSubstr("starting_guesses.b.count"));
  EXPECT_THAT(
      refusal("gaincell_bench: 1\nname: x\nsources: {a: {net: \"a{i}\", dc: 1, count: 60000}, "
              "b: {net: \"b{i}\", dc: 1, count: 60000}}\nanalysis: {type: op}\n"
              "measurements: {m: {unit: V, value: v(a0)}}\n"),
      HasSubstr("sources.b.count"));
  EXPECT_THAT(
      refusal("gaincell_bench: 1\nname: x\nelements: [{line: \"R{i} a 0 1\", count: 60000}, "
              "{line: \"C{i} a 0 1\", count: 60000}]\nanalysis: {type: op}\n"
              "measurements: {m: {unit: V, value: v(a)}}\n"),
      HasSubstr("elements[1].count"));
  EXPECT_THAT(
      refusal("gaincell_bench: 1\nname: x\nelements: [\"R1 a 0 1" + std::string(1'000'000, '1') +
              "\"]\nanalysis: {type: op}\nmeasurements: {m: {unit: V, value: v(a)}}\n"),
      HasSubstr("elements[0]: is longer than 100,000 characters"));
}

TEST_F(Bounds, NamesAndTextsAreBounded) {
  const std::string name(201, 'n');
  const std::string text(100'001, 't');
  EXPECT_THAT(refusal(divider("parameters: {" + name + ": 1}\n")), HasSubstr("is not a name"));
  EXPECT_THAT(
      refusal("name: " + name + "\ngaincell_bench: 1\nanalysis: {type: op}\nmeasurements: {}\n"),
      HasSubstr("is not a name"));
  EXPECT_THAT(refusal(divider("starting_guesses: {" + std::string(1001, 'n') + ": 1}\n")),
              HasSubstr("is not a net"));
  EXPECT_THAT(refusal(divider("waveforms: {w: v(" + text + ")}\n")),
              HasSubstr("waveforms.w: is longer than 100,000 characters"));
  std::string many;
  for (int k = 0; k < 60'000; ++k) many += fmt::format("{}p{}: '{{v_in}}'", k > 0 ? ", " : "", k);
  EXPECT_THAT(refusal(divider("parameters: {" + many + "}\n")),
              HasSubstr("more than 50,000 expressions"));
}

TEST_F(Bounds, ListsInsideARunAreBounded) {
  EXPECT_THAT(
      refusal(
          "gaincell_bench: 1\nname: x\nconditions: {v: {unit: V, minimum: 1, maximum: 2, step: "
          "logarithmic, points: 100001}}\nsources: {s: {net: s, dc: 1}}\nelements: [R1 s 0 1k]\n"
          "analysis: {type: dc, sweeps: [{source: s, condition: v}]}\n"
          "measurements: {m: {unit: V, value: v(s)}}\n"),
      HasSubstr("sources.s = 100001: a list or logarithmic sweep inside a run"));
}

TEST_F(Bounds, EnergiesOfThousandsOfSourcesAreRefusedInOneMessage) {
  EXPECT_THAT(
      refusal("gaincell_bench: 1\nname: x\nsources: {s: {net: \"s{i}\", dc: 1, count: 2000}}\n"
              "analysis: {type: tran, step: 1n, stop: 2n}\n"
              "measurements: {e: {unit: J, energy: s}}\n"),
      HasSubstr("measurements.e.energy = s: names more than 1,000 sources"));
}

TEST_F(Bounds, ThePlanOfACampaignIsBounded) {
  const auto read = bench(with_conditions(
      "c: {unit: V, minimum: 1, maximum: 2, step: linear, points: 10000}", "timeout: 3\n"));
  EXPECT_NO_THROW((void)make_plan(*read, bench_points(*read)));
  try {
    (void)make_plan(*read, bench_points(*read), std::size_t{1} << 20);
    FAIL() << "10,000 points fit into 1 MB";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("its plan takes more than 1 MB"));
  }
}

TEST_F(Bounds, NumbersThatOverflowAreRefused) {
  const auto draw = [&](const std::string& one) {
    return refusal(with_conditions("a: {unit: V, count: 2, draw: " + one + "}",
                                   "draws: {points: 2, seed: 1}\n"));
  };
  EXPECT_THAT(draw("{normal: [0, 1e308]}"), HasSubstr("greater than a number holds"));
  EXPECT_THAT(draw("{uniform: [-1e308, 1e308]}"), HasSubstr("wider than a number holds"));
  const auto range = [&](const std::string& one) {
    return refusal(with_conditions("a: {unit: V, " + one + "}"));
  };
  EXPECT_THAT(range("minimum: -1e308, maximum: 1e308, step: linear, points: 3"),
              HasSubstr("wider than a number holds"));
  EXPECT_THAT(range("minimum: 1e-300, maximum: 1e300, step: logarithmic, points: 3"),
              HasSubstr("wider than a number holds"));
  EXPECT_THAT(range("minimum: 0, maximum: 1, step: linear, stepsize: 1e-300"),
              HasSubstr("makes more than 1,000,000 points"));
  EXPECT_THAT(range("minimum: 0, maximum: 1, step: linear, points: 9223372036854775807"),
              HasSubstr("must be at most 1,000,000"));
  EXPECT_THAT(range("enumerate: [1e999]"), HasSubstr("is not a number"));
  EXPECT_THAT(range("enumerate: [.nan]"), HasSubstr("is not a number"));
  EXPECT_THAT(range("enumerate: [inf]"), HasSubstr("is not a number"));
}

TEST_F(Bounds, LinesOfNetlistsAreBoundedWithTheirContinuations) {
  const auto read = [](const std::string& line) {
    Library library(".");
    library.add_text(".subckt s a b\n" + line + "\n.ends\n", "t");
  };
  EXPECT_THROW(read("R1 a b " + std::string(1'000'000, '1')), Error);
  std::string many = "R1 a b 1";
  for (int k = 0; k < 300; ++k) many += "\n+ " + std::string(1000, '1');
  EXPECT_THROW(read(many), Error);
  EXPECT_NO_THROW(read("R1 a b " + std::string(50'000, '1')));
}

}  // namespace
}  // namespace gaincell::characterize
