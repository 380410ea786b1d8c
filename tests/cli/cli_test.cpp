#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <nlohmann/json.hpp>
#include <regex>
#include <sstream>
#include <string>

#include "base/files.h"
#include "base/store/writer.h"
#include "tests/lut/example_device.h"
#include "tests/lut/example_samples.h"
#include "tests/support/program.h"

namespace gaincell {
namespace {

using lut::ExampleBench;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class Program : public lut::TemporaryFolder {
 protected:
  // Arguments by blanks; runs in the scratch folder.
  gaincell::testing::Outcome run(const std::string& arguments) {
    std::istringstream stream(arguments);
    return gaincell::testing::run("gaincell", {std::istream_iterator<std::string>(stream), {}},
                                  folder_);
  }

  // What `gaincell` does behind these redirections and limits of a shell.
  gaincell::testing::Outcome shell(const std::string& limits, const std::string& arguments) {
    return gaincell::testing::run(
        "/bin/sh", {"-c", limits + " exec " GAINCELL_BINARY_DIR "/bin/gaincell " + arguments},
        folder_);
  }

  // Wrong input: exit code 2, one line in the one shape, nothing on standard output, no new file.
  void expect_refused(const std::string& arguments, const std::string& part) {
    const auto files = [this] {
      return std::distance(std::filesystem::directory_iterator(folder_), {});
    };
    const auto before = files();
    const auto outcome = run(arguments);
    EXPECT_EQ(outcome.exit_code, 2) << arguments;
    EXPECT_EQ(outcome.out, "") << arguments;
    EXPECT_THAT(outcome.err, StartsWith("gaincell: error: "));
    EXPECT_THAT(outcome.err, HasSubstr(part));
    EXPECT_EQ(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 1) << outcome.err;
    EXPECT_EQ(files(), before) << arguments;
  }

  static ExampleBench bench() {
    return {.name = "square",
            .axes = {{"v_store", "V", lut::linear_nodes(0, 1, 9)}},
            .measurement = "current",
            .unit = "A",
            .f = [](const std::vector<double>& x) { return 1e-6 * x[0] * x[0]; },
            .table = "current",
            .limits = {{"limit_max_percent", 0.5}},
            .constants = {{"t_max", 15e-9}}};
  }
};

TEST_F(Program, TellsItsVerbsAndVersion) {
  const auto help = run("--help");
  EXPECT_EQ(help.exit_code, 0);
  EXPECT_THAT(help.out, HasSubstr("compile"));
  EXPECT_THAT(run("--version").out, StartsWith("gaincell "));
  EXPECT_EQ(run("").exit_code, 2);
  const auto verb = run("compile --help");
  EXPECT_EQ(verb.exit_code, 0);
  EXPECT_THAT(verb.out, HasSubstr("--output"));
}

TEST_F(Program, RefusesMisspeltVerbsAndOptions) {
  expect_refused("complie", "complie: unknown verb; did you mean `compile`?");
  expect_refused("frobnicate", "frobnicate: unknown verb; `gaincell --help` lists the verbs");
  expect_refused("--vresion", "unknown option");
  expect_refused("show", "gaincell show: file is required; see `gaincell show --help`");
  expect_refused("show a.h5 --jsno", "see `gaincell show --help`");
}

TEST_F(Program, TrainsFromACheckpointOnlyWithThePackage) {
  const auto refused = [this](const std::string& python) {
    const auto outcome =
        shell("GAINCELL_PYTHON=" + python, "train --from nowhere --recipe nowhere");
    EXPECT_EQ(outcome.exit_code, 2);
    EXPECT_THAT(outcome.err, StartsWith("gaincell: error: " + python));
    EXPECT_THAT(outcome.err, HasSubstr("pip install 'gaincell[torch]'"));
  };
  refused("/nowhere/python3");
  refused("/bin/false");  // starts, and does not have it
}

TEST_F(Program, CompilesSamplesToADevice) {
  lut::write_samples(folder_ / "samples.h5", {bench()});
  const auto compiled = run("compile samples.h5 -o device.h5");
  EXPECT_EQ(compiled.exit_code, 0) << compiled.err;
  EXPECT_THAT(compiled.out, HasSubstr("current"));
  EXPECT_THAT(compiled.out, EndsWith("wrote device.h5\n"));

  const auto shown = run("show device.h5");
  EXPECT_EQ(shown.exit_code, 0) << shown.err;
  EXPECT_THAT(shown.out, HasSubstr("v_store 9"));
  EXPECT_THAT(shown.out, HasSubstr("15 ns"));
  EXPECT_THAT(shown.out, HasSubstr("max 0.5 %"));

  const auto json = nlohmann::json::parse(run("show device.h5 --json").out);
  const auto& table = json["tables"]["current"];
  EXPECT_EQ(table["units"], "A");
  EXPECT_EQ(table["axes"][0]["name"], "v_store");
  EXPECT_EQ(table["axes"][0]["to"], 1.0);
  EXPECT_EQ(table["holdout_points"], 20);
  EXPECT_LT(table["error_max_percent"].get<double>(), 0.5);
  EXPECT_EQ(json["constants"]["t_max"]["value"], 15e-9);
  EXPECT_EQ(json["provenance"]["square"]["bench_text"], "gaincell_bench: 1\n");

  const std::string first = read_file(folder_ / "device.h5");
  EXPECT_EQ(run("compile samples.h5 -o device.h5 --json").exit_code, 0);
  EXPECT_TRUE(read_file(folder_ / "device.h5") == first);
}

TEST_F(Program, CompilesSamplesWithoutASealOnlyWhereItsUserSaysSo) {
  lut::write_samples(folder_ / "samples.h5", {bench()});
  std::filesystem::resize_file(folder_ / "samples.h5",
                               std::filesystem::file_size(folder_ / "samples.h5") - 93);
  expect_refused("compile samples.h5 -o device.h5", "samples.h5: was changed by another program");
  expect_refused("compile samples.h5 -o device.h5", "--unsealed");
  EXPECT_EQ(run("compile samples.h5 -o device.h5 --unsealed").exit_code, 0);
  const auto json = nlohmann::json::parse(run("show device.h5 --json").out);
  EXPECT_THAT(json["provenance"]["square"]["samples"].get<std::string>(),
              HasSubstr("changed by another program"));
}

TEST_F(Program, ShowsAnImportedDeviceAsJsonWhateverItsCommentsAreWrittenIn) {
  write_file(folder_ / "iv.csv",
             "# Ger\xE4t 1, \xB5"
             "A\nV_store,V_in,I\n0,0.9,0\n0.5,0.9,5e-6\n0.9,0.9,1e-5\n");
  const auto imported = run("import iv.csv -o device.h5");
  EXPECT_EQ(imported.exit_code, 0) << imported.err;
  EXPECT_THAT(imported.out, HasSubstr("read 3 rows, separator comma, latin-1; V_store in V"));
  const auto json = nlohmann::json::parse(run("show device.h5 --json").out);
  EXPECT_THAT(json["provenance"]["import"]["import_text"].get<std::string>(),
              HasSubstr("# Gerät 1, µA"));
  EXPECT_FALSE(json["tables"].contains("relu_energy"));
}

TEST_F(Program, ImportsAnImplausibleCurrentOnlyWhereItsUnitIsSaid) {
  const std::string rows = "0,0.9,0\n0.5,0.9,9.65\n0.9,0.9,17.37\n";
  write_file(folder_ / "iv.csv", "V_store,V_in,I\n" + rows);
  expect_refused("import iv.csv -o d.h5", "I = 17.37 A: is implausible for one cell");
  const auto said = run("import iv.csv -o d.h5 --current-unit A");
  EXPECT_EQ(said.exit_code, 0);
  EXPECT_THAT(said.err, HasSubstr("warning: iv.csv: 17.37 A in one cell"));
  EXPECT_EQ(run("import iv.csv -o d.h5 --current-unit uA").err, "");
  write_file(folder_ / "iv.csv", "vg,vd,id\n" + rows);
  EXPECT_EQ(run("import iv.csv -o d.h5 --columns V_store=vg,V_in=vd,I=id --current-unit uA").err,
            "");
  expect_refused("import published -o d.h5 --tau 1e-3", "--tau: has no effect on the published");
  expect_refused("import iv.csv -o d.h5 --published-variant sign=minus",
                 "--published-variant: has no effect on an imported current");
  expect_refused("import iv.csv -o d.h5 --columns I", "--columns = I: must be a column and");
  expect_refused("import iv.csv -o d.h5 --columns V=vg", "--columns = V: is none of V_store");
  expect_refused("import iv.csv -o d.h5 --separator .", "--separator = .: must be comma");
  expect_refused("import iv.csv -o d.h5 --current-unit W", "--current-unit = W: must be A");
}

TEST_F(Program, ShowsSamples) {
  ExampleBench failing = bench();
  failing.failed = {3};
  lut::write_samples(folder_ / "samples.h5", {failing});
  const auto shown = run("show samples.h5");
  EXPECT_EQ(shown.exit_code, 0) << shown.err;
  EXPECT_THAT(shown.out, HasSubstr("29 points, 1 failed"));
  EXPECT_THAT(shown.out, HasSubstr("no convergence"));
  const auto json = nlohmann::json::parse(run("show samples.h5 --json").out);
  EXPECT_EQ(json["benches"]["square"]["points"], 29);
  EXPECT_EQ(json["benches"]["square"]["failures"][0]["point"], 3);
}

TEST_F(Program, FailsACompileThatMissesALimitAndKeepsTheOldDevice) {
  ExampleBench rough = bench();
  rough.interpolation = "linear";
  rough.limits = {{"limit_max_percent", 0.01}};
  lut::write_samples(folder_ / "samples.h5", {rough});
  write_file(folder_ / "device.h5", "old");
  const auto outcome = run("compile samples.h5 -o device.h5");
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_THAT(outcome.out,
              HasSubstr("exceeds the limit of 0.01 % of full scale; largest at v_store = "));
  EXPECT_THAT(outcome.err, HasSubstr("device.h5 not written"));
  EXPECT_EQ(read_file(folder_ / "device.h5"), "old");
}

TEST_F(Program, RefusesFilesThatAreNotWhatTheyShouldBe) {
  lut::write_samples(folder_ / "samples.h5", {bench()});
  const std::string bytes = read_file(folder_ / "samples.h5");
  write_file(folder_ / "cut.h5", bytes.substr(0, bytes.size() / 2));
  write_file(folder_ / "text.h5", "v_store,charge\n");
  write_file(folder_ / "empty.h5", "");
  {
    store::Writer writer(folder_ / "future.h5");
    writer.root()
        .attribute("gaincell_format", "device")
        .attribute("format_version", 99)
        .attribute("program_version", "9.0");
    writer.commit();
  }
  {
    store::Writer writer(folder_ / "foreign.h5");
    writer.root().scalar("x", 1.0);
    writer.commit();
  }
  expect_refused("compile cut.h5 -o device.h5", "cut.h5");
  expect_refused("compile cut.h5 -o device.h5", "the file is truncated");
  expect_refused("compile text.h5 -o device.h5", "text.h5: is not an HDF5 file");
  expect_refused("compile empty.h5 -o device.h5", "empty.h5: is empty");
  expect_refused("compile missing.h5 -o device.h5", "missing.h5: no such file");
  expect_refused("compile future.h5 -o device.h5",
                 "gaincell_format = device: must be \"samples\" here");
  expect_refused("compile samples.h5 -o samples.h5", "would replace");
  expect_refused("compile samples.h5 -o no/where/device.h5", "no/where");
  expect_refused("show future.h5", "future.h5: format_version = 99: this program reads version 1");
  expect_refused("show foreign.h5", "no device, samples or study file");
  expect_refused("show cut.h5 --json", "the file is truncated");
}

// Its arguments end with the file to be written, which is read as well.
TEST_F(Program, NoVerbWritesOverWhatItReads) {
  lut::write_samples(folder_ / "samples.h5", {bench()});
  lut::example_device().write(folder_ / "device.h5");
  {
    store::Writer writer(folder_ / "q.h5");
    store::Group root = writer.root();
    for (const char* dimension : {"batch", "head", "time", "dim"}) root.dimension(dimension, 1);
    for (const char* name : {"q", "k", "v"})
      root.dataset(name, {"batch", "head", "time", "dim"}, std::vector<double>{0.5});
    writer.commit();
  }
  write_file(folder_ / "iv.csv", "V_store,V_in,I\n0,0.9,-1e-6\n0.45,0.9,0\n0.9,0.9,1e-6\n");
  for (const std::string verb : {"compile samples.h5 -o samples.h5", "import iv.csv -o iv.csv",
                                 "attend --device device.h5 --input q.h5 --output q.h5",
                                 "attend --device device.h5 --input q.h5 --output device.h5"}) {
    const std::string name = verb.substr(verb.rfind(' ') + 1);
    const std::string begin = verb.substr(0, verb.rfind(' ') + 1);
    const std::string content = read_file(folder_ / name);
    std::filesystem::create_symlink(name, folder_ / "symbolic");
    std::filesystem::create_hard_link(folder_ / name, folder_ / "hard");
    for (const std::string& alias :
         {name, "./" + name, std::string("symbolic"), std::string("hard")})
      expect_refused(begin + alias, "would replace");
    std::filesystem::remove(folder_ / "symbolic");
    std::filesystem::remove(folder_ / "hard");
    EXPECT_TRUE(read_file(folder_ / name) == content) << verb;
  }
}

TEST_F(Program, OutputsThatAreNoFilesStay) {
  lut::write_samples(folder_ / "samples.h5", {bench()});
  std::filesystem::create_directory(folder_ / "folder");
  ASSERT_EQ(::mkfifo((folder_ / "fifo").c_str(), 0600), 0);
  expect_refused("compile samples.h5 -o folder", "is a folder");
  expect_refused("compile samples.h5 -o fifo", "is a pipe");
  // A null device of our own, where we may make one: the system's is not to be tried on.
  const auto device = folder_ / "device";
  if (::mknod(device.c_str(), S_IFCHR | 0600, makedev(1, 3)) == 0) {
    expect_refused("compile samples.h5 -o device", "is a device");
    EXPECT_TRUE(std::filesystem::is_character_file(device));
  }
  EXPECT_TRUE(std::filesystem::is_fifo(folder_ / "fifo"));
}

TEST_F(Program, InputsThatNeverEndAreNotWaitedFor) {
  ASSERT_EQ(::mkfifo((folder_ / "fifo").c_str(), 0600), 0);
  for (const std::string input : {"fifo", "/dev/zero"}) {
    expect_refused("check " + input, input);
    expect_refused("compile " + input + " -o device.h5", input);
    expect_refused("show " + input, input);
    expect_refused("import " + input + " -o device.h5", input);
    expect_refused("merge " + input + " -o samples.h5", input);
    expect_refused("report " + input + " --device published", input);
  }
}

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  for (std::size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size())
    text.replace(at, from.size(), to);
  return text;
}

// What a page says of one verb: from where it begins to speak of it, up to `end`.
std::string part(const std::string& text, const std::string& begin, const std::string& end) {
  const std::size_t from = text.find(begin);
  if (from == std::string::npos) return "";
  return text.substr(from, text.find(end, from + begin.size()) - from);
}

TEST_F(Program, PagesOfItselfKnowEveryOptionOfEveryVerb) {
  const std::string help = run("--help").out;
  std::istringstream lines(help.substr(help.find("Verbs:\n") + 7));
  const std::string man = replaced(run("doc man").out, "\\-", "-");
  const std::string bash = run("doc bash-completion").out;
  const std::string zsh = run("doc zsh-completion").out;
  const std::string fish = run("doc fish-completion").out;
  int verbs = 0;
  std::size_t options = 0;
  for (std::string line; std::getline(lines, line) && line.starts_with("  "); ++verbs) {
    const std::string verb = line.substr(2, line.find(' ', 2) - 2);
    EXPECT_THAT(replaced(part(bash, "compgen -W '", " --help"), "'", " ") + " ",
                HasSubstr(" " + verb + " "));
    EXPECT_THAT(part(zsh, "verbs=(\n", ")\n"), HasSubstr("  '" + verb + ":"));
    EXPECT_THAT(fish, HasSubstr("__fish_use_subcommand -f -a " + verb + " -d "));
    const std::string of_man = part(man, "\n.SS gaincell " + verb + "\n", "\n.S");
    const std::string of_bash = part(bash, "\n    " + verb + ")\n", ";;\n    ");
    const std::string of_zsh = part(zsh, "\n  " + verb + ")\n", ";;\n");
    for (const std::string& text : {of_man, of_bash, of_zsh}) EXPECT_NE(text, "") << verb;
    if (verb == "train") continue;  // a program of its own, which its page and completions point to
    const std::string own = run(verb + " --help").out;
    const std::regex option("(?:^|,)(--[a-z][a-z0-9-]*)");
    std::istringstream own_lines(own);
    for (std::string one; std::getline(own_lines, one);) {
      if (!one.starts_with("  -")) continue;
      std::smatch found;
      const std::string names = one.substr(2, one.find(' ', 2) - 2);
      if (!std::regex_search(names, found, option)) continue;
      const std::string name = found[1];
      ++options;
      EXPECT_THAT(of_man, HasSubstr("\\fB" + name + "\\fR")) << verb;
      EXPECT_THAT(replaced(of_bash, "'", " "), HasSubstr(" " + name + " ")) << verb;
      EXPECT_THAT(of_zsh, HasSubstr(name + "[")) << verb;
      EXPECT_THAT(fish,
                  HasSubstr("__fish_seen_subcommand_from " + verb + "' " +
                            (names.starts_with("--") ? "" : "-s " + names.substr(1, 1) + " ") +
                            "-l " + name.substr(2) + " "))
          << verb;
    }
  }
  EXPECT_GE(verbs, 19);
  EXPECT_GE(options, 100u);
}

TEST_F(Program, PagesOfItselfAreTheSameOnEveryMachine) {
  for (const std::string page : {"man", "bash-completion", "zsh-completion", "fish-completion"}) {
    const auto here = run("doc " + page);
    const auto elsewhere =
        shell("export HOME=/elsewhere XDG_CACHE_HOME=/elsewhere/caches;", "doc " + page);
    EXPECT_EQ(here.exit_code + elsewhere.exit_code, 0) << page;
    EXPECT_GT(here.out.size(), 2000u) << page;
    EXPECT_TRUE(here.out == elsewhere.out) << page;
  }
}

class Streams : public Program {};

TEST_F(Streams, ThatAreFullAreAMessageAndNoSignal) {
  lut::example_device().write(folder_ / "device.h5");
  for (const std::string arguments : {"--help", "--version", "show device.h5",
                                      "show device.h5 --json", "doc bench", "compile --help"}) {
    const auto full = shell("", arguments + " >/dev/full");
    EXPECT_EQ(full.exit_code, 2) << arguments;
    EXPECT_THAT(full.err, HasSubstr("standard output: ")) << arguments;
    EXPECT_EQ(std::count(full.err.begin(), full.err.end(), '\n'), 1) << full.err;
    EXPECT_EQ(shell("", arguments + " >/dev/full 2>/dev/full").exit_code, 2) << arguments;
  }
  for (const std::string closed : {"2>&-", "2>/dev/full", "<&- 2>&-", ">&- 2>&-", "<&- >&- 2>&-"}) {
    EXPECT_EQ(shell("", "show missing.h5 " + closed).exit_code, 2) << closed;
    EXPECT_EQ(shell("", closed).exit_code, 2) << closed;
    EXPECT_EQ(shell("", "show device.h5 " + closed).exit_code, 0) << closed;
  }
}

TEST_F(Streams, LimitOnTheSizeOfFilesIsAMessageAndLeavesNothing) {
  ExampleBench large = bench();
  large.axes = {{"v_store", "V", lut::linear_nodes(0, 1, 2000)}};
  lut::write_samples(folder_ / "samples.h5", {large});
  const auto outcome = shell("ulimit -f 1;", "compile samples.h5 -o device.h5");
  EXPECT_EQ(outcome.exit_code, 2) << outcome.out;
  EXPECT_THAT(outcome.err, HasSubstr("device.h5"));
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder_), {}), 1);
}

// A name out of anyone's file may hold what a terminal obeys.
TEST_F(Program, NamesOutOfFilesDoNotReachTheTerminalAsTheyAre) {
  lut::example_device().write(folder_ / "d.h5");
  const nlohmann::json odd{
      {"tokens", 9},
      {"nats_per_token", 1.5},
      {"perplexity", 4.5},
      {"energy_j_per_token", {{"total", nullptr}}},
      {"latency_s_per_token", nullptr},
      {"tokens_per_second", 1.0},
      {"settings", {{"attention", "\x1b[2J"}, {"window", 1}, {"layers", 1}, {"heads", 1}}}};
  write_file(folder_ / "r.json", odd.dump());
  const auto outcome = run("report r.json --device d.h5");
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr(" \\x1b[2J |"));
  EXPECT_EQ(outcome.out.find('\x1b'), std::string::npos);
}

TEST_F(Program, FileWithoutANameIsNamedAsSuch) {
  for (const char* verb : {"show", "check", "datasheet"}) {
    const auto outcome = gaincell::testing::run("gaincell", {verb, ""}, folder_);
    EXPECT_EQ(outcome.exit_code, 2) << verb;
    EXPECT_THAT(outcome.err, StartsWith("gaincell: error: a file without a name")) << verb;
  }
}

}  // namespace
}  // namespace gaincell
