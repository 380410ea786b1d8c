#include "energy/energy_model.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>

#include "base/error.h"
#include "energy/not_counted.h"
#include "tests/attention/linear_device.h"

namespace gaincell::energy {
namespace {

// Cells forget linearly (a share `age / 1 s` of what they hold), and word lines cost 3 fJ and 2 uW.
lut::GainCellDevice forgetting_device() {
  lut::GainCellDevice device = attention::linear_device();
  device.retention =
      lut::Table({"cell_retention", "V"},
                 {lut::Axis("v_initial", "V", {-1, 2}), lut::Axis("age", "s", {0, 1})},
                 {-1, 0, 2, 0}, lut::Interpolation::kLinear);
  device.word_line_energy = lut::Table(
      {"cell_word_line_energy", "J"},
      {lut::Axis("v_store", "V", {-1, 2}), lut::Axis("pulse_width", "s", {0, 15e-9}),
       lut::Axis("v_bitline", "V", {0, 0.9})},
      {3e-15, 3e-15, 33e-15, 33e-15, 3e-15, 3e-15, 33e-15, 33e-15}, lut::Interpolation::kLinear);
  return device;
}

// Reads of four levels (0, 0.3, 0.6 and 0.9 V when written) at two ages, pulses in parts of 15 ns.
CellReads reads(int parts) {
  CellReads some{Nodes({0, 0.5}), PulseNodes(15e-9, parts), 4, {}};
  some.count.assign(2 * some.pulse_s.size() * 4, 0.0);
  return some;
}

double item_j(const Energy& energy, std::size_t part, std::size_t item) {
  return energy.parts.at(part).items.at(item).energy_j;
}

TEST(EnergyModel, CellsCostWhatTheirVoltageIsAtTheirAge) {
  const EnergyModel model(forgetting_device());
  Activity activity;
  activity.first_reads = activity.second_reads = reads(3);
  activity.first_reads.at(0, 2)[3] = 2;   // 2 x 1.9 uW x 5 ns
  activity.first_reads.at(1, 3)[2] = 1;   // 0.6 V has become 0.3 V: 1.3 uW x 10 ns
  activity.first_reads.at(0, 0)[3] = 50;  // without a pulse
  activity.second_reads.at(1, 4)[3] = 3;  // 3 x 1.45 uW x 15 ns
  const Energy energy = model.of(activity);
  EXPECT_NEAR(item_j(energy, 0, 0), (19 + 13) * 1e-15, 1e-26);
  EXPECT_NEAR(item_j(energy, 0, 1), 2 * 13e-15 + 23e-15, 1e-26);  // word lines
  EXPECT_NEAR(item_j(energy, 1, 0), 65.25e-15, 1e-26);
  EXPECT_EQ(energy.parts[0].items[1].name, "word_lines");
}

TEST(EnergyModel, PulseThatVanishesCostsBothItsEdges) {
  const EnergyModel model(forgetting_device());
  Activity activity;
  activity.first_reads = activity.second_reads = reads(3);
  activity.first_reads.at(0, 1)[1] = 4;
  const Energy energy = model.of(activity);
  EXPECT_NEAR(item_j(energy, 0, 0), 0, 1e-26);
  EXPECT_NEAR(item_j(energy, 0, 1), 4 * 3e-15, 1e-26);
  activity.first_reads = reads(2);  // the two that are needed
  activity.first_reads.at(0, 1)[1] = 4;
  EXPECT_NEAR(item_j(model.of(activity), 0, 1), 4 * 3e-15, 1e-26);
  // Without two nodes behind it there is no line through them, and energy is proportional.
  activity.first_reads = reads(1);
  activity.first_reads.at(0, 1)[1] = 4;
  EXPECT_EQ(item_j(model.of(activity), 0, 1), 0);
}

TEST(EnergyModel, EveryOtherPartIsItsCountTimesItsCost) {
  Constants constants;
  constants.control_j_per_sub_tile = {2, "control's source"};
  constants.dac_j_per_value = {3, "DAC's source"};
  const EnergyModel model(attention::linear_device(), constants);
  Activity activity;
  activity.first_conversions = {Nodes({0, 0.3e-12}), {5, 7}};
  activity.second_conversions = {Nodes({-0.2e-12, 0.2e-12}), {11, 13}};
  activity.sub_tile_steps = 17;
  activity.dac_values = 19;
  activity.writes = {23, 29, 31, 37};  // at 0, 0.3, 0.6 and 0.9 V
  const Energy energy = model.of(activity);
  EXPECT_NEAR(item_j(energy, 0, 1), 5 * 200e-15 + 7 * 230e-15, 1e-24);
  EXPECT_NEAR(item_j(energy, 1, 1), 11 * 90e-15 + 13 * 110e-15, 1e-24);
  EXPECT_EQ(energy.part_j("digital_control"), 34);
  EXPECT_EQ(energy.part_j("write_dac"), 57);
  EXPECT_NEAR(energy.part_j("write_cells"), (23 + 29 * 1.3 + 31 * 1.6 + 37 * 1.9) * 1e-15, 1e-24);
  EXPECT_EQ(energy.parts[2].items[0].source, "control's source");
  EXPECT_EQ(energy.parts[3].items[0].source, "DAC's source");
}

// A linear device whose DAC takes 10 fJ + 2 fJ/V a value, and 4 nW asleep.
lut::DeviceFile with_dac(bool energy, bool power) {
  lut::DeviceFile file = attention::linear_device().file();
  const lut::Axis target("v_target", "V", {0, 1});
  const auto add = [&](const char* name, const char* unit, std::vector<double> values) {
    file.add(lut::TableEntry{
        lut::Table({name, unit}, {target}, std::move(values), lut::Interpolation::kLinear)});
  };
  if (energy) add("write_dac_energy", "J", {10e-15, 12e-15});
  if (power) add("write_dac_standing_power", "W", {4e-9, 5e-9});
  return file;
}

// No constant of a publication is then left of it: it is active, and the sleeping ones stand.
TEST(EnergyModel, DacOfTheDeviceTakesThePlaceOfThePublishedOne) {
  const EnergyModel model(lut::GainCellDevice(with_dac(true, true)));
  Activity activity;
  activity.dac_values = 40;
  activity.writes = {10, 0, 0, 30};  // at 0 and 0.9 V
  activity.installed.sub_tiles = 3;
  const Energy energy = model.of(activity, 1e-6);
  EXPECT_NEAR(energy.part_j("write_dac"), (10 * 10 + 30 * 11.8) * 1e-15, 1e-24);
  EXPECT_EQ(energy.parts[3].kind, Kind::kActive);
  EXPECT_EQ(energy.parts[3].items[0].source, "SPICE: write_dac_energy");
  EXPECT_EQ(energy.kind_j(Kind::kDigital), 0);
  // One in each of both arrays' sub-tiles.
  EXPECT_NEAR(energy.part_j("standing_dac"), 2 * 3 * 1e-6 * 4.675e-9, 1e-24);
  EXPECT_EQ(energy.parts.size(), 9u);
  EXPECT_EQ(EnergyModel(attention::linear_device()).of(activity, 1e-6).parts.size(), 8u);
}

TEST(EnergyModel, DacWithoutOneOfItsTablesIsRefusedWithTheBenchThatMakesIt) {
  for (const bool energy : {false, true}) {
    try {
      const lut::GainCellDevice device(with_dac(energy, !energy));
      FAIL() << "accepted";
    } catch (const Error& error) {
      EXPECT_NE(
          std::string(error.what()).find(energy ? "write_dac_standing_power" : "write_dac_energy"),
          std::string::npos);
      EXPECT_NE(std::string(error.what()).find("bench `write_dac`"), std::string::npos);
    }
  }
}

// What the DAC adds to every level, cells store and writes cost.
TEST(EnergyModel, LevelsStandHigherByTheWriteOffset) {
  lut::DeviceFile file = attention::linear_device().file();
  file.add(lut::Constant{{"write_offset", "V"}, 0.05});
  Activity activity;
  activity.writes = {0, 7, 0, 0};
  activity.first_reads = activity.second_reads = reads(3);
  activity.first_reads.at(0, 3)[1] = 1;
  const Energy energy = EnergyModel(lut::GainCellDevice(std::move(file))).of(activity);
  EXPECT_NEAR(energy.part_j("write_cells"), 7 * 1.35e-15, 1e-26);
  EXPECT_NEAR(item_j(energy, 0, 0), 13.5e-15, 1e-26);
}

TEST(EnergyModel, StatesThePublishedConstants) {
  const EnergyModel model(attention::linear_device());
  EXPECT_DOUBLE_EQ(model.constants().control_j_per_sub_tile.value, 250e-12);
  EXPECT_DOUBLE_EQ(model.constants().dac_j_per_value.value * 128, 330e-12);
}

TEST(EnergyModel, LatencyIsBothStagesOfEveryLayer) {
  const EnergyModel model(attention::linear_device());
  EXPECT_DOUBLE_EQ(model.layer_latency_s(), 54e-9);
  EXPECT_DOUBLE_EQ(model.token_latency_s(3), 162e-9);
}

TEST(EnergyModel, WhatTheDeviceHasNoTableOfIsNotKnown) {
  const auto without = [](auto take) {
    lut::GainCellDevice device = attention::linear_device();
    take(device);
    return EnergyModel(std::move(device)).of({});
  };
  const Energy whole = without([](auto&) {});
  EXPECT_EQ(whole.total_j(), 0);
  EXPECT_EQ(whole.parts[0].items.size(), 2u);  // no word lines
  EXPECT_EQ(whole.parts[0].items[0].source, "SPICE: cell_read_energy");
  const Energy reads = without([](auto& device) { device.read_energy.reset(); });
  EXPECT_TRUE(std::isnan(item_j(reads, 0, 0)) && std::isnan(item_j(reads, 1, 0)));
  EXPECT_EQ(item_j(reads, 0, 1), 0);
  EXPECT_TRUE(std::isnan(reads.part_j("first_array")) && std::isnan(reads.total_j()));
  EXPECT_TRUE(std::isnan(item_j(without([](auto& d) { d.relu.energy.reset(); }), 0, 1)));
  EXPECT_TRUE(std::isnan(item_j(without([](auto& d) { d.differential.energy.reset(); }), 1, 1)));
  EXPECT_TRUE(std::isnan(without([](auto& d) { d.write_energy.reset(); }).part_j("write_cells")));
}

// A device's file says which tables it has, and a table may say where its figures are from.
TEST(EnergyModel, SourceIsTheTableOrWhatTheTableSays) {
  const lut::GainCellDevice device = attention::linear_device();
  const auto energy_of = [&](bool with_energies) {
    lut::DeviceFile file;
    for (lut::TableEntry entry : device.file().tables()) {
      const std::string& name = entry.table.name();
      if (!with_energies && name.ends_with("_energy")) continue;
      if (name == "relu_energy") entry.comment = "measured in 2031";
      file.add(std::move(entry));
    }
    for (const lut::Constant& constant : device.file().constants()) file.add(constant);
    return EnergyModel(lut::GainCellDevice(std::move(file))).of({});
  };
  const Energy known = energy_of(true), unknown = energy_of(false);
  EXPECT_EQ(known.parts[0].items[1].source, "measured in 2031");
  EXPECT_EQ(known.parts[1].items[1].source, "SPICE: signed_energy");
  EXPECT_EQ(unknown.parts[1].items[1].source, "not known: the device has no table signed_energy");
  EXPECT_TRUE(std::isnan(unknown.parts[1].items[1].energy_j));
  EXPECT_EQ(unknown.part_j("write_dac"), 0);
}

constexpr std::size_t kStandingConverters = 5, kStandingBias = 6, kStandingCells = 7;

// 20 columns of which 12 have converted; the others stand as after no charge.
TEST(EnergyModel, ConvertersDrawPowerFromTheirConversionToTheNext) {
  const EnergyModel model(attention::linear_device());
  Activity activity;
  activity.first_conversions = {Nodes({0, 0.3e-12}), {5, 7}};
  activity.second_conversions = {Nodes({-0.2e-12, 0.2e-12}), {11, 13}};
  activity.installed = {.first_columns = 20, .second_columns = 24, .sub_tiles = 3, .cells = 0};
  const Energy energy = model.of(activity, 1e-6);
  EXPECT_EQ(energy.parts[kStandingConverters].name, "standing_converters");
  EXPECT_NEAR(item_j(energy, kStandingConverters, 0), (13 * 1.0 + 7 * 1.3) * 970e-15, 1e-24);
  EXPECT_NEAR(item_j(energy, kStandingConverters, 1), 24 * 2e-6 * (1 + 0.5 * 980e-9) * 980e-9,
              1e-20);
  EXPECT_EQ(energy.parts[kStandingBias].name, "standing_bias");
  EXPECT_NEAR(item_j(energy, kStandingBias, 0), 3 * 3e-12, 1e-24);
  EXPECT_NEAR(item_j(energy, kStandingBias, 1), 3 * 4e-12, 1e-24);
  // A period within the conversion's own time leaves the mirror lines.
  const Energy busy = model.of(activity, 20e-9);
  EXPECT_EQ(busy.part_j("standing_converters"), 0);
  EXPECT_NEAR(busy.part_j("standing_bias"), 3 * 7e-6 * 20e-9, 1e-24);
}

// All cells there are hold what was written in the mean, as far as they have not forgotten it.
TEST(EnergyModel, CellsLeakTheWholePeriodAtTheirMeanLevelAndAge) {
  const EnergyModel model(forgetting_device());
  Activity activity;
  activity.writes = {3, 0, 0, 1};  // 0 and 0.9 V, which is 0.45 V at the age of 0.5 s
  activity.first_reads = activity.second_reads = reads(3);
  activity.installed.cells = 1000;
  const double mean_v = 0.25 * (0.9 + 0.45) / 2;
  const Energy energy = model.of(activity, 1e-3);
  EXPECT_EQ(energy.parts[kStandingCells].name, "standing_cells");
  EXPECT_NEAR(energy.part_j("standing_cells"), 1000 * 1e-3 * 5e-12 * (1 + mean_v), 1e-22);
}

TEST(EnergyModel, StandingEnergyBeyondItsTablesIsNotKnownAndSaysWhere) {
  const EnergyModel model(attention::linear_device());
  EXPECT_DOUBLE_EQ(model.known_period_s(), 1 + 20e-9);
  Activity activity;
  activity.first_conversions = activity.second_conversions = {Nodes({-0.2e-12, 0.3e-12}), {1, 1}};
  EXPECT_TRUE(std::isfinite(model.of(activity, 1.0).total_j()));
  const Energy beyond = model.of(activity, 1.5);
  EXPECT_TRUE(std::isnan(beyond.kind_j(Kind::kStanding)) && std::isnan(beyond.total_j()));
  EXPECT_TRUE(std::isfinite(beyond.kind_j(Kind::kActive)));
  EXPECT_EQ(beyond.parts[kStandingConverters].items[0].source,
            "not known: relu_standing_power ends at idle_time 1 s of 1.5 s");
  EXPECT_EQ(beyond.part_j("standing_bias"), 0);  // known, of no sub-tile
  lut::GainCellDevice without = attention::linear_device();
  without.relu.standing_power.reset();
  EXPECT_TRUE(std::isnan(EnergyModel(without).of(activity, 1e-6).kind_j(Kind::kStanding)));
}

TEST(EnergyModel, ActiveStandingAndDigitalAddUpToTheLastBit) {
  const EnergyModel model(attention::linear_device());
  Activity activity;
  activity.first_conversions = {Nodes({0, 0.3e-12}), {5.1, 7.3}};
  activity.second_conversions = {Nodes({-0.2e-12, 0.2e-12}), {11.7, 13.9}};
  activity.writes = {23, 29, 31, 37};
  activity.sub_tile_steps = 17;
  activity.dac_values = 19;
  activity.installed = {.first_columns = 20, .second_columns = 30, .sub_tiles = 3, .cells = 999};
  for (const double period : {1e-7, 1e-6, 3.3e-5, 1e-2}) {
    const Energy energy = model.of(activity, period).per(7);
    const double active = energy.kind_j(Kind::kActive), standing = energy.kind_j(Kind::kStanding),
                 digital = energy.kind_j(Kind::kDigital);
    EXPECT_GT(std::min({active, standing, digital}), 0);
    EXPECT_EQ(energy.total_j(), active + standing + digital);
    EXPECT_EQ(energy.circuits_j(), active + standing);
    EXPECT_EQ(digital, energy.part_j("digital_control") + energy.part_j("write_dac"));
  }
}

TEST(NotCounted, EveryEntryStatesItsSizeInOrderOrThatNoneIsKnown) {
  EXPECT_FALSE(not_counted().empty());
  for (const NotCounted& entry : not_counted()) {
    EXPECT_TRUE(std::string(entry.unit) == "J" || std::string(entry.unit) == "W") << entry.what;
    EXPECT_EQ(std::isnan(entry.low), std::isnan(entry.high)) << entry.what;
    EXPECT_TRUE(std::isnan(entry.low) || (entry.low > 0 && entry.low <= entry.high)) << entry.what;
    EXPECT_NE(std::string(entry.source), "") << entry.what;
  }
}

TEST(Energy, PerTokenDividesEveryItemAndPartsAddUp) {
  const Energy energy{{{"a", {{"x", 2, ""}, {"y", 4, ""}}}, {"b", {{"z", 10, ""}}}}};
  EXPECT_EQ(energy.total_j(), 16);
  EXPECT_EQ(energy.part_j("a"), 6);
  EXPECT_EQ(energy.part_j("c"), 0);
  const Energy each = energy.per(2);
  EXPECT_EQ(each.total_j(), 8);
  EXPECT_EQ(each.parts[0].items[1].energy_j, 2);
}

}  // namespace
}  // namespace gaincell::energy
