// `gaincell get` and `gaincell diff`, as a user runs them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <iterator>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>

#include "base/files.h"
#include "tests/lut/example_device.h"
#include "tests/lut/example_samples.h"
#include "tests/support/program.h"

namespace gaincell {
namespace {

using lut::ExampleBench;
using nlohmann::json;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class LookUp : public lut::TemporaryFolder {
 protected:
  testing::Outcome run(const std::string& arguments) {
    std::istringstream stream(arguments);
    return testing::run("gaincell", {std::istream_iterator<std::string>(stream), {}}, folder_);
  }

  void expect_refused(const std::string& arguments, const std::string& part) {
    const auto outcome = run(arguments);
    EXPECT_EQ(outcome.exit_code, 2) << arguments;
    EXPECT_EQ(outcome.out, "") << arguments;
    EXPECT_THAT(outcome.err, StartsWith("gaincell: error: "));
    EXPECT_THAT(outcome.err, HasSubstr(part));
    EXPECT_EQ(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 1) << outcome.err;
  }

  static ExampleBench bench() {
    return {.name = "square",
            .axes = {{"v_store", "V", lut::linear_nodes(0, 1, 9)}},
            .measurement = "current",
            .unit = "A",
            .f = [](const std::vector<double>& x) { return 1e-6 * x[0] * x[0]; },
            .table = "current"};
  }
};

TEST_F(LookUp, GetsAValueWithItsGradientUnitsAndStatedError) {
  const lut::DeviceFile device = lut::example_device();
  device.write(folder_ / "device.h5");
  const auto outcome =
      run("get device.h5 cell_read_charge v_bitline=510m v_store=0.63 pulse_width=3ns --json");
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  const json got = json::parse(outcome.out);
  const lut::Table& table = device.table("cell_read_charge");
  EXPECT_EQ(got["value"], table.at(0.63, 3e-9, 0.51));
  EXPECT_EQ(got["units"], "C");
  EXPECT_EQ(got["at"], json({{"v_store", 0.63}, {"pulse_width", 3e-9}, {"v_bitline", 0.51}}));
  EXPECT_EQ(got["gradient"]["v_store"], table.derivative(0, 0.63, 3e-9, 0.51));
  EXPECT_EQ(got["gradient"]["pulse_width"], table.derivative(1, 0.63, 3e-9, 0.51));
  EXPECT_EQ(got["gradient"]["v_bitline"], table.derivative(2, 0.63, 3e-9, 0.51));
  EXPECT_EQ(got["gradient_units"]["pulse_width"], "C/s");
  EXPECT_EQ(got["error"]["holdout_points"], 3);
  EXPECT_EQ(got["error"]["max_abs"], device.find_table("cell_read_charge")->accuracy.max_abs);
  const auto words = run("get device.h5 cell_retention v_initial=0.8 age=0.3m");
  EXPECT_THAT(words.out, StartsWith("cell_retention = "));
  EXPECT_THAT(words.out, HasSubstr("error: at most"));
  EXPECT_EQ(json::parse(run("get device.h5 t_max --json").out)["value"], 15e-9);
}

TEST_F(LookUp, RefusesPlacesThatATableDoesNotKnow) {
  lut::example_device().write(folder_ / "device.h5");
  const std::string get = "get device.h5 ";
  expect_refused(get + "cell_retentoin v_initial=0.8 age=0", "did you mean `cell_retention`?");
  expect_refused(get + "cell_retention v_intial=0.8 age=0", "did you mean `v_initial`?");
  expect_refused(get + "cell_retention v_initial=0.8", "age: has no value; add age=VALUE");
  expect_refused(get + "cell_retention v_initial=nan age=0",
                 "v_initial = nan: must be a number in V");
  expect_refused(get + "cell_retention v_initial=inf age=0", "must be a number in V");
  expect_refused(get + "cell_retention v_initial=0.8Hz age=0", "must be a number in V");
  expect_refused(get + "cell_retention v_initial=1.2 age=0", "the table knows 0 to 0.9 V");
  expect_refused(get + "cell_retention v_initial=0.8 age=-1n", "the table knows 0 to 0.01 s");
  expect_refused(get + "cell_retention v_initial=0.8 age=0 age=1n", "is given twice");
  expect_refused(get + "cell_retention 0.8", "must be AXIS=VALUE");
  expect_refused(get + "t_max v_store=0", "is a constant and has no axes");
  EXPECT_EQ(run(get + "cell_retention v_initial=0.9 age=10m").exit_code, 0);  // the very end
}

TEST_F(LookUp, DiffFindsNothingBetweenAFileAndItsCopy) {
  lut::example_device().write(folder_ / "a.h5");
  lut::example_device().write(folder_ / "b.h5");
  lut::write_samples(folder_ / "s.h5", {bench()});
  EXPECT_EQ(run("diff a.h5 b.h5").exit_code, 0);
  EXPECT_EQ(run("diff s.h5 s.h5").exit_code, 0);
  EXPECT_EQ(json::parse(run("diff a.h5 b.h5 --json").out)["equal"], true);
}

// The difference about `what` of `where`.
json find(const json& all, const std::string& where, const std::string& what) {
  for (const json& one : all["differences"])
    if (one["where"] == where && one["what"] == what) return one;
  return nullptr;
}

TEST_F(LookUp, DiffSaysByHowMuchDevicesDiffer) {
  lut::DeviceFile a, b;
  const auto line = [](double slope, std::vector<double> nodes) {
    return lut::TableEntry{lut::tabulate({"line", "A"}, {lut::axis("x", std::move(nodes), "V")},
                                         [slope](const auto& x) { return slope * x[0]; })};
  };
  a.add(line(1e-6, {0, 1, 2}));
  b.add(line(1.01e-6, {0, 0.5, 1}));
  a.add(lut::TableEntry{lut::tabulate({"alone", "A"}, {lut::axis("x", {0, 1}, "V")},
                                      [](const auto& x) { return x[0]; })});
  a.add(lut::Constant{{"t_max", "s"}, 15e-9, "read"});
  b.add(lut::Constant{{"t_max", "s"}, 18e-9, "read"});
  a.add(lut::Provenance{"read", {{"bench_text", std::string("name: read\npoints: 3\n")}}});
  b.add(lut::Provenance{"read", {{"bench_text", std::string("name: read\npoints: 4\n")}}});
  a.write(folder_ / "a.h5");
  b.write(folder_ / "b.h5");
  const auto outcome = run("diff a.h5 b.h5 --json");
  EXPECT_EQ(outcome.exit_code, 1) << outcome.err;
  const json all = json::parse(outcome.out);
  EXPECT_EQ(all["equal"], false);
  // At x = 1, where both reach: 10 nA of a full scale of 2 uA.
  const json values = find(all, "table line", "values, interpolated");
  EXPECT_NEAR(values["max_abs"], 10e-9, 1e-15);
  EXPECT_NEAR(values["max_percent"], 0.5, 1e-9);
  EXPECT_EQ(values["units"], "A");
  EXPECT_EQ(values["at"], "x = 1 V");
  EXPECT_EQ(find(all, "table line", "axis x")["b"], "3 points, 0 to 1 V");
  EXPECT_EQ(find(all, "table alone", "only in one file")["a"], "alone");
  EXPECT_NEAR(find(all, "constant t_max", "value")["max_percent"], 20, 1e-9);
  EXPECT_EQ(find(all, "provenance read", "bench_text, from line 2 on")["b"], "points: 4");
  EXPECT_EQ(all["differences"].size(), 5) << all.dump(1);
  EXPECT_THAT(run("diff a.h5 b.h5").out, HasSubstr("off by at most 10 nA (0.5 %)"));
}

TEST_F(LookUp, DiffMatchesPointsOfSamplesByTheirConditions) {
  ExampleBench other = bench();
  other.axes.front().nodes = lut::linear_nodes(0, 1, 5);  // every second one
  other.f = [](const std::vector<double>& x) {
    return 1e-6 * x[0] * x[0] + (x[0] > 0.7 ? 2e-8 : 0);
  };
  other.failed = {1};
  lut::write_samples(folder_ / "a.h5", {bench()});
  lut::write_samples(folder_ / "b.h5", {other});
  const json all = json::parse(run("diff a.h5 b.h5 --json").out);
  const json values = find(all, "bench square: measurement current", "values");
  EXPECT_NEAR(values["max_abs"], 2e-8, 1e-20);
  EXPECT_EQ(find(all, "bench square", "points that failed in one file")["b"], "1 failed");
  EXPECT_THAT(std::string(find(all, "bench square", "points")["a"]),
              StartsWith("29, 4 of them alone"));
}

TEST_F(LookUp, DiffRefusesTwoKindsAndOtherFiles) {
  lut::example_device().write(folder_ / "a.h5");
  lut::write_samples(folder_ / "s.h5", {bench()});
  write_file(folder_ / "text.h5", "no\n");
  expect_refused("diff a.h5 s.h5", "s.h5: samples: a.h5 is a device file; compare two of a kind");
  expect_refused("diff a.h5 text.h5", "text.h5: is not an HDF5 file");
  expect_refused("diff a.h5 missing.h5", "missing.h5: no such file");
}

}  // namespace
}  // namespace gaincell
