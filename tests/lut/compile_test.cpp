#include "lut/compile.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/files.h"
#include "example_device.h"
#include "example_samples.h"
#include "lut/retention.h"

namespace gaincell::lut {
namespace {

using testing::HasSubstr;

const ExampleBench::Sweep kStoreSweep{"v_store", "V", linear_nodes(0, 0.9, 10)};
const ExampleBench::Sweep kWidthSweep{"pulse_width", "s", {0, 1e-9, 4e-9, 15e-9}};

ExampleBench charge_bench() {
  return {.name = "read_charge",
          .axes = {kStoreSweep, kWidthSweep},
          .measurement = "charge",
          .unit = "C",
          .f = [](const std::vector<double>& x) { return 1e-5 * (x[0] - 0.45) * x[1]; },
          .table = "cell_read_charge",
          .limits = {{"limit_max_percent", 0.5}}};
}

// An RC that leaks towards 0.45 V with 5 ms: I = C (v - 0.45)/tau.
constexpr double kCapacitance = 5e-15, kTau = 5e-3;
ExampleBench leakage_bench() {
  return {.name = "leakage",
          .axes = {{"v_store", "V", linear_nodes(-0.05, 0.95, 21)}},
          .measurement = "current",
          .unit = "A",
          .f = [](const std::vector<double>& x) { return kCapacitance * (x[0] - 0.45) / kTau; },
          .table = "cell_leakage_current"};
}
ExampleBench capacitance_bench() {
  return {.name = "storage_capacitance",
          .axes = {{"v_store", "V", linear_nodes(-0.05, 0.95, 5)}},
          .measurement = "capacitance",
          .unit = "F",
          .f = [](const std::vector<double>&) { return kCapacitance; },
          .table = "cell_storage_capacitance"};
}
double decay(double v, double age) { return 0.45 + (v - 0.45) * std::exp(-age / kTau); }
ExampleBench retention_bench(double limit_v) {
  return {.name = "retention",
          .axes = {{"v_initial", "V", {0, 0.3, 0.9}}, {"age", "s", {1e-5, 1e-4, 1e-3, 1e-2}}},
          .measurement = "stored",
          .unit = "V",
          .f = [](const std::vector<double>& x) { return decay(x[0], x[1]); },
          .table = "cell_retention",
          .limits = {{"limit_max", limit_v}},
          .hold_out_points = 0};
}

class Compile : public TemporaryFolder {
 protected:
  Compiled of(const std::vector<ExampleBench>& benches) {
    write_samples(file_, benches);
    return compile({SamplesFile::read(file_)});
  }
  std::string error_of(const std::vector<ExampleBench>& benches) {
    try {
      of(benches);
    } catch (const Error& error) {
      return error.what();
    }
    return "no error";
  }
};

TEST_F(Compile, MakesATableAndMeasuresItOnTheHoldOut) {
  ExampleBench bench = charge_bench();
  bench.interpolation = "cubic linear";
  bench.constants = {{"t_max", 15e-9}};
  const Compiled compiled = of({bench});
  EXPECT_TRUE(compiled.report.ok()) << compiled.report.brief();
  const TableEntry* entry = compiled.device.find_table("cell_read_charge");
  ASSERT_NE(entry, nullptr);
  EXPECT_EQ(entry->bench, "read_charge");
  EXPECT_EQ(entry->table.quantity().unit, "C");
  EXPECT_EQ(entry->table.axis(1).name(), "pulse_width");
  EXPECT_EQ(entry->table.interpolation()[1], Interpolation::kLinear);
  EXPECT_EQ(entry->accuracy.points, 20u);
  EXPECT_LT(entry->accuracy.max_percent, 1e-9);  // bilinear: the table is exact
  EXPECT_EQ(entry->hold_out.predicted.size(), 20u);
  EXPECT_EQ(entry->limit.max_percent, 0.5);
  EXPECT_EQ(compiled.device.constant("t_max"), 15e-9);
  const auto& attributes = compiled.device.provenance().at(0).attributes;
  EXPECT_EQ(std::get<std::string>(attributes.at("bench_text")), "gaincell_bench: 1\n");
  EXPECT_EQ(std::get<double>(attributes.at("seed")), 7);
  EXPECT_EQ(std::get<std::string>(attributes.at("ngspice_version")), "39");
}

TEST_F(Compile, LeavesOutAnAxisThatChangesNothing) {
  ExampleBench bench = charge_bench();
  bench.over = "v_store";
  bench.f = [](const std::vector<double>& x) { return x[0] * x[0]; };
  const Compiled compiled = of({bench});
  ASSERT_TRUE(compiled.report.ok()) << compiled.report.brief();
  const TableEntry* entry = compiled.device.find_table("cell_read_charge");
  ASSERT_NE(entry, nullptr);
  EXPECT_EQ(entry->table.axes().size(), 1u);
  EXPECT_NEAR(entry->table.at(0.5), 0.25, 1e-3);

  bench.f = charge_bench().f;
  EXPECT_THAT(of({bench}).report.brief(),
              HasSubstr("is simulated more than once: `over` must name every swept condition"));
}

TEST_F(Compile, ReportsTheTextbookErrorOfStraightLines) {
  // x^2 on steps of 0.25, straight lines: at most h^2/4, rms h^2/sqrt(30) over uniform points.
  const double h = 0.25;
  ExampleBench bench{.name = "square",
                     .axes = {{"x", "V", linear_nodes(0, 2, 9)}},
                     .measurement = "y",
                     .unit = "A",
                     .f = [](const std::vector<double>& x) { return x[0] * x[0]; },
                     .table = "square",
                     .interpolation = "linear",
                     .hold_out_points = 4000};
  const Accuracy accuracy = of({bench}).device.find_table("square")->accuracy;
  EXPECT_LE(accuracy.max_abs, h * h / 4);
  EXPECT_NEAR(accuracy.max_abs, h * h / 4, 1e-5);
  EXPECT_NEAR(accuracy.rms_abs, h * h / std::sqrt(30), 2e-4);
  EXPECT_NEAR(accuracy.max_percent, 100 * accuracy.max_abs / 4, 1e-12);
}

TEST_F(Compile, FailsATableThatMissesItsLimitAndSaysWhere) {
  ExampleBench bench{.name = "square",
                     .axes = {{"x", "V", linear_nodes(0, 2, 5)}},
                     .measurement = "y",
                     .unit = "A",
                     .f = [](const std::vector<double>& x) { return x[0] * x[0]; },
                     .table = "square",
                     .limits = {{"limit_max_percent", 0.1}, {"limit_rms", 1e-3}},
                     .interpolation = "linear"};
  const CompileReport report = of({bench}).report;
  EXPECT_FALSE(report.ok());
  EXPECT_THAT(report.brief(), HasSubstr("fails: square (bench square): largest error"));
  EXPECT_THAT(
      report.brief(),
      HasSubstr("% of full scale exceeds the limit of 0.1 % of full scale; largest at x = "));
  EXPECT_THAT(report.brief(), HasSubstr("fails: square (bench square): rms error"));
  EXPECT_THAT(report.brief(), HasSubstr("exceeds the limit of 1 mA"));
  EXPECT_FALSE(report.to_json()["ok"].get<bool>());
}

TEST_F(Compile, FailsATableThatLacksPointsAndListsThem) {
  ExampleBench bench = charge_bench();
  bench.failed = {6, 41};  // a node, and a hold-out point
  const CompileReport report = of({bench}).report;
  EXPECT_FALSE(report.ok());
  EXPECT_THAT(report.brief(), HasSubstr("1 of its 40 points are missing:\n    v_store = 100 mV, "
                                        "pulse_width = 4 ns (failed: no convergence)"));

  bench.failed = {41};
  const Compiled holdout_only = of({bench});
  EXPECT_TRUE(holdout_only.report.ok());
  EXPECT_EQ(holdout_only.device.find_table("cell_read_charge")->accuracy.points, 19u);
  EXPECT_THAT(holdout_only.report.brief(), HasSubstr("1 hold-out simulations failed"));

  bench.failed.clear();
  for (std::size_t p = 0; p < 40; ++p) bench.failed.insert(p);
  EXPECT_THAT(of({bench}).report.brief(), HasSubstr("and 32 more"));
}

TEST_F(Compile, FailsALimitThatNothingChecks) {
  ExampleBench bench = charge_bench();
  bench.hold_out_points = 0;
  EXPECT_THAT(of({bench}).report.brief(),
              HasSubstr("it has a limit but no hold-out point to check it on"));
  bench.limits.clear();
  EXPECT_TRUE(of({bench}).report.ok());
}

TEST_F(Compile, IntegratesRetentionFromLeakageAndCapacitance) {
  const Compiled compiled = of({leakage_bench(), capacitance_bench(), retention_bench(1e-3)});
  EXPECT_TRUE(compiled.report.ok()) << compiled.report.brief();
  const TableEntry* entry = compiled.device.find_table("cell_retention");
  ASSERT_NE(entry, nullptr);
  EXPECT_EQ(entry->bench, "leakage + storage_capacitance");
  EXPECT_EQ(entry->accuracy.points, 12u);
  EXPECT_LT(entry->accuracy.max_abs, 30e-6);
  EXPECT_EQ(entry->table.axis(1).front(), 0);
  EXPECT_EQ(entry->table.axis(1).back(), 1e-2);
  for (const double v : {0.0, 0.2, 0.45, 0.731, 0.9})
    for (const double age : {0.0, 1e-6, 3e-5, 7e-4, 5e-3, 1e-2})
      EXPECT_NEAR(entry->table.at(v, age), decay(v, age), 30e-6);
}

TEST_F(Compile, FailsRetentionThatDiffersFromTheTransients) {
  ExampleBench transients = retention_bench(1e-3);
  transients.f = [](const std::vector<double>& x) { return decay(x[0], 1.2 * x[1]); };
  const CompileReport report = of({leakage_bench(), capacitance_bench(), transients}).report;
  EXPECT_FALSE(report.ok());
  EXPECT_THAT(report.brief(), HasSubstr("fails: cell_retention"));
}

TEST_F(Compile, IntegratesRetentionWithoutTransientsUntilAllHasSettled) {
  const Compiled compiled = of({leakage_bench(), capacitance_bench()});
  const TableEntry* entry = compiled.device.find_table("cell_retention");
  ASSERT_NE(entry, nullptr);
  EXPECT_EQ(entry->accuracy.points, 0u);
  EXPECT_GT(entry->table.axis(1).back(), 5 * kTau);
  EXPECT_LT(entry->table.axis(1).back(), 100 * kTau);
  EXPECT_NEAR(entry->table.at(0.9, 1.0), 0.45, 2e-3);
}

TEST_F(Compile, EqualInputsGiveEqualBytes) {
  of({charge_bench(), leakage_bench(), capacitance_bench()}).device.write(folder_ / "1.h5");
  of({charge_bench(), leakage_bench(), capacitance_bench()}).device.write(folder_ / "2.h5");
  EXPECT_TRUE(read_file(folder_ / "1.h5") == read_file(folder_ / "2.h5"));
}

TEST_F(Compile, RefusesContradictions) {
  ExampleBench a = charge_bench(), b = charge_bench();
  b.name = "second";
  EXPECT_THAT(error_of({a, b}), HasSubstr("bench read_charge makes a table of this name as well"));
  b.table = "other_charge";
  a.constants = {{"t_max", 15e-9}};
  b.constants = {{"t_max", 14e-9}};
  EXPECT_THAT(error_of({a, b}),
              HasSubstr("/benches/second/constants/t_max = 14 ns: bench read_charge says 15 ns"));
  write_samples(file_, {a});
  const SamplesFile file = SamplesFile::read(file_);
  EXPECT_THROW(compile({file, file}), Error);
}

TEST_F(Compile, RefusesADamagedSamplesFile) {
  write_samples(file_, {charge_bench()});
  const std::string bytes = read_file(file_);
  write_file(file_, bytes.substr(0, bytes.size() - 100));
  EXPECT_THROW(SamplesFile::read(file_), Error);

  ExampleBench bench = charge_bench();
  bench.interpolation = "cubic cubic cubic";
  EXPECT_THAT(
      error_of({bench}),
      HasSubstr(
          "/benches/read_charge/tables/cell_read_charge = 3 interpolations: the table has 2 axes"));
  bench.interpolation = "quintic";
  EXPECT_THAT(error_of({bench}), HasSubstr("interpolation = quintic: must be linear or cubic"));
}

TEST(Retention, FollowsANonlinearCellToItsClosedForm) {
  // dV/dt = -k V^2 from leakage k C V^2: V = V0/(1 + k V0 t).
  const double k = 30;
  const Axis v = axis("v_store", linear_nodes(0, 1, 41), "V");
  const Table leakage = tabulate({"cell_leakage_current", "A"}, {v},
                                 [k](const auto& x) { return k * 2e-15 * x[0] * x[0]; });
  const Table capacitance =
      tabulate({"cell_storage_capacitance", "F"}, {v}, [](const auto&) { return 2e-15; });
  const Retention made = integrate_retention(leakage, capacitance, {.longest_age_s = 0.3});
  EXPECT_LT(made.grid_error_v, 21e-6);
  EXPECT_FALSE(made.leaves_axis);
  for (const double start : {0.01, 0.3, 0.55, 0.99})
    for (const double age : {0.0, 1e-5, 1e-3, 0.03, 0.29})
      EXPECT_NEAR(made.table.at(start, age), start / (1 + k * start * age), 30e-6);
}

TEST(Retention, RefusesWhatHasNoMeaning) {
  const Axis v = axis("v_store", linear_nodes(0, 1, 11), "V");
  const auto constant = [&](double value) {
    return tabulate({"t", "A"}, {v}, [value](const auto&) { return value; });
  };
  EXPECT_THROW(integrate_retention(constant(1e-15), constant(0), {}), Error);
  EXPECT_THROW(integrate_retention(constant(0), constant(1e-15), {}), Error);
  const Retention still = integrate_retention(constant(0), constant(1e-15), {.longest_age_s = 1.0});
  EXPECT_NEAR(still.table.at(0.3, 0.7), 0.3, 1e-15);
  EXPECT_TRUE(integrate_retention(constant(1e-15), constant(1e-15), {}).leaves_axis);
}

ExampleBench spread_bench(std::vector<double> drawn, std::map<std::string, bool> spreads) {
  return {.name = "read_spread",
          .axes = {},
          .measurement = "gain",
          .unit = "A/V",
          .f = {},
          .drawn = std::move(drawn),
          .spreads = std::move(spreads)};
}

TEST_F(Compile, MakesConstantsOfSpreads) {
  // Mean -2, deviations 0, 0.4, -0.4 and one failure: sigma sqrt(0.32 / 2) = 0.4, 20 % of the mean.
  ExampleBench bench = spread_bench({-2, -2.4, 99, -1.6}, {{"cell_gain", true}, {"slope", false}});
  bench.failed = {2};
  const Compiled compiled = of({charge_bench(), bench});
  EXPECT_TRUE(compiled.report.ok()) << compiled.report.brief();
  EXPECT_NEAR(compiled.device.constant("spread_cell_gain"), 0.2, 1e-15);
  EXPECT_NEAR(compiled.device.constant("spread_slope"), 0.4, 1e-15);
  const Constant* constant = compiled.device.find_constant("spread_cell_gain");
  EXPECT_EQ(constant->quantity.unit, "1");
  EXPECT_EQ(constant->bench, "read_spread");
  EXPECT_EQ(constant->quantity.long_name,
            "spread cell_gain: standard deviation of gain over 3 draws, seed 7");
  EXPECT_EQ(compiled.device.find_constant("spread_slope")->quantity.unit, "A/V");
  EXPECT_THAT(
      compiled.report.brief(),
      HasSubstr("spread_cell_gain: 20 % over 3 draws, 1 failed, mean -2 (bench read_spread)"));
  EXPECT_EQ(compiled.report.to_json()["spreads"]["spread_slope"]["draws"], 3);
}

TEST_F(Compile, TakesADeviationThatWasMeasuredAsItIs) {
  ExampleBench bench = spread_bench({2.5}, {{"relu_noise_c", false}});
  bench.deviation = true;
  const Compiled compiled = of({charge_bench(), bench});
  EXPECT_TRUE(compiled.report.ok()) << compiled.report.brief();
  EXPECT_EQ(compiled.device.constant("spread_relu_noise_c"), 2.5);
  EXPECT_EQ(compiled.device.find_constant("spread_relu_noise_c")->quantity.long_name,
            "spread relu_noise_c: standard deviation, measured as gain");
  EXPECT_THAT(compiled.report.brief(), HasSubstr("measured (bench read_spread)"));
  const auto problem = [&](std::vector<double> values, std::set<std::size_t> failed) {
    ExampleBench bad = spread_bench(std::move(values), {{"relu_noise_c", false}});
    bad.deviation = true;
    bad.failed = std::move(failed);
    const Compiled made = of({charge_bench(), bad});
    EXPECT_EQ(made.device.find_constant("spread_relu_noise_c"), nullptr);
    return made.report.brief();
  };
  EXPECT_THAT(problem({1, 2}, {}), HasSubstr("is of one point, and there are 2"));
  EXPECT_THAT(problem({-1}, {}), HasSubstr("cannot be negative"));
  EXPECT_THAT(problem({1}, {0}), HasSubstr("gave no value"));
}

TEST_F(Compile, RefusesSpreadsOfNothing) {
  ExampleBench lone = spread_bench({1, 2, 3}, {{"cell_gain", true}});
  lone.failed = {0, 2};
  const Compiled one = of({charge_bench(), lone});
  EXPECT_FALSE(one.report.ok());
  EXPECT_THAT(one.report.brief(), HasSubstr("1 of 3 draws gave a value; two are needed"));
  EXPECT_EQ(one.device.find_constant("spread_cell_gain"), nullptr);
  const Compiled zero = of({charge_bench(), spread_bench({1, -1}, {{"cell_gain", true}})});
  EXPECT_THAT(zero.report.brief(), HasSubstr("it is relative, and the mean is 0"));
  ExampleBench other = spread_bench({1, 2}, {{"cell_gain", true}});
  other.name = "other";
  EXPECT_THAT(error_of({other, spread_bench({1, 2}, {{"cell_gain", true}})}),
              HasSubstr("another bench makes a spread of this name"));
}

TEST_F(Compile, OrderOfFilesAndBenchesChangesNoByte) {
  const auto named = [](const std::string& name) {
    return ExampleBench{.name = name,
                        .axes = {{"v_store", "V", linear_nodes(0, 1, 9)}},
                        .measurement = "current",
                        .unit = "A",
                        .f = [](const std::vector<double>& x) { return 1e-6 * x[0] * x[0]; },
                        .table = "table_" + name,
                        .limits = {{"limit_max_percent", 0.5}},
                        .constants = {{"constant_" + name, 1}}};
  };
  write_samples(folder_ / "ab.h5", {named("a"), named("b")});
  write_samples(folder_ / "ba.h5", {named("b"), named("a")});
  write_samples(folder_ / "a.h5", {named("a")});
  write_samples(folder_ / "b.h5", {named("b")});
  const auto device = [&](const std::vector<std::string>& names) {
    std::vector<SamplesFile> files;
    for (const std::string& name : names) files.push_back(SamplesFile::read(folder_ / name));
    compile(files).device.write(folder_ / "device.h5");
    return read_file(folder_ / "device.h5");
  };
  const std::string whole = device({"ab.h5"});
  EXPECT_TRUE(device({"ba.h5"}) == whole);
  EXPECT_TRUE(device({"a.h5", "b.h5"}) == whole);
  EXPECT_TRUE(device({"b.h5", "a.h5"}) == whole);
}

}  // namespace
}  // namespace gaincell::lut
