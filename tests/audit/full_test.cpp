// The whole audit: 200 random columns and 200 of the reference model's inference of each stage, and
// a dozen whole sub-tiles, both arrays in a chain. Some 2,300 columns of transistors: half an hour
// on two cores.
#include <gtest/gtest.h>

#include <iostream>
#include <nlohmann/json.hpp>

#include "tests/support/program.h"

namespace gaincell {
namespace {

const std::string kSource = GAINCELL_SOURCE_DIR;
const std::string kDevice = std::string(GAINCELL_BINARY_DIR) + "/tests/gain_cell_a_device.h5";

void expect_within_limits(const nlohmann::json& json) {
  for (const char* level : {"column", "fast"})
    std::cout << level << " " << json.at(level).dump() << "\n";
  EXPECT_LE(json["column"]["pulse_rms_percent"], 0.5);
  EXPECT_LE(json["column"]["pulse_max_percent"], 2.0);
  EXPECT_LE(json["column"]["output_rms_lsb"], 0.25);
  EXPECT_LE(json["column"]["output_max_lsb"], 1.0);
  EXPECT_LE(json["fast"]["output_rms_lsb"].get<double>(),
            json["column"]["output_rms_lsb"].get<double>() + 0.05);
}

nlohmann::json audit(std::vector<std::string> arguments) {
  const gaincell::testing::ScratchFolder folder;
  arguments.insert(arguments.begin(), {"audit", "--device", kDevice, "--json", "--cache",
                                       (folder / "cache").string()});
  const auto outcome = gaincell::testing::run("gaincell", arguments);
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  return nlohmann::json::parse(outcome.out);
}

TEST(Audit, Of200RandomColumnsHoldsItsLimits) {
  expect_within_limits(audit({"--random", "--columns", "200"}));
}

TEST(Audit, OfTheReferenceModelHoldsItsLimits) {
  const auto json =
      audit({"--model", kSource + "/models/shakespeare_linear", "--text",
             kSource + "/data/shakespeare/held_out.txt", "--columns", "200", "--tiles", "12"});
  expect_within_limits(json);
  std::cout << "sub-tiles\n";
  expect_within_limits(json["sub_tiles"]);
}

}  // namespace
}  // namespace gaincell
