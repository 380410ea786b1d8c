// `gaincell plot` and `gaincell report -o X.html`, as a user runs them; tests/page looks at the
// page in a browser.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>

#include "base/files.h"
#include "base/random.h"
#include "base/store/writer.h"
#include "tests/lut/example_device.h"
#include "tests/lut/example_samples.h"
#include "tests/support/program.h"

namespace gaincell {
namespace {

using lut::ExampleBench;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

class Look : public lut::TemporaryFolder {
 protected:
  void SetUp() override {
    TemporaryFolder::SetUp();
    if (testing::run("/bin/sh", {"-c", "command -v gnuplot"}).exit_code != 0)
      GTEST_SKIP() << "gnuplot is not installed";
    lut::example_device().write(folder_ / "device.h5");
    lut::write_samples(folder_ / "samples.h5", {square(), drawn()});
  }

  testing::Outcome run(const std::string& arguments) {
    std::istringstream stream(arguments);
    return testing::run("gaincell", {std::istream_iterator<std::string>(stream), {}}, folder_);
  }
  std::string plotted(const std::string& arguments) {
    const auto outcome = run("plot " + arguments + " -o x.svg");
    EXPECT_EQ(outcome.exit_code, 0) << arguments << outcome.err;
    return read_file(folder_ / "x.svg");
  }
  void expect_refused(const std::string& arguments, const std::string& part) {
    const auto outcome = run(arguments + " -o no.svg");
    EXPECT_EQ(outcome.exit_code, 2) << arguments;
    EXPECT_EQ(outcome.out, "") << arguments;
    EXPECT_THAT(outcome.err, AllOf(StartsWith("gaincell: error: "), HasSubstr(part))) << arguments;
    EXPECT_EQ(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 1) << outcome.err;
    EXPECT_FALSE(std::filesystem::exists(folder_ / "no.svg")) << arguments;
  }

  static ExampleBench square() {
    return {.name = "square",
            .axes = {{"v_store", "V", lut::linear_nodes(0, 1, 9)},
                     {"v_bitline", "V", lut::linear_nodes(0, 0.9, 7)}},
            .measurement = "current",
            .unit = "A",
            .f = [](const std::vector<double>& x) { return 1e-6 * x[0] * (x[1] + 1); },
            .table = "current",
            .failed = {3}};
  }
  static ExampleBench drawn() {
    ExampleBench bench{
        .name = "mismatch", .axes = {}, .measurement = "offset", .unit = "V", .f = {}};
    Random random(11);
    for (int i = 0; i < 200; ++i) bench.drawn.push_back(0.45 + 0.01 * random.normal());
    bench.spreads = {{"cell_offset_v", false}};
    return bench;
  }
};

TEST_F(Look, DrawsATableWithItsHoldOutPointsAndErrorBand) {
  const std::string curve = plotted("device.h5 relu_pulse_width");
  EXPECT_THAT(curve, AllOf(StartsWith("<?xml"), HasSubstr("hold-out"), HasSubstr("max error"),
                           HasSubstr("simulated - table"), HasSubstr("Off 3 simulations")));
  const std::string surface = plotted("device.h5 cell_static_current");
  EXPECT_THAT(surface, HasSubstr("v_bitline"));
  const std::string cut =
      plotted("device.h5 cell_read_charge --over pulse_width --at v_store=0.6,v_bitline=450m");
  EXPECT_THAT(cut, AllOf(HasSubstr("v_store 600 mV"), HasSubstr("v_bitline 450 mV")));
}

TEST_F(Look, RetentionSaysWhenHalfALevelIsLost) {
  // 0.45 V / 7 is half a level; the example decays to 0.45 V within 5 ms.
  EXPECT_THAT(plotted("device.h5 cell_retention"),
              AllOf(HasSubstr("Half a level is 64.29 mV: lost first after"),
                    HasSubstr("half a level lost"), HasSubstr("long transients")));
}

TEST_F(Look, EnergyStandsBesideThePublishedFigures) {
  EXPECT_THAT(plotted("device.h5 energy"), AllOf(HasSubstr("published, window 1024"),
                                                 HasSubstr("1.12 nJ"), HasSubstr("first_array")));
}

TEST_F(Look, SamplesAgainstOneOrTwoConditionsAndDrawsAsAHistogram) {
  EXPECT_THAT(plotted("samples.h5 square.current"), HasSubstr("1 of 63 points"));
  EXPECT_THAT(plotted("samples.h5 current --over v_store --at v_bitline=450m"),
              HasSubstr("At v_bitline 450 mV"));
  const ExampleBench bench = drawn();
  double mean = 0, squares = 0;
  for (const double value : bench.drawn) mean += value / 200;
  for (const double value : bench.drawn) squares += (value - mean) * (value - mean);
  EXPECT_THAT(plotted("samples.h5 offset"),
              AllOf(HasSubstr(fmt::format("200 draws: mean {:.4g} mV, sigma {:.4g} mV", 1e3 * mean,
                                          1e3 * std::sqrt(squares / 199))),
                    HasSubstr("spread_cell_offset_v"), HasSubstr("normal, same mean")));
}

TEST_F(Look, SameInputSameBytes) {
  for (const char* what : {"device.h5 cell_retention", "samples.h5"})
    EXPECT_EQ(plotted(what), plotted(what)) << what;
  ASSERT_EQ(run("report device.h5 samples.h5 -o a.html").err, "");
  ASSERT_EQ(run("report device.h5 samples.h5 -o b.html").exit_code, 0);
  EXPECT_EQ(read_file(folder_ / "a.html"), read_file(folder_ / "b.html"));
}

TEST_F(Look, APictureIsNotWrittenUnderTheNameOfAnotherKind) {
  const auto outcome = run("plot device.h5 cell_retention -o x.png");
  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_THAT(outcome.err, HasSubstr("--output = x.png: pictures are SVG"));
  EXPECT_FALSE(std::filesystem::exists(folder_ / "x.png"));
}

TEST_F(Look, WrongNamesAreRefusedWithWhatThereIs) {
  expect_refused("plot device.h5 cell_retentoin", "cell_retention");
  expect_refused("plot samples.h5 curent", "square.current");
  expect_refused("plot samples.h5 current --over v_stoer", "it varies v_store, v_bitline");
  expect_refused("plot samples.h5 current --over v_store --at v_bitline=0.44",
                 "was not simulated at that value");
  expect_refused("plot device.h5 cell_read_charge --at v_store=2", "reaches from 0 V to 900 mV");
  expect_refused("plot device.h5 cell_read_charge --at v_store=much", "must be a number in V");
  expect_refused("plot device.h5 --over v_store", "name a table or measurement");
  expect_refused("plot missing.h5", "missing.h5");
  store::Writer writer(folder_ / "essay.h5");
  writer.root().attribute("gaincell_format", "essay").attribute("format_version", 1);
  writer.commit();
  expect_refused("plot essay.h5", "gaincell_format = essay: is no device, samples or study file");
  write_file(folder_ / "torn.h5", "\x89HDF\r\n\x1a\n and no more");
  expect_refused("plot torn.h5", "torn.h5");
}

TEST_F(Look, ReportsSayWhatTheyNeed) {
  const auto refused = [this](const std::string& arguments, const std::string& part) {
    const auto outcome = run(arguments);
    EXPECT_EQ(outcome.exit_code, 2) << arguments;
    EXPECT_THAT(outcome.err, HasSubstr(part)) << arguments;
  };
  refused("report device.h5", "is needed for a report in text");
  refused("report device.h5 --device device.h5", "write a page: -o report.html");
  refused("report device.h5 --seconds compile=3 -o x.html", "none is given");
  refused("report study.h5 -o x.html", "study.h5");
  EXPECT_FALSE(std::filesystem::exists(folder_ / "x.html"));
}

// A name that would be a command of gnuplot's, or a script of the page's.
TEST_F(Look, NamesOutOfFilesAreText) {
  ExampleBench bench = square();
  bench.measurement = "x`touch pwned`'; system(\"touch pwned\") #<img src=x onerror=alert(1)>";
  lut::write_samples(folder_ / "odd.h5", {bench});
  const auto outcome = run("plot odd.h5 -o odd.svg");
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  ASSERT_EQ(run("report odd.h5 -o odd.html").err, "");
  EXPECT_FALSE(std::filesystem::exists(folder_ / "pwned"));
  for (const char* file : {"odd.svg", "odd.html"})
    EXPECT_THAT(read_file(folder_ / file), AllOf(HasSubstr("&lt;img src"), Not(HasSubstr("<img"))));
}

TEST_F(Look, WithoutGnuplotThereIsOneMessageWithTheRemedy) {
  const auto outcome = testing::run(
      "/usr/bin/env",
      {"PATH=/nowhere", GAINCELL_PROGRAM, "plot", "device.h5", "cell_retention", "-o", "x.svg"},
      folder_);
  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_THAT(outcome.err, HasSubstr("apt install gnuplot-nox"));
  EXPECT_FALSE(std::filesystem::exists(folder_ / "x.svg"));
}

}  // namespace
}  // namespace gaincell
