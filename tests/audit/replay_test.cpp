// `gaincell audit` as a user runs it, on few columns.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/files.h"
#include "tests/support/program.h"

namespace gaincell {
namespace {

using ::testing::HasSubstr;
using Json = nlohmann::json;

const std::string kSource = GAINCELL_SOURCE_DIR;
const std::string kDevice = std::string(GAINCELL_BINARY_DIR) + "/tests/gain_cell_a_device.h5";

std::vector<std::string> of_model() {
  return {"audit", "--model", kSource + "/models/shakespeare_linear",     "--device",
          kDevice, "--text",  kSource + "/data/shakespeare/held_out.txt", "--tokens",
          "200"};
}

std::vector<std::string> with(std::vector<std::string> arguments,
                              const std::vector<std::string>& more) {
  arguments.insert(arguments.end(), more.begin(), more.end());
  return arguments;
}

class AuditProgram : public ::testing::Test {
 protected:
  gaincell::testing::Outcome run(const std::vector<std::string>& arguments) {
    return gaincell::testing::run("gaincell", arguments, folder_.path());
  }
  Json audit(const std::vector<std::string>& arguments) {
    const auto outcome = run(with(arguments, {"--json", "--cache", "cache", "-j", "2"}));
    EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
    last_err_ = outcome.err;
    return Json::parse(outcome.out, nullptr, false);
  }
  gaincell::testing::ScratchFolder folder_;
  std::string last_err_;
};

TEST_F(AuditProgram, HoldsTheEngineToTransistorsOnAModelsActivations) {
  const Json json = audit(with(of_model(), {"--columns", "8", "--seed", "5", "-o", "audit.h5"}));
  EXPECT_EQ(json["columns"], 8);
  EXPECT_EQ(json["first_stage_cells"], "written");
  EXPECT_LE(json["column"]["pulse_rms_percent"], 0.034);  // 5 ps
  EXPECT_LE(json["column"]["pulse_max_percent"], 0.1);
  EXPECT_LE(json["column"]["output_rms_lsb"], 0.25);
  EXPECT_LE(json["column"]["output_max_lsb"], 1.0);
  EXPECT_LE(json["fast"]["output_rms_lsb"].get<double>(),
            json["column"]["output_rms_lsb"].get<double>() + 0.05);
  EXPECT_GT(json["column"]["output_max_lsb"], 0.0);

  // Two shards that share a cache, and then nothing is left to simulate; other seeds are others.
  const std::vector<std::string> wider = {"--columns", "10", "--seed", "5"};
  audit(with(with(of_model(), wider), {"--shard", "1/2"}));
  audit(with(with(of_model(), wider), {"--shard", "2/2"}));
  const Json whole = audit(with(of_model(), wider));
  EXPECT_EQ(whole["columns"], 10);
  EXPECT_THAT(last_err_, ::testing::Not(HasSubstr("/s,")));
  EXPECT_EQ(whole["worst"].size(), 2u);
}

TEST_F(AuditProgram, TakesRandomInputs) {
  const Json json = audit({"audit", "--random", "--device", kDevice, "--columns", "4"});
  EXPECT_LE(json["column"]["pulse_max_percent"], 2.0);
  EXPECT_LE(json["column"]["output_max_lsb"], 1.0);
  EXPECT_EQ(json["settings"]["inputs"], "random");
}

TEST_F(AuditProgram, SetsCellsWhereNoBenchWritesThemOrWritesAreLeftOut) {
  const Json json = audit(with(of_model(), {"--columns", "1", "--without", "write"}));
  EXPECT_EQ(json["first_stage_cells"], "set");
}

TEST_F(AuditProgram, TakesColumnsAtTheDevicesOwnConditions) {
  const std::string folder = folder_.path().string() + "/";
  std::filesystem::copy(kSource + "/netlists", folder + "netlists",
                        std::filesystem::copy_options::recursive);
  const std::string bench = folder + "netlists/column/column_relu.yaml";
  std::string text = read_file(bench);
  const auto replace = [&text](const std::string& from, const std::string& to) {
    ASSERT_NE(text.find(from), std::string::npos);
    text.replace(text.find(from), from.size(), to);
  };
  // The bench's own supply is another; the device's holds.
  replace("v_dd: {unit: V, typical: 0.9}", "v_dd: {unit: V, typical: 0.7}");
  write_file(bench, text);
  const Json json = audit({"audit", "--random", "--device", kDevice, "--columns", "2", "--benches",
                           folder + "netlists/column", "--without", "write"});
  EXPECT_LE(json["column"]["pulse_max_percent"], 0.2);
  replace("  temperature: {unit: degC, typical: 27}\n", "");
  write_file(bench, text);
  const auto outcome = run({"audit", "--random", "--device", kDevice, "--columns", "2", "--benches",
                            folder + "netlists/column"});
  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_THAT(outcome.err, HasSubstr("the device was made at this value, and the column bench has "
                                     "no such condition"));
}

// Benches that stand in for columns and arrays: a pulse is a first cell's voltage, 1 ns a volt, and
// 3 ps longer where the array is whole.
std::string stand_in(const std::string& name, const std::string& sizes, const std::string& outputs,
                     const std::string& measurement) {
  const std::string netlists = kSource + "/netlists/";
  return "gaincell_bench: 1\nname: " + name + "\ncircuit: {netlist: [" + netlists +
         "gain_cell_a/gain_cell_a.cir]}\nmodels: [" + netlists +
         "models/gen28.inc]\n"
         "corners: {typical: [{file: " +
         netlists +
         "models/corners.lib, section: typical}]}\n"
         "conditions: {corner: {typical: typical}, " +
         sizes +
         ", v_dd: {unit: V, typical: 0.9}, temperature: {unit: degC, typical: 27}}\n"
         "sources: {out: {" +
         outputs +
         "}}\nelements: [\"R1 load 0 {1k + 0*pulse_width[0]}\", C1 load 0 1f]\n"
         "draws: {points: 1, seed: 1}\nanalysis: {type: op}\nmeasurements: {pulse_width_out: "
         "{unit: s, scale: 1n, " +
         measurement + "}}\n";
}

TEST_F(AuditProgram, HoldsWholeArraysToTheirColumnsAlone) {
  for (const std::string stage : {"relu", "signed"}) {
    write_file(folder_ / ("column_" + stage + ".yaml"),
               stand_in("column_" + stage,
                        "v_store: {unit: V, count: 64, draw: {uniform: [0, 1]}}, "
                        "pulse_width: {unit: s, count: 64, draw: {uniform: [0, 1n]}}",
                        "net: out, dc: \"{v_store[0]}\"", "value: v(out)"));
    write_file(folder_ / ("array_" + stage + ".yaml"),
               stand_in("array_" + stage,
                        "v_store: {unit: V, count: 4096, draw: {uniform: [0, 1]}}, "
                        "pulse_width: {unit: s, count: 64, draw: {uniform: [0, 1n]}}",
                        "count: 64, net: \"out{i}\", dc: \"{v_store[64*i] + 3m}\"",
                        "count: 64, value: \"v(out{i})\""));
  }
  const Json json =
      audit({"audit", "--random", "--device", kDevice, "--array", "--tiles", "2", "--tokens", "100",
             "--window", "128", "--benches", folder_.path().string(), "-o", "arrays.h5"});
  const Json& tiles = json["sub_tiles"];
  EXPECT_EQ(tiles["simulated"], "arrays");
  EXPECT_EQ(tiles["columns_second"], 128);
  EXPECT_NEAR(tiles["alone"]["pulse_bias_percent"].get<double>(), -100 * 3e-12 / 15e-9, 1e-6);
  EXPECT_NEAR(tiles["alone"]["pulse_max_percent"].get<double>(), 100 * 3e-12 / 15e-9, 1e-6);
  EXPECT_NEAR(tiles["alone"]["output_rms_lsb"].get<double>(), 3e-12 / json["lsb_s"].get<double>(),
              1e-6);
  EXPECT_FALSE(json.contains("column"));  // none was drawn by itself
  EXPECT_GT(tiles["column"]["pulse_rms_percent"], 1.0);
}

TEST_F(AuditProgram, RefusesWrongInputInOneLine) {
  const auto refused = [&](const std::vector<std::string>& arguments, const std::string& part) {
    const auto outcome = run(arguments);
    EXPECT_EQ(outcome.exit_code, 2);
    EXPECT_THAT(outcome.err, HasSubstr(part));
    // The error is one line, the last; what the inputs were clipped by may stand before it.
    const auto error = outcome.err.find("gaincell: error: ");
    ASSERT_NE(error, std::string::npos) << outcome.err;
    EXPECT_EQ(outcome.err.find('\n', error), outcome.err.size() - 1) << outcome.err;
    EXPECT_EQ(outcome.out, "");
  };
  refused(with(of_model(), {"--columns", "0"}), "--columns = 0: must be from 1 to 1000000");
  refused(with(of_model(), {"--array", "--tiles", "0"}), "--array replays whole sub-tiles");
  refused(with(of_model(), {"--random"}), "give --model and --text, or --random");
  refused({"audit", "--random", "--device", "published"}, "no file in common");
  refused(with(of_model(), {"--shard", "3/2"}), "3/2");
  refused(with(of_model(), {"--benches", "nowhere"}), "nowhere");
  // A column of other transistors than the device's.
  const std::string folder = folder_.path().string() + "/";
  std::filesystem::copy(kSource + "/netlists", folder + "netlists",
                        std::filesystem::copy_options::recursive);
  write_file(folder + "netlists/models/gen28.inc",
             read_file(kSource + "/netlists/models/gen28.inc") + "* changed\n");
  refused(with(of_model(), {"--benches", folder + "netlists/column"}),
          "gen28.inc: the device was made with another version of this file");
}

}  // namespace
}  // namespace gaincell
