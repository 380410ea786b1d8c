// A report of everything in Chromium; what is looked at and clicked stands in look_at_page.py.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "base/files.h"
#include "base/random.h"
#include "tests/lut/example_device.h"
#include "tests/lut/example_samples.h"
#include "tests/support/program.h"

namespace gaincell {
namespace {

using lut::ExampleBench;
using nlohmann::json;

json inference(const std::string& attention, double perplexity) {
  const bool circuits = attention == "analog";
  json run{{"tokens", 999},
           {"nats_per_token", std::log(perplexity)},
           {"perplexity", perplexity},
           {"energy_j_per_token", {{"total", nullptr}}},
           {"latency_s_per_token", nullptr},
           {"tokens_per_second", 6515.5},
           {"settings",
            {{"attention", attention},
             {"window", 64},
             {"layers", 4},
             {"heads", 4},
             {"model", "a/model"},
             {"text_sha256", std::string(64, 'a')},
             {"tokens_run", 999}}}};
  if (!circuits) return run;
  run["energy_j_per_token"] = {{"first_array", 7.857724492347034e-10},
                               {"write_dac", 5.28e-9},
                               {"standing_cells", nullptr},
                               {"total", nullptr}};
  run["latency_s_per_token"] = 2.196e-7;
  run["settings"]["token_period_s"] = 2.196e-7;
  for (const auto& [part, kind] : {std::pair{"first_array", "active"},
                                   {"write_dac", "digital"},
                                   {"standing_cells", "standing"}})
    run["settings"]["energy_items"].push_back({{"part", part}, {"kind", kind}});
  return run;
}

TEST(Page, IsReadClickedAndPrintedInChromiumAtTwoSizes) {
  const testing::ScratchFolder folder;
  lut::example_device().write(folder / "device.h5");
  ExampleBench bench{.name = "read_current",
                     .axes = {{"v_store", "V", lut::linear_nodes(0, 1, 9)},
                              {"v_bitline", "V", lut::linear_nodes(0, 0.9, 7)}},
                     .measurement = "a_measurement_with_a_long_name",
                     .unit = "A",
                     .f = [](const std::vector<double>& x) { return 1e-6 * x[0] * (x[1] + 1); },
                     .table = "current",
                     .failed = {3}};
  ExampleBench drawn{.name = "mismatch", .axes = {}, .measurement = "offset", .unit = "V", .f = {}};
  Random random(11);
  for (int i = 0; i < 200; ++i) drawn.drawn.push_back(0.45 + 0.01 * random.normal());
  drawn.spreads = {{"cell_offset_v", false}};
  lut::write_samples(folder / "samples.h5", {bench, drawn});
  write_file(folder / "analog.json", inference("analog", 3.6912).dump());
  write_file(folder / "linear.json", inference("linear", 3.6952).dump());
  // Pictures stay, for a person to look at.
  const std::string pictures = GAINCELL_BINARY_DIR "/tests/page_pictures";
  std::vector<std::string> arguments{GAINCELL_SOURCE_DIR "/tests/page/look_at_page.py",
                                     GAINCELL_PROGRAM, pictures};
  for (const char* file : {"linear.json", "analog.json", "device.h5", "samples.h5"})
    arguments.push_back((folder / file).string());
  const testing::Outcome outcome = testing::run("/usr/bin/python3", arguments);
  constexpr int kSkipped = 77;
  if (outcome.exit_code == kSkipped) GTEST_SKIP() << outcome.out;
  EXPECT_EQ(outcome.exit_code, 0) << outcome.out << outcome.err;
  for (const char* picture : {"phone_dark.png", "phone_light.png", "desktop_dark.png",
                              "desktop_light.png", "printed.pdf"})
    EXPECT_GT(std::filesystem::file_size(std::filesystem::path(pictures) / picture), 5000u)
        << picture;
}

}  // namespace
}  // namespace gaincell
