#include "lut/current_csv.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "base/files.h"
#include "example_device.h"
#include "lut/gain_cell_device.h"

namespace gaincell::lut {
namespace {

using ::testing::HasSubstr;

class CurrentCsv : public TemporaryFolder {
 protected:
  CurrentSurface read(const std::string& text) {
    write_file(folder_ / "iv.csv", text);
    return read_current_csv(folder_ / "iv.csv");
  }
  void expect_refused(const std::string& text, const std::string& part) {
    try {
      read(text);
      ADD_FAILURE() << "accepted: " << text;
    } catch (const Error& error) {
      EXPECT_THAT(error.what(), HasSubstr("iv.csv"));
      EXPECT_THAT(error.what(), HasSubstr(part));
    }
  }
};

// I = 20 uA/V (V_store - 0.45 V) V_in / 0.9 V, columns and rows in another order.
std::string grid() {
  std::string text = "# measured on a bench\nI,V_in,die,V_store\n";
  for (const double v_in : {0.9, 0.6})
    for (const double v_store : {0.9, 0.0, 0.3, 0.6})
      text += std::to_string(20 * (v_store - 0.45) * v_in / 0.9) + "e-6, " + std::to_string(v_in) +
              ",7," + std::to_string(v_store) + "\n";
  return text;
}

TEST_F(CurrentCsv, ReadsColumnsAndRowsInAnyOrder) {
  const CurrentSurface surface = read(grid());
  EXPECT_EQ(surface.highest_v_in(), 0.9);
  const CellCurrent current = surface.at(0.75);
  EXPECT_EQ(current.v_store, (std::vector<double>{0, 0.3, 0.6, 0.9}));
  EXPECT_NEAR(current.current_a[3], 20e-6 * 0.45 * 0.75 / 0.9, 1e-12);
  EXPECT_NEAR(slope_a_per_v(current, 0.45), 20e-6 * 0.75 / 0.9, 1e-12);
  EXPECT_THROW(surface.at(0.5), Error);
}

TEST_F(CurrentCsv, RefusesWhatIsNoFullGridOfNumbers) {
  expect_refused("V_store,V_in\n0,0.9\n", "I");
  expect_refused("V_store,V_in,I\n0,0.9,1e-6\n0.9,high,1e-6\n",
                 ":3: V_in = high: must be a number");
  expect_refused("V_store,V_in,I\n0,0.9,1e-6\n0,0.9,2e-6\n", "stands in the table already");
  expect_refused("V_store,V_in,I\n0,0.9,1e-6\n0.9,0.8,1e-6\n",
                 "V_store, V_in = 0, 0.8: must be a full grid, and this point is missing");
  expect_refused("V_store,V_in,I\n0,0.9\n", "iv.csv");
  expect_refused("", "iv.csv");
}

TEST_F(CurrentCsv, MakesADeviceThatAttentionTakes) {
  const CellCurrent current = read(grid()).at(0.9);
  IdealPeriphery periphery;
  periphery.retention_tau_s = 1e-3;
  ideal_device(current, periphery).write(file_);
  const GainCellDevice device = GainCellDevice::read(file_);
  EXPECT_NEAR(device.read_charge.at(0.7, 6e-9, 0.45), 20e-6 * 0.25 * 6e-9, 1e-20);
  EXPECT_NEAR(device.retention.at(0.85, 1e-3), 0.45 + 0.4 * std::exp(-1.0), 1e-8);
  EXPECT_NEAR(device.relu.pulse_width.at(40e-6 * 15e-9), 7.5e-9, 1e-20);
  EXPECT_EQ(device.relu.pulse_width.at(-1e-15), 0.0);
  EXPECT_EQ(device.differential.pulse_width.at(-1e-12), -15e-9);
  const auto& provenance = device.file().provenance();
  ASSERT_EQ(provenance.size(), 1u);
  EXPECT_EQ(std::get<std::string>(provenance[0].attributes.at("import_text")), grid());
}

TEST_F(CurrentCsv, RefusesACurrentThatDoesNotCoverTheStoredVoltages) {
  const CellCurrent current{{0.1, 0.9}, {-1e-6, 1e-6}, "import", "iv.csv", ""};
  EXPECT_THROW(ideal_device(current, {}), Error);
}

TEST(PublishedDeviceFile, HoldsTheCubicExactly) {
  const GainCellDevice device(published_device());
  for (double v = 0; v <= 0.9; v += 0.0137) {
    const double z = v - 0.45;
    const double f =
        0.5213636139 + 13.612260634 * z - 2.620445619 * z * z + 46.05483778 * z * z * z;
    EXPECT_NEAR(device.static_current.at(v, 0.3), f * 1e-6, 1e-16);
  }
}

}  // namespace
}  // namespace gaincell::lut
