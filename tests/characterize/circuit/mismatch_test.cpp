#include "characterize/circuit/mismatch.h"

#include <cmath>
#include <set>

#include "base/units.h"
#include "tests/characterize/support.h"

namespace gaincell::characterize {
namespace {

using ::testing::HasSubstr;

constexpr double kAvt = 2e-9;

class MismatchTest : public BenchTest {
 protected:
  Library& library(const std::string& text) {
    library_ = std::make_unique<Library>(path("").parent_path());
    library_->add(file("c.cir", ".model n nmos level=1\n.model p pmos level=1\n" + text), "", "t");
    return *library_;
  }
  std::string element(const std::string& text, const std::string& line, std::uint64_t draw = 0,
                      double a_beta = 0) {
    const std::vector<PelgromRule> rules{{.model = "n", .a_vt_v_m = kAvt, .a_beta_m = a_beta}};
    MismatchWriter writer(library(text), rules, 7, draw);
    const std::string out = writer.element({line, "b.yaml:1"});
    definitions_ = writer.definitions();
    return out;
  }
  // The number after `delvto={`.
  static double shift(const std::string& text) {
    return std::stod(text.substr(text.find("delvto={") + 8));
  }
  std::unique_ptr<Library> library_;
  std::string definitions_;
};

TEST_F(MismatchTest, DrawsForNamedKindsAlone) {
  EXPECT_THAT(element("", "m1 d g s b n w=1u l=2u"), HasSubstr(" delvto={"));
  EXPECT_EQ(element("", "m1 d g s b p w=1u l=2u"), "m1 d g s b p w=1u l=2u");
  EXPECT_EQ(element("", "r1 d g 1k"), "r1 d g 1k");
}

TEST_F(MismatchTest, SigmaIsPelgromsOverTheRootOfTwo) {
  double sum = 0;
  constexpr std::uint64_t kDraws = 4000;
  const Library& known = library("");
  const std::vector<PelgromRule> rules{{.model = "n", .a_vt_v_m = kAvt}};
  for (std::uint64_t draw = 0; draw < kDraws; ++draw) {
    const double x =
        shift(MismatchWriter(known, rules, 7, draw).element({"m1 d g s b n w=1u l=2u", "b:1"}));
    sum += x * x / kDraws;
  }
  // The standard error of a sigma from 4,000 draws is 1.1 %.
  EXPECT_NEAR(std::sqrt(sum), kAvt / std::sqrt(2.0), 0.04 * kAvt);
}

TEST_F(MismatchTest, SizeStaysAnExpressionAndTheNumbersArePlain) {
  const std::string line = element("", "m1 d g s b n w={2*wn} l=30n m=4", 0, 1e-8);
  EXPECT_THAT(line, HasSubstr("/sqrt((2*wn)*(30n)*(((2*wn)*(30n))>1e-18)*(((2*wn)*(30n))<1e-06)"
                              "*(4))}"));
  EXPECT_THAT(line, HasSubstr(" mulu0={1+("));
}

TEST_F(MismatchTest, EveryInstanceGetsItsOwnDevices) {
  const std::string inverter =
      ".subckt inv a y w=1u\nmn y a 0 0 n w={w} l=1u\n.ends\n"
      ".subckt pair a b\nx1 a b inv\nx2 b a inv w=3u\n.ends\n";
  EXPECT_EQ(element(inverter, "xp q r pair"), "xp q r pair__1");
  EXPECT_THAT(definitions_, HasSubstr(".subckt pair__1 a b\n"));
  EXPECT_THAT(definitions_, HasSubstr("x1 a b inv__2\n"));
  EXPECT_THAT(definitions_, HasSubstr("x2 b a inv__3 w=3u\n"));
  EXPECT_THAT(definitions_, HasSubstr(".subckt inv__2 a y w=1u\n"));
  const std::size_t second = definitions_.find("inv__3 a y");
  EXPECT_NE(shift(definitions_), shift(definitions_.substr(second)));
}

TEST_F(MismatchTest, SizesFollowTheParametersThatTheBenchSets) {
  const Library& known = library(".param wu=1 ww={2*wu}\n");
  const std::vector<PelgromRule> rules{{.model = "n", .a_vt_v_m = kAvt}};
  const CircuitLine line{"m1 d g s b n w={ww} l=1u", "b.yaml:1"};
  EXPECT_THROW((void)MismatchWriter(known, rules, 7, 0).element(line), Error);
  EXPECT_NO_THROW((void)MismatchWriter(known, rules, 7, 0, {{"wu", 1e-6}}).element(line));
}

TEST_F(MismatchTest, CircuitsWithoutSuchDevicesStayAsTheyAre) {
  EXPECT_EQ(element(".subckt r2 a b\nr1 a b 1k\n.ends\n", "xp q r r2"), "xp q r r2");
  EXPECT_EQ(definitions_, "");
}

TEST_F(MismatchTest, ParallelInstancesShareTheAreaOfAll) {
  // The simulator gives the multiplier of the instance to what is inside, as a parameter `m`.
  const std::string cell = ".subckt cell a\nm1 a a 0 0 n w=1u l=1u\n.ends\n";
  (void)element(cell, "xc q cell m=64");
  EXPECT_THAT(definitions_, HasSubstr("/sqrt((1u)*(1u)*(m))}"));
  (void)element(cell, "xc q cell");
  EXPECT_THAT(definitions_, HasSubstr("/sqrt((1u)*(1u))}"));
}

TEST_F(MismatchTest, MultiplierOfAnInstanceReplacesThatOfTheDevice) {
  const std::string cell = ".subckt cell a k=2\nm1 a a 0 0 n w=1u l=1u m={k}\n.ends\n";
  (void)element(cell, "xc q cell m=64");
  EXPECT_THAT(definitions_, HasSubstr("/sqrt((1u)*(1u)*(m))}"));
  (void)element(cell, "xc q cell");
  EXPECT_THAT(definitions_, HasSubstr("/sqrt((1u)*(1u)*(k))}"));
  // It is handed down one level.
  (void)element(".subckt top a\nx1 a cell\n.ends\n" + cell, "xc q top m={2*3}");
  EXPECT_THAT(definitions_, HasSubstr("/sqrt((1u)*(1u)*(k))}"));
}

TEST_F(MismatchTest, MultiplierThatTheSubcircuitDeclaresStaysItsOwn) {
  (void)element(".subckt cell a m=1\nm1 a a 0 0 n w=1u l=1u m={m}\n.ends\n", "xc q cell m=64");
  EXPECT_THAT(definitions_, HasSubstr("/sqrt((1u)*(1u)*(m))}"));
  (void)element(".subckt cell a m=1\nm1 a a 0 0 n w=1u l=1u\n.ends\n", "xc q cell m=64");
  EXPECT_THAT(definitions_, HasSubstr("/sqrt((1u)*(1u))}"));
}

TEST_F(MismatchTest, ReachesTheTransistorInsideASubcircuitThatStandsForIt) {
  const std::vector<PelgromRule> by_model{{.model = "nfx__model", .a_vt_v_m = kAvt}};
  const std::vector<PelgromRule> by_name{{.model = "nfx", .inside = true, .a_vt_v_m = kAvt}};
  Library& known = library(
      ".subckt nfx d g s b w=1 l=1 mult=1\n"
      "m0 d g s b nfx__model w={w} l={l} m={mult}\n"
      ".model nfx__model nmos level=1\n.ends\n"
      ".subckt top d\nx1 d d 0 0 nfx w=2u l=0.5u mult=4\n.ends\n");
  MismatchWriter one(known, by_model, 7, 0);
  MismatchWriter other(known, by_name, 7, 0);
  const CircuitLine line{"xt q top", "b.yaml:1"};
  EXPECT_EQ(one.element(line), "xt q top__1");
  EXPECT_EQ(other.element(line), "xt q top__1");
  EXPECT_EQ(one.definitions(), other.definitions());
  EXPECT_THAT(one.definitions(), HasSubstr("m={mult} delvto={"));
  EXPECT_EQ(one.devices(), 1u);
}

TEST_F(MismatchTest, SizesAreInTheUnitsOfTheScale) {
  const std::string line = element(".option scale=1u\n", "m1 d g s b n w=2 l=0.5");
  EXPECT_THAT(line, HasSubstr("/sqrt((2)*(0.5)*1e-12)}"));
  EXPECT_EQ(shift(line), shift(element("", "m1 d g s b n w=2u l=0.5u")));
}

TEST_F(MismatchTest, ImplausibleSizesAreNamed) {
  const auto complaint_of = [&](const std::string& text, const std::string& line) {
    try {
      (void)element(text, line);
    } catch (const Error& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  EXPECT_THAT(complaint_of("", "m1 d g s b n w=2 l=0.5"),
              HasSubstr("is understood as a transistor of 2 m x 0.5 m"));
  EXPECT_THAT(complaint_of(".option scale=1u\n", "m1 d g s b n w=2u l=1u"),
              HasSubstr("is understood as a transistor of 2e-12 m x 1e-12 m"));
  EXPECT_THAT(complaint_of(".param w0=3\n.subckt c d k=2\n.param w={k*w0}\n"
                           "m1 d d 0 0 n w={w} l={w/3}\n.ends\n",
                           "xc q c k=4"),
              HasSubstr("is understood as a transistor of 12 m x 4 m"));
}

TEST_F(MismatchTest, DrawFollowsFromPathAndNumberAlone) {
  const std::string a = element("", "m1 d g s b n w=1u l=1u", 3);
  EXPECT_EQ(a, element("", "m1 d g s b n w=1u l=1u", 3));
  EXPECT_NE(a, element("", "m1 d g s b n w=1u l=1u", 4));
  EXPECT_NE(shift(a), shift(element("", "m2 d g s b n w=1u l=1u", 3)));
}

TEST_F(MismatchTest, DeviceWithoutASizeIsRefused) {
  try {
    (void)element("", "m1 d g s b n l=1u");
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("needs `w` and `l` on this line"));
  }
}

TEST_F(MismatchTest, DeviceThatTheLibraryDrawsIsRefused) {
  EXPECT_THROW((void)element("", "m1 d g s b n w=1u l=1u delvto=2m"), Error);
}

TEST_F(MismatchTest, BenchNeedsDrawsAndKnownModels) {
  const std::string head =
      "gaincell_bench: 1\nname: x\nmodels: [m.inc]\nsources: {a: {net: a, dc: 1}}\n"
      "elements: [M1 a a 0 0 n w=1u l=1u]\nanalysis: {type: op}\n"
      "measurements: {m: {unit: A, value: i(a)}}\n";
  file("m.inc", ".model n nmos level=1\n");
  EXPECT_THAT(complaint(head + "mismatch: {devices: {n: {a_vt: 2m}}}\n"),
              HasSubstr("mismatch: is drawn, but `draws` is missing"));
  EXPECT_THAT(
      complaint(head + "draws: {points: 3, seed: 1}\nmismatch: {devices: {nn: {a_vt: 2m}}}\n"),
      HasSubstr("no model `nn` that this circuit uses; did you mean `n`?"));
  EXPECT_THAT(complaint(head + "draws: {points: 3, seed: 1}\nmismatch: {library: true}\n"),
              HasSubstr("the library draws nothing"));
  EXPECT_EQ(complaint(head + "draws: {points: 3, seed: 1}\nmismatch: {devices: {n: {a_vt: 2m}}}\n"),
            "");
}

}  // namespace
}  // namespace gaincell::characterize
