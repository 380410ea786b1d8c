#include "lut/gain_cell_device.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "example_device.h"

namespace gaincell::lut {
namespace {

using testing::HasSubstr;

// The example with one entry left out or replaced.
DeviceFile without(const std::string& name) {
  const DeviceFile whole = example_device();
  DeviceFile device;
  for (const TableEntry& entry : whole.tables())
    if (entry.table.name() != name) device.add(entry);
  for (const Constant& constant : whole.constants())
    if (constant.quantity.name != name) device.add(constant);
  return device;
}

std::string message(const DeviceFile& file) {
  try {
    GainCellDevice device(file);
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

TEST(GainCellDevice, TakesAWholeDevice) {
  const GainCellDevice device(example_device());
  EXPECT_EQ(device.t_max_s, 15e-9);
  EXPECT_EQ(device.q_levels, 16);
  EXPECT_EQ(device.tile, 64);
  EXPECT_NEAR(device.read_charge.at(0.9, 15e-9, 0.45), 15e-6 * 0.45 * 0.95 * 15e-9, 1e-25);
  EXPECT_EQ(device.differential.pulse_width.at(-1e-12), -15e-9);
  EXPECT_NEAR(device.read_energy->at(0.2, 5e-9, 0.3), 1e-15 + 1e-6 * 5e-9, 1e-27);
  EXPECT_EQ(device.file().tables().size(), 13u);
}

TEST(GainCellDevice, KnowsWhatAWrittenCellHoldsWhileItSettlesAndAfterwards) {
  const Axis target("v_target", "V", linear_nodes(-0.05, 0.95, 5)), age("age", "s", {0, 1e-6});
  DeviceFile file = without("cell_written_voltage");
  file.add({.table = tabulate({"cell_written_voltage", "V"}, {target, age},
                              [](const auto& x) { return x[0] - 0.01 - 1e3 * x[1]; }),
            .bench = "write"});
  const GainCellDevice settles(file), at_once(example_device());
  EXPECT_EQ(settles.settled_s(), 1e-6);
  EXPECT_NEAR(settles.stored_v(0.8, 0), 0.79, 1e-12);
  EXPECT_NEAR(settles.stored_v(0.8, 0.5e-6), 0.7895, 1e-12);
  EXPECT_NEAR(settles.stored_v(0.8, 1e-6), 0.789, 1e-12);
  // From there on as any cell that holds so much.
  EXPECT_NEAR(settles.stored_v(0.8, 5e-4), settles.retention.at(0.789, 5e-4 - 1e-6), 1e-12);
  EXPECT_EQ(at_once.settled_s(), 0);
  EXPECT_NEAR(at_once.stored_v(0.8, 5e-4), at_once.retention.at(0.79, 5e-4), 1e-12);
}

TEST(GainCellDevice, NamesWhatIsMissingAndTheBenchThatProvidesIt) {
  EXPECT_THAT(
      message(without("cell_written_voltage")),
      HasSubstr(
          "cell_written_voltage: the device lacks this table, which attention on gain cells needs; "
          "characterize bench `write` as well"));
  EXPECT_THAT(message(without("cell_retention")),
              HasSubstr("bench `leakage` and `storage_capacitance`"));
  EXPECT_THAT(message(without("signed_full_scale")),
              HasSubstr("state it under `constants` of bench `signed_conversion`"));
  EXPECT_EQ(message(without("cell_word_line_energy")), "no error");
  const DeviceFile whole = example_device();
  for (const TableEntry& entry : whole.tables()) {
    const std::string& name = entry.table.name();
    EXPECT_EQ(message(without(name)).find(name) == std::string::npos,
              name == "cell_word_line_energy");
  }
  for (const Constant& constant : whole.constants())
    EXPECT_THAT(message(without(constant.quantity.name)), HasSubstr(constant.quantity.name));
}

TEST(GainCellDevice, RefusesOtherUnitsAxesAndConstants) {
  DeviceFile device = without("cell_write_energy");
  device.add({tabulate({"cell_write_energy", "fJ"}, {axis("v_target", {0, 1}, "V")},
                       [](const auto&) { return 1.0; })});
  EXPECT_THAT(message(device), HasSubstr("cell_write_energy@units = fJ: must be J"));

  device = without("cell_static_current");
  device.add({tabulate({"cell_static_current", "A"},
                       {axis("v_bitline", {0, 1}, "V"), axis("v_store", {0, 1}, "V")},
                       [](const auto&) { return 1.0; })});
  EXPECT_THAT(message(device), HasSubstr("cell_static_current = v_bitline [V], v_store [V]: its "
                                         "axes must be v_store [V], v_bitline [V]"));

  device = without("tile");
  device.add(Constant{{"tile", "1"}, 63.5});
  EXPECT_THAT(message(device), HasSubstr("tile = 63.5: must be a whole number from 1"));

  device = without("t_max");
  device.add(Constant{{"t_max", "s"}, 0});
  EXPECT_THAT(message(device), HasSubstr("t_max = 0: must be positive"));
}

}  // namespace
}  // namespace gaincell::lut
