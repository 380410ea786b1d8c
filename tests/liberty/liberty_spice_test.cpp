// Cells through the simulator into a Liberty file, and that file through the tools that read it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

#include "base/files.h"
#include "tests/support/program.h"

namespace gaincell::liberty {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr const char* kCells = GAINCELL_SOURCE_DIR "/netlists/logic_cells/";
constexpr const char* kModels = GAINCELL_SOURCE_DIR "/netlists/models/";

// A few cells of the shipped library on a small grid: ABC takes no library without a buffer.
std::string small_library() {
  const std::string cells = kCells, models = kModels;
  std::string text = "gaincell_library: 1\nname: small\n";
  text += "netlist: [" + cells + "svt.cir, " + cells + "cells.cir]\n";
  text += "models: [" + models + "gen28.inc]\n";
  text += "corners: {typical: [{file: " + models + "corners.lib, section: typical}]}\n";
  return text +
         "conditions: {corner: typical, temperature: 27, v_dd: 0.9}\n"
         "supply: {power: vdd, ground: vss}\nwire: {base: 0.14f, per_terminal: 0.07f}\n"
         "area: {pitch: 0.14u, extra: 0.8, height: 0.9u}\n"
         "slews: [10p, 25p, 50p]\nloads: [0.5f, 1.2f, 3f]\nconstraint_slews: [10p, 50p]\n"
         "holdout: {slews: 1, loads: 1, seed: 1}\ncells:\n"
         "  INV_X1: {inputs: [A], outputs: {Y: \"!A\"}}\n"
         "  NAND2_X1: {inputs: [A, B], outputs: {Y: \"!(A & B)\"}}\n"
         "  BUF_X2: {inputs: [A], outputs: {Y: A}, drive: 2}\n"
         "  DFF_X1: {inputs: [D, CK], outputs: {Q: IQ}, flip_flop: {clock: CK, data: D}}\n";
}

bool there(const std::string& program) {
  const char* path = std::getenv("PATH");
  const std::string folders = path != nullptr ? path : "";
  for (std::size_t at = 0; at <= folders.size();) {
    const std::size_t colon = std::min(folders.find(':', at), folders.size());
    if (std::filesystem::exists(folders.substr(at, colon - at) + "/" + program)) return true;
    at = colon + 1;
  }
  return false;
}

// The library is simulated once for all tests.
class LibertyFile : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = new testing::ScratchFolder;
    write_file(*folder_ / "library.yaml", small_library());
    outcome_ = make("x.lib", {"-j", "2"});
  }
  static void TearDownTestSuite() {
    delete folder_;
    folder_ = nullptr;
  }
  static testing::Outcome make(const std::string& output, std::vector<std::string> more) {
    std::vector<std::string> arguments{"liberty",
                                       "library.yaml",
                                       "-o",
                                       output,
                                       "--json",
                                       "--cache",
                                       (*folder_ / "cache").string()};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return testing::run("gaincell", arguments, folder_->path());
  }
  // What a program says of the file, by its absolute path.
  static testing::Outcome tool(const std::string& program, const std::string& script_name,
                               const std::string& script, std::vector<std::string> arguments) {
    write_file(*folder_ / script_name, script);
    arguments.push_back(script_name);
    return testing::run(
        "/usr/bin/env",
        [&] {
          std::vector<std::string> words{program};
          words.insert(words.end(), arguments.begin(), arguments.end());
          return words;
        }(),
        folder_->path());
  }
  static inline testing::ScratchFolder* folder_ = nullptr;
  static inline testing::Outcome outcome_;
};

TEST_F(LibertyFile, StandsWithinItsStatedErrorsOnASmallGrid) {
  ASSERT_TRUE(outcome_.exit_code == 0 || outcome_.exit_code == 1) << outcome_.err;
  const auto report = nlohmann::json::parse(outcome_.out);
  EXPECT_EQ(report["cells"], 4);
  EXPECT_EQ(report["failed_simulations"], 0);
  EXPECT_TRUE(report["reasons"].empty()) << report["reasons"];
  for (const char* kind : {"delay", "slew", "energy"}) {
    EXPECT_GT(report["holdout"][kind]["points"], 0);
    EXPECT_LT(report["holdout"][kind]["max"], 0.05) << kind << report["holdout"][kind];
  }
  const std::string text = read_file(*folder_ / "x.lib");
  for (const char* part : {"95 % within", "sha256", "setup_rising", "hold_rising", "leakage_power",
                           "clocked_on : \"CK\"", "rise_power", "max_capacitance"})
    EXPECT_THAT(text, HasSubstr(part));
}

// All come from the cache; what is written goes by the results alone.
TEST_F(LibertyFile, IsTheSameBytesWithOneSimulatorAndFromTheCache) {
  const auto again = make("y.lib", {"-j", "1"});
  ASSERT_EQ(again.exit_code, outcome_.exit_code) << again.err;
  EXPECT_EQ(nlohmann::json::parse(again.out)["from_cache"],
            nlohmann::json::parse(again.out)["simulations"]);
  EXPECT_TRUE(read_file(*folder_ / "x.lib") == read_file(*folder_ / "y.lib"));
}

TEST_F(LibertyFile, MapsACounterInYosysWithoutAWarning) {
  if (!there("yosys") || !there("berkeley-abc"))
    GTEST_SKIP() << "yosys or berkeley-abc is not installed";
  write_file(*folder_ / "counter.v",
             "module counter(input clk, input run, output reg [3:0] n);\n"
             "always @(posedge clk) n <= run ? n + 4'd1 : 4'd0;\nendmodule\n");
  const auto run =
      tool("yosys", "map.ys",
           "read_liberty -lib x.lib\nread_verilog counter.v\nsynth -flatten -top counter\n"
           "dfflibmap -liberty x.lib\nabc -liberty x.lib\nclean\nstat -liberty x.lib\n"
           "check -mapped -assert\nwrite_verilog -noattr mapped.v\n",
           {"-s"});
  EXPECT_EQ(run.exit_code, 0) << run.err;
  // ABC warns of a network without flip-flops, as all that it gets are; Yosys does so of a library.
  EXPECT_THAT("\n" + run.out + "\n" + run.err, Not(HasSubstr("\nWarning")));
  EXPECT_THAT(read_file(*folder_ / "mapped.v"), HasSubstr("DFF_X1"));
}

TEST_F(LibertyFile, IsReadByOpenStaWithoutAWarning) {
  if (!there("sta")) GTEST_SKIP() << "OpenSTA is not installed";
  write_file(*folder_ / "flat.v",
             "module top(clk, d, q);\ninput clk, d; output q; wire n, m;\n"
             "DFF_X1 f0(.D(d), .CK(clk), .Q(n));\nINV_X1 g(.A(n), .Y(m));\n"
             "DFF_X1 f1(.D(m), .CK(clk), .Q(q));\nendmodule\n");
  const auto run = tool("sta", "time.tcl",
                        "read_liberty x.lib\nread_verilog flat.v\nlink_design top\n"
                        "create_clock -period 1000 clk\nset_input_delay 0 -clock clk d\n"
                        "report_checks\nreport_checks -path_delay min\nputs done\nexit\n",
                        {"-exit"});
  EXPECT_EQ(run.exit_code, 0) << run.err;
  EXPECT_THAT(run.out + run.err, Not(HasSubstr("arning")));
  EXPECT_THAT(run.out, HasSubstr("done"));
  EXPECT_THAT(run.out, HasSubstr("slack (MET)"));
  EXPECT_THAT(run.out, HasSubstr("library setup time"));
}

TEST(LibertyVerb, RefusesAnOutputInAFolderThatIsNotThere) {
  const auto run = testing::run(
      "gaincell", {"liberty", std::string(kCells) + "library.yaml", "-o", "/nowhere/x.lib"});
  EXPECT_EQ(run.exit_code, 2);
  EXPECT_THAT(run.err, HasSubstr("/nowhere"));
}

}  // namespace
}  // namespace gaincell::liberty
