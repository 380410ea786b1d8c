#include "characterize/netlist.h"

#include "tests/characterize/support.h"

namespace gaincell::characterize {
namespace {

using ::testing::HasSubstr;

class NetlistTest : public BenchTest {
 protected:
  Library library(const std::string& text) {
    Library result(folder_.path());
    result.add(file("circuit.cir", text), "", "bench.yaml:1");
    result.check();
    return result;
  }
  std::string complaint(const std::string& text) {
    try {
      (void)library(text);
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  }
};

TEST_F(NetlistTest, JoinsContinuationsAndDropsComments) {
  const auto lines = logical_lines("* title\nr1 a b $ load\n+ 1k ; x\n\n.model d d // y\n", "f");
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_EQ(lines[0].text, "r1 a b 1k");
  EXPECT_EQ(lines[0].place, "f:2");
  EXPECT_EQ(lines[1].text, ".model d d");
}

TEST_F(NetlistTest, SplitsWordsAroundExpressions) {
  const auto words = circuit_words("M1 D g s B Nch W = {2 * w0} l='1u + 2u'");
  EXPECT_EQ(words, (std::vector<std::string>{"m1", "d", "g", "s", "b", "nch", "w={2 * w0}",
                                             "l='1u + 2u'"}));
}

TEST_F(NetlistTest, KnowsPortsAndParametersOfSubcircuits) {
  const Library l = library(".subckt Cell a b vdd cs = 5f w=1u\nc1 a b {cs}\n.ends\n");
  const Subcircuit* cell = l.subcircuit("cell");
  ASSERT_NE(cell, nullptr);
  EXPECT_EQ(cell->ports, (std::vector<std::string>{"a", "b", "vdd"}));
  EXPECT_EQ(cell->parameters, (std::vector<std::string>{"cs", "w"}));
}

TEST_F(NetlistTest, TakesPartsOfProgramsByName) {
  const auto complaint_with = [&](const std::set<std::string>& names, const std::string& command) {
    Library result(folder_.path());
    result.permit(names);
    try {
      result.add(file("circuit.cir", ".subckt a b\nr1 b 0 1\n.ends\n.control\n" + command +
                                         "\n.endc\n.param p=1\n"),
                 "", "bench.yaml:1");
      EXPECT_THAT(result.text(), HasSubstr(".control\n" + command + "\n.endc\n.param p=1\n"));
    } catch (const Error& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  EXPECT_EQ(complaint_with({"control"}, "set x = 1"), "");
  EXPECT_THAT(complaint_with({"shell"}, "shell id"), HasSubstr("--allow control"));
  EXPECT_THAT(complaint_with({"control"}, "shell id"),
              HasSubstr("circuit.cir:5: shell id: `shell` reaches outside of the simulation; take "
                        "it out, or run with --allow shell"));
  EXPECT_EQ(complaint_with({"control", "shell"}, "shell id"), "");
  for (const char* command : {"source a.cir", "pre_codemodel a.cm", "write a.raw", "wrdata a v(b)"})
    EXPECT_THAT(complaint_with({"control"}, command), HasSubstr("run with --allow")) << command;
}

TEST_F(NetlistTest, RefusesPrograms) {
  EXPECT_THAT(
      complaint(".subckt a b\nr1 b 0 1\n.ends\n.control\nshell rm x\n.endc\n"),
      HasSubstr("circuit.cir:4: .control: a netlist is not a program; take the control block "
                "out, or run with --allow control"));
  EXPECT_THAT(complaint(".tran 1n 10n\n"), HasSubstr("`.tran` is not circuit text"));
  EXPECT_THAT(complaint("r1 a 0 1k\n"), HasSubstr("outside a subcircuit"));
  EXPECT_THAT(complaint(".subckt a b\na1 b 0 mod\n.ends\n"), HasSubstr("begins no element"));
}

TEST_F(NetlistTest, DropsHiddenCommandLines) {
  EXPECT_THAT(library("*# shell touch /tmp/x\n.model d d\n").text(),
              ::testing::Not(HasSubstr("shell")));
}

TEST_F(NetlistTest, RefusesIncludesElsewhere) {
  EXPECT_THAT(complaint(".include /etc/passwd\n"), HasSubstr("lies outside the bench's folder"));
  EXPECT_THAT(complaint(".include ../../../etc/passwd\n"), HasSubstr("lies outside"));
  EXPECT_THAT(complaint(".include missing.inc\n"), HasSubstr("there is no such file"));
}

TEST_F(NetlistTest, TakesIncludesFromItsFolder) {
  file("models.inc", ".model dd d is=1e-14\n");
  const Library l = library(".include \"models.inc\"\n.subckt x a\nd1 a 0 dd\n.ends\n");
  EXPECT_THAT(l.text(), HasSubstr("is=1e-14"));
  EXPECT_EQ(l.files().size(), 2u);
}

TEST_F(NetlistTest, TakesOneSectionOfALibrary) {
  file("lib.inc", ".lib slow\n.model m d is=1\n.endl\n.lib fast\n.model m d is=2\n.endl slow\n");
  Library l(folder_.path());
  l.add(path("lib.inc"), "fast", "here");
  EXPECT_EQ(l.text(), ".model m d is=2\n");
  EXPECT_THROW(l.add(path("lib.inc"), "typical", "here"), Error);
}

TEST_F(NetlistTest, MissingModelIsNamedWithTheNearestOne) {
  EXPECT_THAT(complaint(".model gen28_nsvt nmos\n.subckt x a\nm1 a a 0 0 gen28_nsvr w=1u\n.ends\n"),
              HasSubstr("circuit.cir:3: m1 a a 0 0 gen28_nsvr w=1u: there is no model "
                        "`gen28_nsvr`; did you mean `gen28_nsvt`?"));
}

TEST_F(NetlistTest, ModelsOfSubcircuitsAreLocal) {
  const std::string inner = ".subckt x a\n.model mm d\nd1 a 0 mm\n.ends\n";
  EXPECT_EQ(complaint(inner), "");
  EXPECT_THAT(complaint(inner + ".subckt y a\nd1 a 0 mm\n.ends\n"), HasSubstr("no model `mm`"));
}

TEST_F(NetlistTest, BinnedModelsServeTheirName) {
  EXPECT_EQ(complaint(".model n.1 nmos\n.model n.2 nmos\n.subckt x a\nm1 a a 0 0 n\n.ends\n"), "");
}

TEST_F(NetlistTest, WrongInstancesAreRefused) {
  const std::string cell = ".subckt cell a b w=1u\nr1 a b 1k\n.ends\n.subckt top a b\n";
  EXPECT_THAT(complaint(cell + "x1 a b c cell\n.ends\n"), HasSubstr("has 2 ports (a b), but 3"));
  EXPECT_THAT(complaint(cell + "x1 a b cel\n.ends\n"), HasSubstr("did you mean `cell`?"));
  EXPECT_THAT(complaint(cell + "x1 a b cell ww=2u\n.ends\n"), HasSubstr("has no parameter `ww`"));
  EXPECT_EQ(complaint(cell + "x1 a b cell w=2u m=3\n.ends\n"), "");
}

TEST_F(NetlistTest, UnknownModelTypesAreRefused) {
  EXPECT_THAT(complaint(".model x nmoss level=14\n"), HasSubstr("no model type"));
}

TEST_F(NetlistTest, OpenSubcircuitIsRefused) {
  EXPECT_THAT(complaint(".subckt x a\nr1 a 0 1\n"), HasSubstr("is not closed"));
}

}  // namespace
}  // namespace gaincell::characterize
