// library.yaml: what is read, and what is refused.
#include "liberty/library.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "base/error.h"
#include "base/files.h"
#include "liberty/netlists.h"
#include "tests/support/program.h"

namespace gaincell::liberty {
namespace {

using ::testing::AllOf;
using ::testing::DoubleNear;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class LibraryFile : public ::testing::Test {
 protected:
  testing::ScratchFolder folder;

  void SetUp() override {
    write_file(folder / "cards.inc", ".model n nmos level=1\n.model p pmos level=1\n");
    write_file(folder / "cells.cir",
               ".subckt nand2 a b y vdd vss\nm1 y a vdd vdd p\nm2 y b vdd vdd p\n"
               "m3 y a x vss n\nm4 x b vss vss n\n.ends\n"
               ".subckt dff d ck q vdd vss\nm1 q d ck vss n\n.ends\n");
  }
  static std::string text(const std::string& cells, const std::string& more = "") {
    return "gaincell_library: 1\nname: x\nnetlist: cells.cir\nmodels: [cards.inc]\n"
           "conditions: {temperature: 27, v_dd: 0.9}\nsupply: {power: vdd, ground: vss}\n"
           "wire: {base: 1f, per_terminal: 0.5f}\n"
           "area: {pitch: 0.1u, extra: 1, height: 1u}\nslews: [5p, 50p]\nloads: [1f, 10f]\n"
           "holdout: {slews: 1, loads: 1, seed: 1}\n" +
           more + "cells:\n" + cells;
  }
  CellLibrary read(const std::string& cells, const std::string& more = "",
                   const std::vector<std::string>& at = {}) {
    write_file(folder / "library.yaml", text(cells, more));
    CellLibrary library = read_library((folder / "library.yaml").string(), at);
    (void)Netlists(library);
    return library;
  }
  std::string refused(const std::string& cells, const std::string& more = "",
                      const std::vector<std::string>& at = {}) {
    try {
      read(cells, more, at);
    } catch (const Error& error) {
      return error.what();
    }
    return "taken";
  }
};

constexpr const char* kNand = "  nand2: {inputs: [A, B], outputs: {Y: \"!(A & B)\"}}\n";
constexpr const char* kFlipFlop =
    "  dff: {inputs: [D, CK], outputs: {Q: IQ}, flip_flop: {clock: \"!CK\", data: D}}\n";

TEST_F(LibraryFile, IsReadInSiUnits) {
  const CellLibrary library = read(std::string(kNand) + kFlipFlop, "settle: 2n\n");
  EXPECT_THAT(library.slews_s, ElementsAre(5e-12, 50e-12));
  EXPECT_THAT(library.loads_f, ElementsAre(1e-15, 10e-15));
  EXPECT_EQ(library.settle_s, 2e-9);
  ASSERT_EQ(library.cells.size(), 2u);
  EXPECT_EQ(library.cells[1].kind, Kind::kFlipFlop);
  EXPECT_EQ(library.cells[1].clock.pin, 1u);
  EXPECT_FALSE(library.cells[1].clock.high);
}

TEST_F(LibraryFile, AtTakesThePlaceOfItsConditions) {
  const CellLibrary library = read(kNand, "", {"v_dd=0.81", "temperature=-40"});
  EXPECT_EQ(library.conditions.v_dd, 0.81);
  EXPECT_EQ(library.conditions.temperature_degc, -40);
  EXPECT_EQ(read(kNand, "", {"v_dd=0.81,temperature=-40"}).conditions.v_dd, 0.81);
  EXPECT_THAT(refused(kNand, "", {"vdd=1"}), HasSubstr("--at: vdd=1: is no condition of a "
                                                       "library; did you mean `v_dd`?"));
  EXPECT_THAT(refused(kNand, "", {"corner=slow"}), HasSubstr("is not in the library"));
  EXPECT_THAT(refused(kNand, "", {"v_dd=-1"}), HasSubstr("is no voltage above 0"));
  EXPECT_THAT(refused(kNand, "", {"v_dd=1", "v_dd=2"}), HasSubstr("is named twice"));
}

TEST_F(LibraryFile, ACellNeedsAFunctionOfItsPins) {
  EXPECT_THAT(refused("  nand2: {inputs: [A, B], outputs: {}}\n"),
              AllOf(HasSubstr("library.yaml:13"), HasSubstr("Boolean function")));
  EXPECT_THAT(refused("  nand2: {inputs: [A, B], outputs: {Y: \"\"}}\n"),
              HasSubstr("an output needs a Boolean function"));
  EXPECT_THAT(refused("  nand2: {inputs: [A, B], outputs: {Y: \"!(A & b)\"}}\n"),
              HasSubstr("names `b`, which is no input of this cell; did you mean `B`?"));
  EXPECT_THAT(refused("  nand2: {inputs: [A, B], outputs: {Y: \"!(A &\"}}\n"),
              HasSubstr("is no Boolean function"));
  EXPECT_THAT(refused("  nand2: {inputs: [A, B], outputs: {Y: \"IQ\"}}\n"),
              HasSubstr("names `IQ`, which is no input"));
  EXPECT_THAT(refused("  nand2: {inputs: [A, B], outputs: {Y: 1}}\n"),
              HasSubstr("depends on no input"));
}

TEST_F(LibraryFile, UnknownKeysAreNamedWithTheNearest) {
  EXPECT_THAT(refused("  nand2: {input: [A, B], outputs: {Y: \"A\"}}\n"),
              HasSubstr("did you mean `inputs`?"));
  EXPECT_THAT(refused(kNand, "setle: 1n\n"), HasSubstr("did you mean `settle`?"));
  EXPECT_THAT(
      refused("  dff: {inputs: [D, CK], outputs: {Q: IQ}, flip_flop: {clock: CP, data: D}}\n"),
      HasSubstr("= CP: is no input of this cell"));
}

TEST_F(LibraryFile, CellsAreHeldAgainstTheirSubcircuits) {
  EXPECT_THAT(refused("  nand3: {inputs: [A], outputs: {Y: \"!A\"}}\n"),
              HasSubstr("there is no subcircuit `nand3` in the netlists; did you mean `nand2`?"));
  EXPECT_THAT(refused("  nand2: {inputs: [A, C], outputs: {Y: \"!(A & C)\"}}\n"),
              HasSubstr("its subcircuit has no port `c`"));
  EXPECT_THAT(refused("  nand2: {inputs: [A], outputs: {Y: \"!A\"}}\n"),
              HasSubstr("has a port `b` that is neither a pin nor a supply"));
}

TEST_F(LibraryFile, NumbersHaveTheirRanges) {
  EXPECT_THAT(refused(kNand, "settle: 0\n"), HasSubstr("must be greater than 0"));
  EXPECT_THAT(refused(kNand, "settle: 1 V\n"), HasSubstr("settle"));
  EXPECT_THAT(refused(kNand, "thresholds: {lower: 0.6, upper: 0.8}\n"),
              HasSubstr("must be less than 0.5"));
  EXPECT_THAT(refused(kNand, "constraint_slews: [5p, 5p]\n"),
              HasSubstr("must be greater than the value before it"));
}

TEST_F(LibraryFile, WiresGoOntoEveryNetButThoseInsideAStack) {
  const CellLibrary library = read(kNand);
  const std::string text = Netlists(library).wired_text();
  EXPECT_THAT(text, AllOf(HasSubstr("cwire_a a 0 2e-15\n"), HasSubstr("cwire_b b 0 2e-15\n"),
                          HasSubstr("cwire_y y 0 2.5e-15\n.ends")));
  EXPECT_EQ(text.find("cwire_x"), std::string::npos);
  EXPECT_EQ(text.find("cwire_vdd"), std::string::npos);
}

TEST_F(LibraryFile, AreaIsThatOfTheLongerRow) {
  const CellLibrary library = read(kNand);
  EXPECT_THAT(Netlists(library).area_m2(library.cells[0]), DoubleNear(0.1e-6 * 3 * 1e-6, 1e-20));
}

TEST(ShippedLibrary, IsRead) {
  const CellLibrary library =
      read_library(GAINCELL_SOURCE_DIR "/netlists/logic_cells/library.yaml", {"flavour=hvt"});
  EXPECT_GE(library.cells.size(), 20u);
  const Netlists netlists(library);
  EXPECT_THAT(netlists.wired_text(), HasSubstr("gen28_nhvt"));
}

}  // namespace
}  // namespace gaincell::liberty
