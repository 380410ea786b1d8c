// Energy of what the engine counts, on a device whose joules can be worked out by hand.
#include <gtest/gtest.h>

#include <cmath>
#include <functional>

#include "attention/analog.h"
#include "energy/energy_model.h"
#include "inputs.h"
#include "linear_device.h"
#include "lut/ideal_device.h"

namespace gaincell::attention {
namespace {

Scalers unit_scalers(int heads) {
  Scalers s = Scalers::identity(heads);
  s.b_k = s.b_v = std::vector<float>(heads, 0.0f);
  return s;
}

void expect_relative(double value, double expected, double tolerance, const char* what) {
  EXPECT_NEAR(value, expected, tolerance * std::abs(expected)) << what;
}

TEST(Energy, OfTwoTokensInTwoDimensionsIsTheSumByHand) {
  const auto device = linear_device();
  AnalogOptions options;
  options.level = Level::kColumn;
  options.token_period_s = 1e-7;
  auto column = make_analog(Shape{1, 2, 2}, circuit_of(device), unit_scalers(1), options);
  StepTrace last;
  column->observe([](std::int64_t token, int) { return token == 1; },
                  [&](const StepTrace& trace) { last = trace; });
  const float q[] = {1, 1 / 3.0f, 2 / 3.0f, 0}, k[] = {0.9f, 0.6f, 0.6f, 0.9f},
              v[] = {0.9f, 0.3f, 0.6f, 0.9f};
  float out[4];
  column->run(2, q, k, v, out);

  // First token: 20 uA/V (0.45 V 15 ns + 0.15 V 5 ns) = 0.15 pC, half of full scale, 7.5 ns; then
  // 20 uA/V 7.5 ns {0.45, -0.15} V = {67.5, -22.5} fC. Second token, after q = {10, 0} ns: 90 and
  // 30 fC, 4.5 and 1.5 ns; then 20 uA/V (0.45 V 4.5 ns + 0.15 V 1.5 ns) = 45 fC and
  // 20 uA/V (-0.15 V 4.5 ns + 0.45 V 1.5 ns) = 0.
  expect_relative(last.first_charge_c[0], 90e-15, 1e-12, "column 0");
  expect_relative(last.phi_s[1], 1.5e-9, 1e-12, "phi 1");
  expect_relative(last.second_charge_c[0], 45e-15, 1e-12, "output 0");
  EXPECT_NEAR(last.second_charge_c[1], 0.0, 1e-26);

  const energy::EnergyModel model(device);
  const energy::Energy energy = model.of(column->activity());
  const auto item = [&](std::size_t part, std::size_t i) {
    return energy.parts[part].items[i].energy_j;
  };
  // Cells, in uW ns = fJ: 1.9 x 15 + 1.6 x 5, then 1.9 x 10, then 1.6 x 10.
  expect_relative(item(0, 0), 71.5e-15, 1e-12, "first cells");
  expect_relative(item(0, 1), 3 * 200e-15 + 0.1 * 270e-15, 1e-12, "ReLU");
  // (1.9 + 1.3) x 7.5, then (1.9 + 1.3) x 4.5 + (1.6 + 1.9) x 1.5.
  expect_relative(item(1, 0), 43.65e-15, 1e-12, "second cells");
  expect_relative(item(1, 1), 4 * 100e-15 + 0.05 * (67.5 - 22.5 + 45 + 0) * 1e-15, 1e-12, "signed");
  expect_relative(energy.part_j("digital_control"), 2 * 250e-12, 1e-12, "control");
  expect_relative(energy.part_j("write_dac"), 8 * 330e-12 / 128, 1e-12, "DAC");
  expect_relative(energy.part_j("write_cells"), (8 + 5.7) * 1e-15, 1e-12, "writes");
  EXPECT_EQ(energy.total_j(), energy.part_j("first_array") + energy.part_j("second_array") +
                                  energy.part_j("write_cells") +
                                  (energy.part_j("digital_control") + energy.part_j("write_dac")));
}

TEST(Energy, OfTheFastLevelIsThatOfTheColumnLevel) {
  const auto device = linear_device();
  const energy::EnergyModel model(device);
  const Shape shape{2, 32, 40};
  const Inputs in(shape, 60, 5);
  AnalogOptions options;
  options.token_period_s = 1e-7;
  options.error_limit = 1e-5;  // the books are what is compared here, not the approximation
  std::vector<energy::Energy> energies;
  for (const Level level : {Level::kColumn, Level::kFast}) {
    options.level = level;
    auto engine = make_analog(shape, circuit_of(device), scalers_near_training(2, 1), options);
    run(*engine, in);
    energies.push_back(model.of(engine->activity()));
  }
  for (std::size_t part = 0; part < energies[0].parts.size(); ++part)
    for (std::size_t i = 0; i < energies[0].parts[part].items.size(); ++i)
      expect_relative(energies[1].parts[part].items[i].energy_j,
                      energies[0].parts[part].items[i].energy_j, 1e-5,
                      energies[0].parts[part].items[i].name.c_str());
}

// What both levels count is summed up from what they show of every step: exact to the column
// level's doubles, and to the fast level's steps of charge.
class EnergyByStep : public ::testing::TestWithParam<Level> {
 protected:
  using Joules = std::function<double(const StepTrace&)>;

  // The converters' or cells' energy of a run, and `of_step` summed over its steps.
  void expect_sum(const lut::GainCellDevice& device, std::size_t part, std::size_t item,
                  const Joules& of_step) {
    const Shape shape{1, 32, 40};
    AnalogOptions options;
    options.level = GetParam();
    options.token_period_s = 1e-7;
    auto engine = make_analog(shape, circuit_of(device), scalers_near_training(1, 1), options);
    double expected = 0;
    engine->observe([](std::int64_t, int) { return true; },
                    [&](const StepTrace& trace) { expected += of_step(trace); });
    run(*engine, Inputs(shape, 60, 5));
    activity_ = engine->activity();
    const energy::Energy energy = energy::EnergyModel(device).of(activity_);
    expect_relative(energy.parts[part].items[item].energy_j, expected,
                    GetParam() == Level::kColumn ? 1e-12 : 1e-5, "energy");
  }

  energy::Activity activity_;
};

INSTANTIATE_TEST_SUITE_P(All, EnergyByStep, ::testing::Values(Level::kColumn, Level::kFast),
                         [](const auto& level) {
                           return level.param == Level::kColumn ? "Column" : "Fast";
                         });

TEST_P(EnergyByStep, FollowsTheBendsOfConvertersTables) {
  auto device = linear_device();
  // Straight at -0.2 and 0.02 pC, bent at the others, at no share of full scale that is usual.
  const lut::Axis charge("charge", "C", {-1e-12, -0.2e-12, 0.02e-12, 0.043e-12, 0.11e-12, 1e-12});
  device.relu.energy = lut::Table({"relu_energy", "J"}, {charge},
                                  {180e-15, 180e-15, 180e-15, 180e-15, 250e-15, 1390e-15},
                                  lut::Interpolation::kLinear);
  expect_sum(device, 0, 1, [&](const StepTrace& trace) {
    double joules = 0;
    for (const double c : trace.first_charge_c)
      if (!std::isnan(c)) joules += device.relu.energy->at(c);
    return joules;
  });
  EXPECT_EQ(activity_.first_conversions.charge_c.size(), 4u);  // ends and two bends
}

TEST_P(EnergyByStep, CountsReadsByWidthUnlessTheirEnergyIsProportional) {
  auto device = linear_device();
  const auto second_cells = [&](const StepTrace& trace) {
    double joules = 0;
    for (std::size_t slot = 0; slot < trace.phi_s.size(); ++slot)
      for (int d = 0; d < 32 && trace.phi_s[slot] > 0; ++d)
        joules += device.read_energy->at(trace.value_v[slot * 32 + d], trace.phi_s[slot], 0.45);
    return joules;
  };
  expect_sum(device, 1, 0, second_cells);
  EXPECT_EQ(activity_.second_reads.pulse_s.size(), 3u);

  // Both edges cost 5 fJ; and the longest third of a pulse costs nothing.
  std::vector<double> joules;
  for (const double store : {-1.0, 2.0})
    for (const double width_s : {0.0, 5e-9, 10e-9, 15e-9})
      joules.insert(joules.end(), 2, 5e-15 + 1e-6 * (1 + store) * std::min(width_s, 10e-9));
  device.read_energy = lut::Table(
      {"cell_read_energy", "J"},
      {lut::Axis("v_store", "V", {-1, 2}), lut::Axis("pulse_width", "s", {0, 5e-9, 10e-9, 15e-9}),
       lut::Axis("v_bitline", "V", {0, 0.9})},
      joules, lut::Interpolation::kLinear);
  expect_sum(device, 1, 0, second_cells);
  EXPECT_EQ(activity_.second_reads.pulse_s.size(), 5u);
}

TEST(Energy, OfThePublishedDeviceIsThePublishedFigure) {
  // 1,120 pJ for 1,024 columns of the first array, 700 pJ for 1,024 of the second. Its converters'
  // range ends on a node of the counts.
  const lut::GainCellDevice device(lut::published_device());
  const Shape shape{1, 64, 64};
  AnalogOptions options;
  options.token_period_s = 1e-7;
  for (const Level level : {Level::kColumn, Level::kFast}) {
    options.level = level;
    auto engine = make_analog(shape, circuit_of(device), scalers_near_training(1, 1), options);
    run(*engine, Inputs(shape, 64, 5));
    const energy::Energy energy = energy::EnergyModel(device).of(engine->activity());
    const double columns = 64 * 65 / 2.0;
    expect_relative(energy.part_j("first_array"), columns * 1120e-12 / 1024, 1e-9, "first");
    expect_relative(energy.part_j("second_array"), 64 * 64 * 700e-12 / 1024, 1e-9, "second");
  }
}

TEST(Energy, OfAllZeroInputIsTheIdleEnergy) {
  const auto device = linear_device();
  const energy::EnergyModel model(device);
  const Shape shape{2, 16, 24};
  Inputs in(shape, 30, 1, 0.0);
  for (const Level level : {Level::kColumn, Level::kFast}) {
    AnalogOptions options;
    options.level = level;
    auto engine = make_analog(shape, circuit_of(device), unit_scalers(2), options);
    run(*engine, in);
    const energy::Activity before = engine->activity();
    run(*engine, in);
    const energy::Energy step = model.of(engine->activity().since(before)).per(30);
    // No cell is read; every converter runs once without charge; writes go on.
    EXPECT_NEAR(step.parts[0].items[0].energy_j, 0.0, 1e-24);
    expect_relative(step.part_j("first_array"), 2 * 24 * 200e-15, 1e-6, "first");
    expect_relative(step.part_j("second_array"), 2 * 16 * 100e-15, 1e-6, "second");
    expect_relative(step.part_j("digital_control"), 2 * 250e-12, 1e-9, "control");
    expect_relative(step.part_j("write_cells"), 2 * 32 * 1e-15, 1e-9, "writes");
  }
}

TEST(Energy, AddsUpOverLayersAndSubtractsItsPast) {
  const auto device = linear_device();
  const Shape shape{1, 16, 8};
  auto engine = make_analog(shape, circuit_of(device), unit_scalers(1), {});
  const Inputs in(shape, 10, 3);
  run(*engine, in);
  const energy::Activity one = engine->activity();
  energy::Activity two;
  two += one;
  two += one;
  EXPECT_EQ(two.tokens, 20);
  const energy::Activity rest = two.since(one);
  const energy::EnergyModel model(device);
  expect_relative(model.of(rest).total_j(), model.of(one).total_j(), 1e-12, "half");
}

TEST(Energy, LatencyIsBothStagesOfEveryLayer) {
  EXPECT_DOUBLE_EQ(energy::EnergyModel(linear_device()).token_latency_s(4), 4 * 54e-9);
}

TEST(UniformLevels, ReadEveryCellAndConvertEveryColumn) {
  const auto activity = uniform_activity(circuit_of(linear_device()), 128, 32, 1e-7, 1);
  EXPECT_EQ(activity.token_heads, 32);
  EXPECT_EQ(activity.sub_tile_steps, 64);
  EXPECT_NEAR(activity.first_reads.total() / 32, 128 * 32, 1e-6);
  EXPECT_NEAR(activity.first_conversions.total() / 32, 128, 1e-6);
  EXPECT_NEAR(activity.second_conversions.total() / 32, 2 * 32, 1e-6);
}

}  // namespace
}  // namespace gaincell::attention
