#include "characterize/circuit/netlist.h"

#include <fmt/format.h>

#include <map>

#include "tests/characterize/support.h"

namespace gaincell::characterize {
namespace {

using ::testing::AllOf;
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

TEST_F(NetlistTest, QuotesAndBracesComeOffInPairs) {
  for (const auto& [text, plain] : std::map<std::string, std::string>{{"{w}", "w"},
                                                                      {"'w'", "w"},
                                                                      {"\"w\"", "w"},
                                                                      {"''", ""},
                                                                      {"{}", ""},
                                                                      {"'", "'"},
                                                                      {"", ""},
                                                                      {"'w\"", "'w\""},
                                                                      {"{w'", "{w'"},
                                                                      {"w", "w"}})
    EXPECT_EQ(unquoted(text), plain) << text;
}

TEST_F(NetlistTest, BracketsAroundNetsAreBlanks) {
  const Library l =
      library(".subckt cell (a b)\nr1 a b 1k\n.ends\n.subckt top c d\nxu (c d) cell\n.ends\n");
  EXPECT_EQ(l.subcircuit("cell")->ports, (std::vector<std::string>{"a", "b"}));
  EXPECT_THAT(l.text(), HasSubstr("\nxu  c d  cell\n"));
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
  EXPECT_THAT(complaint(".subckt a b\n%1 b 0 mod\n.ends\n"), HasSubstr("begins no element"));
}

TEST_F(NetlistTest, CommentsBeginWhereTheSimulatorSeesThem) {
  const auto text = [](const std::string& line, const Dialect& dialect = {}) {
    const auto lines = logical_lines(line, "f", dialect);
    return lines.empty() ? std::string() : lines[0].text;
  };
  EXPECT_EQ(text("x1 a b sub $T=320 2210 0 0"), "x1 a b sub");
  EXPECT_EQ(text("m1 a b c d n w=1u,$X=3"), "m1 a b c d n w=1u,");
  EXPECT_EQ(text("r1 a$b c 1k"), "r1 a$b c 1k");
  EXPECT_EQ(text("r1 a $n1 1k", dialect_of("psa")), "r1 a $n1 1k");
  EXPECT_EQ(text("r1 a b '1k;2'"), "r1 a b '1k");
  EXPECT_EQ(text("r1 a b 1k//x"), "r1 a b 1k");
  EXPECT_EQ(text("$ all"), "");
  EXPECT_EQ(text("; all"), "");
  EXPECT_EQ(text("  * all"), "");
  EXPECT_EQ(text("\xef\xbb\xbfr1 a b 1k"), "r1 a b 1k");
  EXPECT_EQ(text("r1 a \\\\ \n b 1k"), "r1 a b 1k");
  EXPECT_EQ(text("r1 a\n* no\n\n$ no\n+b 1k"), "r1 a b 1k");
}

TEST_F(NetlistTest, NamesWithOtherSignsAreKept) {
  Library l(folder_.path());
  l.add(file("c.cir",
             ".model d%d d\n.subckt a%b p\nx1 p c/d\n.ends\n.subckt c/d p\nd1 p 0 d%d\n"
             ".ends\n.subckt e p\nr1 p 0 1\n.ends\n"),
        "", "t");
  l.prune("elements:\n  - xa 1 a%b\n");
  EXPECT_THAT(l.text(), HasSubstr(".model d%d"));
  EXPECT_THAT(l.text(), HasSubstr(".subckt c/d"));
  EXPECT_THAT(l.text(), ::testing::Not(HasSubstr(".subckt e")));
}

TEST_F(NetlistTest, StrayLinesOfALibraryCountWhereTheirFileIsNeeded) {
  const auto lib = file("lib.inc", ".include good.inc\n.include bad.inc\n");
  file("good.inc", ".subckt good a\nr1 a 0 1\n.ends\n");
  file("bad.inc", "include \"x.pm3\"\n.subckt bad a\nr1 a 0 1\n.ends\n");
  Library l(folder_.path());
  l.add(lib, "", "t", Library::Use::kModels);
  l.prune("good");
  l.check();
  ASSERT_EQ(l.warnings().size(), 1u);
  EXPECT_THAT(l.warnings()[0], HasSubstr("bad.inc:1: include \"x.pm3\": an element outside"));
  Library other(folder_.path());
  other.add(lib, "", "t", Library::Use::kModels);
  EXPECT_THROW(other.prune("good bad"), Error);
}

TEST_F(NetlistTest, LongAndDeepLinesAreRefusedInFewWords) {
  const std::string longest =
      complaint(".subckt a b\nr1 a b " + std::string(1'000'000, '1') + "\n.ends\n");
  EXPECT_THAT(longest, HasSubstr("longer than 100,000 characters"));
  EXPECT_LT(longest.size(), 300u);
  std::string split = ".subckt a b\nr1 a b\n";
  for (int k = 0; k < 30'000; ++k) split += "+ 1 2 3\n";
  EXPECT_THAT(complaint(split + ".ends\n"), HasSubstr("longer than 100,000 characters"));
  EXPECT_THAT(complaint(".subckt a b\nr1 a b {" + std::string(300, '(') + "1" +
                        std::string(300, ')') + "}\n.ends\n"),
              HasSubstr("nest more than 200 deep"));
}

// The simulator would read one line where there are two.
TEST_F(NetlistTest, CarriageReturnsAloneAreRefusedAndBeforeALineFeedAreNot) {
  const std::string cell = ".subckt cell a b\rR1 a b 1k\r.ends\r";
  EXPECT_THAT(complaint(cell), HasSubstr("circuit.cir:1: a line ends in a carriage return alone"));
  EXPECT_THAT(complaint("* t\n.subckt cell a b\nR1 a b 1k\rR2 a b 1k\n.ends\n"),
              HasSubstr("circuit.cir:3: a line ends in a carriage return alone"));
  EXPECT_EQ(complaint(".subckt cell a b\r\nR1 a b 1k\r\n.ends\r\n"), "");
}

TEST_F(NetlistTest, BackslashesThatWouldSwallowTheNextLineAreRefused) {
  EXPECT_THAT(complaint(".subckt a b\nr1 a b 1 \\\\ ; x\nr2 a b 1\n.ends\n"),
              HasSubstr("circuit.cir:2: r1 a b 1 \\\\: ends in two backslashes"));
}

TEST_F(NetlistTest, CirclesOfSubcircuitsAreRefused) {
  EXPECT_THAT(complaint(".subckt a p\nx1 p b\n.ends\n.subckt b p\nx1 p a\n.ends\n"),
              HasSubstr("a subcircuit that holds itself"));
  EXPECT_EQ(complaint(".subckt a p\nx1 p b\nx2 p b\n.ends\n.subckt b p\nr1 p 0 1\n.ends\n"), "");
}

TEST_F(NetlistTest, SubcircuitsThatNestTooDeepAreRefused) {
  const auto chain = [](int depth, bool down) {
    std::string text;
    for (int k = 0; k < depth; ++k) {
      const int own = down ? depth - k : k;
      text += fmt::format(".subckt s{} a\nx1 a {}\n.ends\n", own,
                          own == 0 || (down && own == 1) ? "leaf" : fmt::format("s{}", own - 1));
    }
    return text + ".subckt leaf a\nr1 a 0 1\n.ends\n";
  };
  EXPECT_EQ(complaint(chain(150, true)), "");
  EXPECT_EQ(complaint(chain(150, false)), "");
  EXPECT_THAT(complaint(chain(5000, true)), HasSubstr("nest more than 200 deep"));
  EXPECT_THAT(complaint(chain(5000, false)), HasSubstr("nest more than 200 deep"));
}

TEST_F(NetlistTest, CodeModelsAreNeededWhereTheSimulatorLooksForThem) {
  const auto needs = [&](const std::string& line) {
    return library(".model g gain\n.subckt a p q\n" + line + "\n.ends\n").needs_code_models();
  };
  EXPECT_TRUE(needs("a1 p q g"));
  EXPECT_TRUE(needs("E1 p 0 POLY(2) (q,0) (p,0) 0 1 1"));
  EXPECT_TRUE(needs("g1 p 0 poly(1) q 0 0 1"));
  EXPECT_TRUE(needs("e1 p 0 nand(2) q 0 p 0 0,1 1,0"));
  EXPECT_TRUE(needs("E1 p 0 TABLE {v(q)} = (0,0) (1,2)"));
  EXPECT_TRUE(needs("g1 p 0 table {v(q)}=(0 0) (1 2)"));
  EXPECT_FALSE(needs("e1 p 0 q 0 2"));
  EXPECT_FALSE(needs("r1 poly 0 1k"));
}

TEST_F(NetlistTest, CodeModelsThatReadFilesNeedLeave) {
  const std::string text =
      ".model s filesource(file=\"/etc/passwd\")\n.subckt a p\na1 p s\n.ends\n";
  EXPECT_THAT(complaint(text), HasSubstr("reads a file (`file`); take it out, or run with --allow "
                                         "source"));
  for (const char* type : {"d_source", "d_state", "table2d", "table3d"})
    EXPECT_THAT(complaint(fmt::format(".model s {}(x=1)\n", type)), HasSubstr("reads a file"))
        << type;
}

TEST_F(NetlistTest, LimitDrawsWithTwoArgumentsAlone) {
  const auto draws = [&](const std::string& text) { return library(text).draws(); };
  EXPECT_TRUE(draws(".param a={limit(1, 2)}\n"));
  EXPECT_FALSE(draws(".param a={limit(1, 2, max(3, 4))}\n"));
  EXPECT_FALSE(draws(".param limit=3 b={limit*2}\n"));
  EXPECT_FALSE(draws(".subckt unif a\nr1 a 0 1\n.ends\n"));
  EXPECT_TRUE(draws(".param a={aGauss (1,2,3)}\n"));
}

TEST_F(NetlistTest, MultipliersThatAreLostAreNamed) {
  const std::string leaf =
      ".subckt leaf a\nr1 a 0 1 m=3\n.ends\n.subckt top a\nx1 a leaf m=2\n.ends\n";
  const Library l = library(leaf);
  ASSERT_EQ(l.warnings().size(), 1u);
  EXPECT_THAT(l.warnings()[0], HasSubstr("replaces `m` of `r1 a 0 1 m=3`"));
}

TEST_F(NetlistTest, ElementWhoseMultiplierIsLostIsRefused) {
  const auto complaint_of = [&](const std::string& inside, const std::string& element) {
    Library l = library(".subckt leaf a r=1\nr1 a 0 {r}\n.ends\n.subckt gate a\nx1 a leaf r=2" +
                        inside + "\n.ends\n.subckt top a\nx2 a gate m=1\n.ends\n");
    try {
      l.check_elements({{element, "bench.yaml: elements[0]"}});
    } catch (const Error& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  EXPECT_THAT(
      complaint_of("", "xa q gate m=64"),
      AllOf(HasSubstr("elements[0]"), HasSubstr("does not reach what is inside `x1 a leaf r=2`"),
            HasSubstr("write `m=1` there")));
  EXPECT_THAT(complaint_of("", "xa q top m=64"),
              HasSubstr("inside `x1 a leaf"));  // two levels down
  EXPECT_EQ(complaint_of(" m=1", "xa q top m=64"), "");
  EXPECT_EQ(complaint_of("", "xa q top m=1"), "");
  EXPECT_EQ(complaint_of("", "xa q leaf m=64"), "");
}

TEST_F(NetlistTest, SameDefinitionTwiceIsOneAndAnotherIsRefused) {
  const std::string one = ".subckt a p\nr1 p 0 1\n.ends\n";
  EXPECT_EQ(library(one + one).text(), one);
  EXPECT_THAT(
      complaint(one + ".subckt a p\nr1 p 0 2\n.ends\n"),
      HasSubstr("circuit.cir:4: a: is defined twice, and differently; the other stands at"));
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

TEST_F(NetlistTest, ModelsThatBeginWithAnotherNeedIt) {
  const auto as_pspice = [&](const std::string& text) {
    Library result(folder_.path());
    result.speak(dialect_of("psa"));
    result.add(file("circuit.cir", text), "", "bench.yaml:1");
    result.check();
  };
  EXPECT_NO_THROW(as_pspice(".model n nmos level=14\n.model fast ako:n nmos u0=0.1\n"));
  EXPECT_THROW(as_pspice(".model fast ako:gone nmos u0=0.1\n"), Error);
  EXPECT_THAT(complaint(".model n nmos\n.model fast ako:n\n"), HasSubstr("is PSpice's"));
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
