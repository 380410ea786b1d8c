#include "characterize/campaign/campaign_plan.h"
#include "characterize/plan/deck.h"
#include "characterize/plan/plan.h"
#include "tests/characterize/support.h"

// No text of a bench becomes a line of a deck that the simulator takes for a command.
namespace gaincell::characterize {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class DeckText : public BenchTest {
 protected:
  void SetUp() override {
    file("rc.cir", ".subckt rc in out r=1k\nR1 in out {r}\nC1 out 0 1p\n.ends\n");
  }
  // An RC with a value put at one place of its bench, in double quotes where \n is a line break.
  std::string rc(const std::string& sources, const std::string& more = "",
                 const std::string& analysis = "{type: tran, step: 1n, stop: 2n}") {
    return "gaincell_bench: 1\nname: rc\ncircuit: {netlist: rc.cir, subcircuit: rc}\n"
           "conditions: {v: {unit: V, enumerate: [0, 1]}}\n"
           "sources:\n  in: {net: in, dc: \"{v}\", ac: 1}\n" +
           sources + "analysis: " + analysis + "\nmeasurements: {o: {unit: V, " +
           (analysis.find("noise") == std::string::npos ? "value: v(out)"
                                                        : "value: onoise, at: 1k") +
           "}}\n" + more;
  }
  std::string refusal(const std::string& text) {
    try {
      const auto read = bench(text);
      (void)make_plan(*read, bench_points(*read));
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  }
};

TEST_F(DeckText, NoControlCharacterStandsInAnyValue) {
  EXPECT_EQ(refusal(rc("")), "");
  for (const char* odd : {"\\n", "\\r", "\\0", "\\e", "\\a", "\\x01", "\\x1f", "\\x7f", "\\f",
                          "\\v", "\\u0085", "\\u009b", "\\u2028", "\\u2029", "\\N", "\\L", "\\P"}) {
    const std::string c = odd;
    EXPECT_THAT(refusal(rc("  z: {net: \"n" + c + "1\", dc: 1}\n")), HasSubstr("sources.z.net"))
        << c;
    EXPECT_THAT(refusal(rc("  z: {count: 1, net: \"n{i}" + c + "\", dc: 1}\n")),
                HasSubstr("sources.z.net"))
        << c;
    EXPECT_THAT(refusal(rc("  z: {net: a, reference: \"b" + c + "\", dc: 1}\n")),
                HasSubstr("sources.z.reference"))
        << c;
    EXPECT_THAT(refusal(rc("  z: {net: a, dc: \"1" + c + "\"}\n")), HasSubstr("sources.z.dc")) << c;
    EXPECT_THAT(refusal(rc("", "elements: [\"R9 a 0 1k" + c + "\"]\n")), HasSubstr("elements[0]"))
        << c;
    EXPECT_THAT(
        refusal(rc("", "initial_conditions: {a: {count: 1, net: \"o{i}" + c + "\", value: 0}}\n")),
        HasSubstr("initial_conditions.a.net"))
        << c;
    EXPECT_NE(refusal(rc("", "initial_conditions: {\"o" + c + "\": 0}\n")), "") << c;
    EXPECT_NE(refusal(rc("", "starting_guesses: {\"o" + c + "\": 0}\n")), "") << c;
    EXPECT_NE(refusal(rc("", "retry: {options: {gmin: \"1p" + c + "\"}}\n")), "") << c;
    EXPECT_NE(refusal(rc("", "timeout: \"1" + c + "\"\n")), "") << c;
    EXPECT_NE(refusal(rc("", "waveforms: {w: \"v(out)" + c + "\"}\n")), "") << c;
    EXPECT_NE(refusal(rc("", "models: [\"x" + c + "\"]\n")), "") << c;
    EXPECT_NE(
        refusal(rc("", "",
                   "{type: noise, start: 1, stop: 1k, source: in, output: \"v(out)" + c + "\"}")),
        "")
        << c;
  }
}

TEST_F(DeckText, MessagesOfControlCharactersAreOneLine) {
  const std::string message =
      refusal(rc("  z: {net: \"n\\n.control\\nshell id\\n.endc\", dc: 1}\n"));
  EXPECT_THAT(message, HasSubstr("holds a line break"));
  EXPECT_EQ(message.find('\n'), std::string::npos);
}

TEST_F(DeckText, DescriptionsMayHaveSeveralLines) {
  EXPECT_EQ(refusal("description: |\n  one\n  two\n" + rc("")), "");
  EXPECT_THAT(refusal("description: \"one \\e[2J\"\n" + rc("")), HasSubstr("description"));
}

// What an expression makes of a net is looked at again: templates are texts, too.
TEST_F(DeckText, EvaluatedNetsAreSingleWords) {
  for (const char* net : {"n{i} 0 1", "n{i}(", "n{i})=0", "n{i},b", "n{i}='1'", "n{i};", "$n{i}",
                          "n//{i}", "{i} b", "n{i}`x`"}) {
    EXPECT_THAT(refusal(rc("  z: {count: 2, net: \"" + std::string(net) + "\", dc: 1}\n")),
                HasSubstr("is not a net"))
        << net;
    EXPECT_THAT(refusal(rc("", "initial_conditions: {a: {count: 2, net: \"" + std::string(net) +
                                   "\", value: 0}}\n")),
                HasSubstr("is not a net"))
        << net;
  }
  EXPECT_EQ(refusal(rc("  z: {count: 2, net: \"n[{i}]\", dc: 1}\n")), "");
}

TEST_F(DeckText, NoiseOutputIsOneOrTwoNets) {
  const auto noise = [this](const std::string& output) {
    return refusal(
        rc("", "", "{type: noise, start: 1, stop: 1k, source: in, output: \"" + output + "\"}"));
  };
  EXPECT_EQ(noise("v(out)"), "");
  EXPECT_EQ(noise("V( out , in )"), "");
  for (const char* output : {"v(out) vin dec 1 1 10 .control", "v(out)+v(in)", "v()", "v(a,b,c)",
                             "v(out) v(in)", "i(in)", "onoise", "2*v(out)", "v((out)", "v(a)b)"})
    EXPECT_NE(noise(output), "") << output;
}

TEST_F(DeckText, ElementsAreOneLineEach) {
  for (const char* line : {"R1 a 0 1k ; x", "R1 a 0 1k\\\\", "*#shell id", ".control", "+ b",
                           " R1 a 0 1", "#R1 a 0 1"})
    EXPECT_NE(refusal(rc("", "elements: [\"" + std::string(line) + "\"]\n")), "") << line;
}

TEST_F(DeckText, MeasuredNetsAreWords) {
  for (const char* signal : {"v(a=b)", "v(a;b)", "v(a'b)", "v(a{b})"})
    EXPECT_NE(refusal(rc("", "waveforms: {w: \"" + std::string(signal) + "\"}\n")), "") << signal;
}

TEST_F(DeckText, ALinkInTheBenchsFolderDoesNotShowAForeignFile) {
  const ScratchFolder other;
  std::ofstream(other.path() / "secret") << "secret text\n";
  std::filesystem::create_symlink(other.path() / "secret", path("link.cir"));
  std::filesystem::create_directory_symlink(other.path(), path("folder"));
  for (const char* named : {"link.cir", "folder/secret", "./folder/../link.cir"}) {
    const std::string message =
        refusal("gaincell_bench: 1\nname: x\ncircuit: {netlist: " + std::string(named) +
                "}\nsources: {a: {net: a, dc: 1}}\nelements: [R1 a 0 1]\nanalysis: {type: op}\n"
                "measurements: {m: {unit: V, value: v(a)}}\n");
    EXPECT_THAT(message, HasSubstr("leads out of its folder")) << named;
    EXPECT_THAT(message, Not(HasSubstr("secret text")));
  }
}

}  // namespace
}  // namespace gaincell::characterize
