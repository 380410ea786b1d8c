#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <iterator>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>

#include "base/files.h"
#include "base/sha256.h"
#include "tests/lut/example_device.h"
#include "tests/lut/example_samples.h"
#include "tests/support/program.h"

namespace gaincell {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;
using ::testing::StartsWith;

// Exports of the example device, each read with the tool that it is for, and held against `get`.
class Exports : public lut::TemporaryFolder {
 protected:
  void SetUp() override {
    lut::TemporaryFolder::SetUp();
    lut::example_device().write(folder_ / "device.h5");
  }

  testing::Outcome run(const std::string& program, const std::string& arguments) {
    std::istringstream stream(arguments);
    return testing::run(program, {std::istream_iterator<std::string>(stream), {}}, folder_);
  }

  void export_to(const std::string& format, const std::string& out,
                 const std::string& file = "device.h5") {
    const auto outcome = run("gaincell", "export " + file + " --to " + format + " -o " + out);
    ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  }

  json get(const std::string& what) {
    const auto outcome = run("gaincell", "get device.h5 " + what + " --json");
    EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
    return json::parse(outcome.out);
  }

  // What read_export.py found; null where its tool is missing.
  json read(const std::string& format, const std::string& file, const std::string& keys) {
    const std::string own = GAINCELL_BINARY_DIR "/../python/bin/python";  // of ./dev build
    const auto outcome =
        run(std::filesystem::exists(own) ? own : "/usr/bin/python3",
            GAINCELL_SOURCE_DIR "/tests/export/read_export.py " + format + " " + file + " " + keys);
    if (outcome.exit_code == 77) return nullptr;
    EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
    return json::parse(outcome.out);
  }

  // The file says whose numbers it has and how exact they are.
  void expect_origin(const std::string& text) {
    EXPECT_THAT(text, HasSubstr("device.h5"));
    EXPECT_THAT(text, HasSubstr(sha256_of_file(folder_ / "device.h5")));
    EXPECT_THAT(text, HasSubstr("3 hold-out points"));
  }

  static lut::ExampleBench bench() {
    return {.name = "square",
            .axes = {{"v_store", "V", lut::linear_nodes(0, 1, 9)}},
            .measurement = "current",
            .unit = "A",
            .f = [](const std::vector<double>& x) { return 1e-6 * x[0] * x[0]; },
            .failed = {3}};
  }
};

constexpr const char* kPlace = "v_store=0.3 pulse_width=4n v_bitline=0.6";

TEST_F(Exports, ACsvFileOpensInPandasWithAllTablesSideBySide) {
  export_to("csv", "all.csv");
  // Row-major over 10 stored voltages, 4 widths, 7 bitline voltages.
  const json found = read("csv", "all.csv", std::to_string((3 * 4 + 2) * 7 + 4));
  if (found.is_null()) GTEST_SKIP() << "needs python3-pandas";
  EXPECT_NEAR(found["row"]["v_store [V]"], 0.3, 1e-12);
  EXPECT_EQ(found["row"]["pulse_width [s]"], 4e-9);
  EXPECT_NEAR(found["row"]["v_bitline [V]"], 0.6, 1e-12);
  EXPECT_NEAR(found["row"]["cell_read_charge [C]"],
              get(std::string("cell_read_charge ") + kPlace)["value"], 1e-27);
  EXPECT_TRUE(found["row"]["cell_retention [V]"].is_null());  // over other axes
  EXPECT_EQ(found["row"]["tables"], "cell_read_charge cell_read_energy cell_word_line_energy");
  const std::string text = read_file(folder_ / "all.csv");
  expect_origin(text);
  EXPECT_THAT(text, HasSubstr("# constant t_max = 1.5e-08 s"));
}

TEST_F(Exports, ACsvFolderHasAFileAGridWithHoldOutPointsAndConstants) {
  export_to("csv", "tables");
  const json row = read("csv", "tables/cell_retention.csv", "5");
  if (row.is_null()) GTEST_SKIP() << "needs python3-pandas";
  EXPECT_EQ(row["rows"], 36);
  EXPECT_EQ(read("csv", "tables/cell_retention.holdout.csv", "2")["rows"], 3);
  EXPECT_EQ(read("csv", "tables/constants.csv", "0")["row"]["value"], 15e-9);
  expect_origin(read_file(folder_ / "tables/cell_retention.csv"));
}

TEST_F(Exports, JsonHoldsEveryNumberInFull) {
  export_to("json", "device.json");
  const json all = json::parse(read_file(folder_ / "device.json"));
  const json& table = all["tables"]["cell_read_charge"];
  EXPECT_DOUBLE_EQ(table["values"][3][2][4],
                   get(std::string("cell_read_charge ") + kPlace)["value"]);
  EXPECT_EQ(table["axes"][1]["values"], json({0, 1e-9, 4e-9, 15e-9}));
  EXPECT_EQ(table["error"], get(std::string("cell_read_charge ") + kPlace)["error"]);
  EXPECT_EQ(table["holdout"]["measured"].size(), 3);
  EXPECT_EQ(all["constants"]["t_max"]["value"], 15e-9);
  EXPECT_EQ(all["source"]["sha256"], sha256_of_file(folder_ / "device.h5"));
  EXPECT_EQ(all["provenance"]["read_charge"]["bench_text"], "gaincell_bench: 1\n");
}

TEST_F(Exports, NpzOpensInNumPyWithoutPickle) {
  export_to("npz", "device.npz");
  const json found = read("npz", "device.npz",
                          "cell_read_charge cell_read_charge.pulse_width t_max "
                          "cell_read_charge.holdout.measured");
  if (found.is_null()) GTEST_SKIP() << "needs python3-numpy";
  EXPECT_EQ(found["shapes"]["cell_read_charge"], json({10, 4, 7}));
  EXPECT_DOUBLE_EQ(found["arrays"]["cell_read_charge"][3][2][4],
                   get(std::string("cell_read_charge ") + kPlace)["value"]);
  EXPECT_EQ(found["arrays"]["cell_read_charge.pulse_width"], json({0, 1e-9, 4e-9, 15e-9}));
  EXPECT_EQ(found["arrays"]["t_max"], 15e-9);
  EXPECT_EQ(found["arrays"]["cell_read_charge.holdout.measured"].size(), 3);
  EXPECT_EQ(found["about"]["tables"]["cell_read_charge"]["error"]["holdout_points"], 3);
  EXPECT_EQ(found["about"]["source"]["sha256"], sha256_of_file(folder_ / "device.h5"));
}

TEST_F(Exports, MatOpensInSciPyWithTheFirstAxisFirst) {
  export_to("mat", "device.mat");
  const json found = read("mat", "device.mat", "cell_read_charge 3 2 4");
  if (found.is_null()) GTEST_SKIP() << "needs python3-scipy";
  EXPECT_EQ(found["shape"], json({10, 4, 7}));
  EXPECT_DOUBLE_EQ(found["value"], get(std::string("cell_read_charge ") + kPlace)["value"]);
  EXPECT_EQ(found["units"], "C");
  EXPECT_EQ(found["axes"], json({"v_store", "pulse_width", "v_bitline"}));
  EXPECT_EQ(found["pulse_width"], json({0, 1e-9, 4e-9, 15e-9}));
  EXPECT_EQ(found["holdout"], 3);
  EXPECT_EQ(found["t_max"], 15e-9);
  expect_origin(found["header"]);
  EXPECT_EQ(found["about"]["sha256"], sha256_of_file(folder_ / "device.h5"));
}

TEST_F(Exports, NetcdfOpensInXarrayByCoordinates) {
  export_to("netcdf", "device.nc");
  const json found = read("netcdf", "device.nc", "cell_read_charge");
  if (found.is_null()) GTEST_SKIP() << "needs python3-xarray";
  EXPECT_DOUBLE_EQ(found["value"], get(std::string("cell_read_charge ") + kPlace)["value"]);
  EXPECT_EQ(found["error_max"], get(std::string("cell_read_charge ") + kPlace)["error"]["max_abs"]);
  EXPECT_EQ(found["units"], "C");
  EXPECT_EQ(found["axis_units"], "V");
  EXPECT_EQ(found["t_max"], 15e-9);
  EXPECT_EQ(found["conventions"], "CF-1.10");
  expect_origin(found["head"]);
}

TEST_F(Exports, VerilogAHasModulesThatOpenVafParsesAndTablesThatRise) {
  export_to("verilog-a", "va");
  const json row = read("table", "va/cell_read_charge.tbl", std::to_string((3 * 4 + 2) * 7 + 4));
  EXPECT_EQ(row["rows"], 280);
  EXPECT_EQ(row["row"][1], 4e-9);
  EXPECT_DOUBLE_EQ(row["row"][3], get(std::string("cell_read_charge ") + kPlace)["value"]);
  const std::string text = read_file(folder_ / "va/gain_cell.va");
  expect_origin(text);
  EXPECT_THAT(text, HasSubstr("module gain_cell(wbl, wwl, bl, en, enb, sn, vdd);"));
  EXPECT_THAT(text,
              HasSubstr("$table_model(V(sn), V(bl), \"cell_static_current.tbl\", \"3CC,3CC\")"));
  const json parsed = read("verilog-a", "va/gain_cell.va", "");
  if (parsed.is_null()) GTEST_SKIP() << "needs openvaf-py";
  // Every module is parsed; what OpenVAF lacks is $table_model, and nothing else is wrong.
  EXPECT_FALSE(parsed["errors"].empty());
  for (const json& error : parsed["errors"])
    EXPECT_THAT(error.get<std::string>(),
                ::testing::AnyOf(HasSubstr("'$table_model' was not found"),
                                 HasSubstr("could not compile")));
}

TEST_F(Exports, NeuroSimGetsAConductanceALevel) {
  export_to("neurosim", "ns");
  const json found = read("neurosim", "ns/mem_states.csv", "");
  if (found.is_null()) GTEST_SKIP() << "needs python3-numpy, -pandas";
  ASSERT_EQ(found["means"].size(), 8);
  const auto current = [this](const std::string& v_store) {
    return get("cell_static_current v_store=" + v_store + " v_bitline=0.45")["value"].get<double>();
  };
  EXPECT_NEAR(found["means"][7], (current("0.9") - current("0")) / 0.9, 1e-12);
  EXPECT_EQ(found["means"][0], 0);
  EXPECT_EQ(found["stds"][3], 0);  // the device states no spread
  const std::string about = read_file(folder_ / "ns/README.txt");
  expect_origin(about);
  EXPECT_THAT(about, HasSubstr("no spread: the device states none"));
}

// The example's current is a straight line in what is stored, and its bitline moves: charge has a
// closed form, and what levels made a sum leaves nothing open.
TEST_F(Exports, NeuroSimGetsWhatAColumnPutsOutForASum) {
  lut::DeviceFile device = lut::example_device();
  device.add(lut::Constant{{"spread_cell_gain", "1", "mismatch"}, 0.02, "spread"});
  device.add(lut::Constant{{"spread_signed_noise_c", "C", "noise"}, 2e-15, "noise"});
  device.write(folder_ / "device.h5");
  export_to("neurosim", "ns");
  const json found = read("neurosim", "ns/output_noise.csv", "9 0 200 448");
  if (found.is_null()) GTEST_SKIP() << "needs python3-numpy, -pandas";
  EXPECT_EQ(found["header"], json({"output", "mean", "std"}));
  EXPECT_EQ(found["rows"], 513);
  const auto charge = [](double volts) {  // of cells that are together so far above zero
    return 1.9e-12 * (1 - std::exp(-volts * 15e-6 * 1e-9 / 2e-12));
  };
  const double step = 15e-6 * 0.9 * 0.95 * 1e-9 / 7;
  const double all = charge(64 * 0.45) - charge(-64 * 0.45);
  EXPECT_NEAR(found["means"][0], 0, 1e-9);
  EXPECT_NEAR(found["means"][448], all / step, 2e-3 * 448);
  const double loaded = all / (448 * step);
  const double own = 0.02 * 15e-6 * 0.45 * 0.95 * 1e-9;  // of a cell at either end
  EXPECT_NEAR(found["stds"][448], std::hypot(loaded * std::sqrt(2 * 64) * own, 2e-15) / step, 1e-3);
  // Of nine ways to a product of 0, one reads a cell of level 0, and so does the reference.
  EXPECT_NEAR(found["stds"][0], std::hypot(std::sqrt(2 * 64 / 9.0) * own, 2e-15) / step, 1e-3);
  for (std::size_t sum = 1; sum <= 448; ++sum)
    EXPECT_GT(found["means"][sum], found["means"][sum - 1]) << sum;
  // A sum that 64 rows cannot have is no answer, should NeuroSim ask for it.
  EXPECT_TRUE(found["means"][449].is_null());
  EXPECT_TRUE(found["stds"][512].is_null());
  for (const std::string sum : {"0", "200", "448"}) {
    const double mean = found["means"][std::stoul(sum)], std = found["stds"][std::stoul(sum)];
    if (sum == "0") continue;  // what would lie below is cut off
    EXPECT_NEAR(found["drawn"][sum][0], mean, 0.1) << sum;
    EXPECT_NEAR(found["drawn"][sum][1], std::hypot(std, 0.29), 0.1) << sum;
  }
  EXPECT_THAT(read_file(folder_ / "ns/README.txt"), HasSubstr("--adc_precision 9"));
}

TEST_F(Exports, CrossSimFadesAsTheRetentionTable) {
  export_to("crosssim", "gain_cell.py");
  // The current of the example is a straight line: weights fade as voltages do.
  const json found = read("crosssim", "gain_cell.py", "1 0.001");
  if (found.is_null()) GTEST_SKIP() << "needs python3-numpy, -pandas";
  const double stored = get("cell_retention v_initial=0.9 age=1m")["value"];
  EXPECT_NEAR(found["drifted"], stored / 0.9, 2e-3);  // of full scale: straight between ages
  EXPECT_NEAR(found["programmed"], 1, 1e-12);
  EXPECT_EQ(found["weights"], 37);
  expect_origin(found["head"]);
}

TEST_F(Exports, AihwkitGetsAnExponentThatIsRightAtOneAge) {
  export_to("aihwkit", "noise.py");
  const json found = read("aihwkit", "noise.py", "");
  if (found.is_null()) GTEST_SKIP() << "needs python3-numpy, -pandas";
  const auto above_zero = [this](const std::string& age) {
    return get("cell_retention v_initial=0.9 age=" + age)["value"].get<double>() - 0.45;
  };
  const double until = found["until"], t_0 = found["t_0"];
  EXPECT_NEAR(
      found["left"],
      above_zero(std::to_string(until * 1e6) + "u") / above_zero(std::to_string(t_0 * 1e6) + "u"),
      1e-3);
  const double slope = get("cell_static_current v_store=0.6 v_bitline=0.45")["gradient"]["v_store"];
  EXPECT_NEAR(found["g_max"], 1e6 * slope * 0.45 / 0.9, 1e-3);
  EXPECT_THAT(found["head"].get<std::string>(), HasSubstr("retention is no power of time"));
  expect_origin(found["head"]);
}

TEST_F(Exports, GainSightGetsTheAgeAtWhichHalfALevelIsLost) {
  export_to("gainsight", "gs.py");
  const json found = read("gainsight", "gs.py", "");
  if (found.is_null()) GTEST_SKIP() << "needs python3-numpy, -pandas";
  // 0.45 V from zero fades with 5 ms: straight lines between the example's nodes are close to it.
  const double lost = 0.45 / 7, age = found["RETENTION_TIME_S"]["device"];
  EXPECT_NEAR(get("cell_retention v_initial=0.9 age=" + std::to_string(age * 1e6) + "u")["value"],
              0.9 - lost, 1e-6);
  EXPECT_EQ(found["RETENTION_TIME_OF_LEVEL_S"]["device"]["7"], age);
  EXPECT_GT(found["RETENTION_TIME_OF_LEVEL_S"]["device"]["5"], age);
  EXPECT_EQ(found["RETENTION_TIME_OF_LEVEL_S"]["device"]["4"],
            "inf");  // it has not so much to lose
  EXPECT_NEAR(found["READ_ENERGY_J_PER_BIT"]["device"], (1e-15 + 1e-6 * 15e-9) / 3, 1e-20);
  EXPECT_NEAR(found["WRITE_ENERGY_J_PER_BIT"]["device"], 0.45e-15 / 3, 1e-20);
  EXPECT_TRUE(found["STANDING_POWER_W_PER_BIT"]["device"].is_null());  // the example states none
  EXPECT_THAT(found["head"].get<std::string>(), HasSubstr("own source"));
  expect_origin(found["head"]);
}

TEST_F(Exports, EqualDevicesGiveEqualBytes) {
  for (const std::string format : {"csv", "json", "npz", "mat", "netcdf", "cpp", "ngspice",
                                   "crosssim", "aihwkit", "gainsight"}) {
    const std::string one = "a." + (format == "cpp" ? "h" : format);
    export_to(format, one);
    const std::string bytes = read_file(folder_ / one);
    export_to(format, one);
    EXPECT_EQ(read_file(folder_ / one), bytes) << format;
  }
}

TEST_F(Exports, TheHeaderCompilesAloneAndComputesWhatGetSays) {
  export_to("cpp", "my_cell.h");
  write_file(folder_ / "main.cpp", R"(#include "my_cell.h"
#include <cstdio>
static_assert(my_cell::t_max == 15e-9);
static_assert(my_cell::cell_read_charge.inside(0.2, 3e-9, 0.5) && !my_cell::cell_read_charge.inside(2, 3e-9, 0.5));
constexpr double kAtCompileTime = my_cell::cell_read_charge(0.63, 3e-9, 0.51);
int main() {
  const auto& t = my_cell::cell_read_charge;
  std::printf("[%.17g, %.17g, %.17g, %.17g, %.17g, %.17g]", kAtCompileTime, t.slope(0, 0.63, 3e-9, 0.51),
              t.slope(1, 0.63, 3e-9, 0.51), t.slope(2, 0.63, 3e-9, 0.51), t.error_max,
              my_cell::cell_retention(0.8, 3e-4));
})");
  const auto compiled = run(
      "/usr/bin/g++", "-std=c++17 -Wall -Wextra -Wpedantic -Wconversion -Werror main.cpp -o main");
  ASSERT_EQ(compiled.exit_code, 0) << compiled.err;
  const json found = json::parse(run((folder_ / "main").string(), "").out);
  const json wanted = get("cell_read_charge v_store=0.63 pulse_width=3n v_bitline=0.51");
  const auto near = [](const json& a, const json& b) {
    EXPECT_NEAR(a.get<double>(), b.get<double>(), 1e-12 * std::abs(b.get<double>()));
  };
  near(found[0], wanted["value"]);
  near(found[1], wanted["gradient"]["v_store"]);
  near(found[2], wanted["gradient"]["pulse_width"]);
  near(found[3], wanted["gradient"]["v_bitline"]);
  near(found[4], wanted["error"]["max_abs"]);
  near(found[5], get("cell_retention v_initial=0.8 age=0.3m")["value"]);
  expect_origin(read_file(folder_ / "my_cell.h"));
}

TEST_F(Exports, NgspiceDrawsTheTablesCurrentFromTheCell) {
  export_to("ngspice", "cell.cir");
  write_file(folder_ / "deck.cir", R"(one cell
.include cell.cir
ven en 0 0.9
venb enb 0 0
vsn sn 0 0.63
vbl bl 0 0.51
vwbl wbl 0 0.45
vwwl wwl 0 0
vvdd vdd 0 0.9
xcell wbl wwl bl en enb sn vdd gain_cell
.control
op
print -i(vbl)
alter ven dc = 0
alter venb dc = 0.9
op
print -i(vbl)
.endc
.end
)");
  const auto outcome = run("/usr/bin/ngspice", "-b deck.cir");
  if (outcome.exit_code == 127) GTEST_SKIP() << "needs ngspice";
  std::istringstream lines(outcome.out);
  std::vector<double> currents;
  for (std::string line; std::getline(lines, line);)
    if (line.starts_with("-i(vbl) = ")) currents.push_back(std::stod(line.substr(10)));
  ASSERT_EQ(currents.size(), 2) << outcome.out << outcome.err;
  const double table = get("cell_static_current v_store=0.63 v_bitline=0.51")["value"];
  EXPECT_NEAR(currents[0], table, 1e-3 * 13.5e-6);  // of full scale
  EXPECT_NEAR(currents[1], 0, 1e-9);                // switched off
  expect_origin(read_file(folder_ / "cell.cir"));
}

TEST_F(Exports, SamplesSayWhichPointsFailedAndWhy) {
  lut::write_samples(folder_ / "samples.h5", {bench()});
  export_to("csv", "samples.csv", "samples.h5");
  export_to("npz", "samples.npz", "samples.h5");
  export_to("json", "samples.json", "samples.h5");
  export_to("mat", "samples.mat", "samples.h5");
  export_to("netcdf", "samples.nc", "samples.h5");
  const json row = read("csv", "samples.csv", "3");
  if (row.is_null()) GTEST_SKIP() << "needs python3-pandas";
  EXPECT_EQ(row["rows"], 29);
  EXPECT_EQ(row["row"]["bench"], "square");
  EXPECT_EQ(row["row"]["status"], "failed");
  EXPECT_EQ(row["row"]["failure"], "no convergence");
  EXPECT_EQ(row["row"]["v_store [V]"], 0.375);
  EXPECT_TRUE(row["row"]["current [A]"].is_null());
  const json ran = read("csv", "samples.csv", "4");
  EXPECT_EQ(ran["row"]["status"], "ok");
  EXPECT_EQ(ran["row"]["current [A]"], 0.25e-6);
  const json arrays = read("npz", "samples.npz", "square.failure square.status square.v_store");
  EXPECT_EQ(arrays["arrays"]["square.failure"][3], "no convergence");
  EXPECT_EQ(arrays["arrays"]["square.status"][3], 1);
  const json mat = read("mat", "samples.mat", "");
  EXPECT_EQ(mat["failure"][3], "no convergence");
  EXPECT_EQ(mat["status"][3], 1);
  EXPECT_EQ(mat["v_store"][3], 0.375);
  EXPECT_EQ(mat["unit"], "A");
  const json netcdf = read("netcdf", "samples.nc", "square");
  EXPECT_EQ(netcdf["failure"][3], "no convergence");
  EXPECT_EQ(netcdf["current"], 0.25e-6);
  const json all = json::parse(read_file(folder_ / "samples.json"));
  EXPECT_TRUE(all["benches"]["square"]["measurements"]["current"]["values"][3].is_null());
  EXPECT_EQ(all["benches"]["square"]["failures"][0]["point"], 3);
}

TEST_F(Exports, RefuseWhatMakesNoSenseAndWriteNothing) {
  lut::write_samples(folder_ / "samples.h5", {bench()});
  const auto refused = [this](const std::string& arguments, const std::string& part) {
    const auto outcome = run("gaincell", "export " + arguments);
    EXPECT_EQ(outcome.exit_code, 2) << arguments;
    EXPECT_THAT(outcome.err, StartsWith("gaincell: error: "));
    EXPECT_THAT(outcome.err, HasSubstr(part)) << arguments;
    EXPECT_EQ(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 1) << outcome.err;
    EXPECT_FALSE(std::filesystem::exists(folder_ / "out")) << arguments;
  };
  refused("samples.h5 --to cpp -o out", "are single simulations, of which cpp says nothing");
  refused("samples.h5 --to ngspice -o out", "are single simulations");
  refused("device.h5 --to exel -o out", "--to");
  refused("device.h5 --to csv", "--output");
  refused("nothing.h5 --to csv -o out", "nothing.h5: no such file");
  refused("device.h5 --to csv -o nowhere/out", "nowhere/out");
  refused("device.h5 --to json -o device.h5", "would replace");
  write_file(folder_ / "text.h5", "v_store\n");
  refused("text.h5 --to csv -o out", "is not an HDF5 file");
  lut::DeviceFile bare;
  bare.add(lut::TableEntry{lut::tabulate({"other", "A"}, {lut::axis("x", {0, 1}, "V")},
                                         [](const auto& x) { return x[0]; })});
  bare.write(folder_ / "bare.h5");
  refused("bare.h5 --to ngspice -o out",
          "cell_static_current: is missing, and ngspice is made of it");
}

}  // namespace
}  // namespace gaincell
