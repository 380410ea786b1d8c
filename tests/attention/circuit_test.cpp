// The column level's integral and the effects, against closed forms.
#include "attention/circuit.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/error.h"
#include "base/random.h"
#include "circuits.h"

namespace gaincell::attention {
namespace {

// Cells with any current law, a linear bitline capacitor, ideal converters.
Circuit with_current(const std::function<double(double v_store, double bitline)>& current_a) {
  Circuit circuit;
  circuit.pulse_nodes_s = {0.0, 1e-9, 4e-9, 15e-9};
  circuit.read_charge_c = [=, nodes = circuit.pulse_nodes_s](double v, std::size_t node,
                                                             double bitline) {
    return current_a(v, bitline) * nodes[node];
  };
  circuit.relu.bitline_v = [](double charge) { return 0.45 - charge / 2e-12; };
  circuit.relu.charge_low_c = -2e-12;
  circuit.relu.charge_high_c = 2e-12;
  return circuit;
}

TEST(Column, SumsChargesOfConstantCurrents) {
  const Circuit circuit = with_current([](double v, double) { return 20e-6 * (v - 0.45); });
  Random random(1);
  std::vector<double> v_store, width;
  double expected = 0;
  for (int i = 0; i < 64; ++i) {
    v_store.push_back(random.uniform(0, 0.9));
    width.push_back(static_cast<double>(random.below(16)) * 1e-9);
    expected += 20e-6 * (v_store.back() - 0.45) * width.back();
  }
  EXPECT_NEAR(column_charge_c(circuit, circuit.relu, v_store, width), expected, 1e-20);
}

TEST(Column, OfConductancesDischargesExponentially) {
  // Cell i draws G_i V_bl for its own time: V_bl = 0.45 exp(-sum G_i t_i / C).
  const Circuit circuit = with_current([](double v, double bitline) { return 1e-5 * v * bitline; });
  const std::vector<double> v_store{0.2, 0.9, 0.5, 0.7}, width{3e-9, 15e-9, 0.0, 7.3e-9};
  const double exponent = 1e-5 * (0.2 * 3e-9 + 0.9 * 15e-9 + 0.7 * 7.3e-9) / 2e-12;
  EXPECT_NEAR(column_charge_c(circuit, circuit.relu, v_store, width),
              2e-12 * 0.45 * (1 - std::exp(-exponent)), 1e-18);
}

TEST(Column, CountsThePulseEdgesOnce) {
  Circuit circuit = with_current([](double, double) { return 0.0; });
  circuit.read_charge_c = [](double, std::size_t node, double) { return node > 0 ? 3e-15 : 0.0; };
  EXPECT_NEAR(column_charge_c(circuit, circuit.relu, {0.5, 0.5, 0.5}, {1e-9, 15e-9, 0.0}), 6e-15,
              1e-22);
}

// A table of no cell: the current swings by its own size within a nanovolt of the bitline.
TEST(Column, EndsInAnErrorWhereTheChargeCannotBeIntegrated) {
  const Circuit wild =
      with_current([](double, double bitline) { return 1e3 * std::sin(1e12 * bitline); });
  EXPECT_THROW(column_charge_c(wild, wild.relu, {0.9}, {15e-9}), Error);
}

TEST(Column, WithoutPulsesHoldsNoCharge) {
  const Circuit circuit = smooth_circuit();
  EXPECT_EQ(column_charge_c(circuit, circuit.relu, {0.1, 0.8}, {0.0, 0.0}), 0.0);
  EXPECT_EQ(column_charge_c(circuit, circuit.relu, {}, {}), 0.0);
}

TEST(ConverterLine, RecoversAStraightLine) {
  Circuit circuit = smooth_circuit();
  circuit.relu.pulse_s = [](double q) {
    return std::clamp(15e-9 * (q - 3e-15) / 1e-12, 0.0, 15e-9);
  };
  const ConverterLine line = relu_line(circuit);
  EXPECT_NEAR(line.full_scale_c(15e-9), 1e-12, 1e-18);
  EXPECT_NEAR(line.zero_charge_c, 3e-15, 1e-20);
}

TEST(Effects, WithoutGainHaveThePublishedFullScales) {
  Circuit circuit = with_current([](double v, double) { return 20e-6 * (v - 0.45); });
  for (Circuit::Converter* converter : {&circuit.relu, &circuit.differential}) {
    const double lowest = converter == &circuit.relu ? 0.0 : -15e-9;
    converter->pulse_s = [lowest](double q) {
      return std::clamp(15e-9 * q / 1e-12, lowest, 15e-9);
    };
    converter->bitline_v = [](double) { return 0.45; };
    converter->full_scale_s = 15e-9;
    converter->charge_low_c = -2e-12;
    converter->charge_high_c = 2e-12;
  }
  const Circuit ideal = with_effects(circuit, EffectSet::all().without(Effect::kConverterGain));
  // 80 and 40 uA over 19.3 uA/V, times 20 uA/V, for 15 ns.
  EXPECT_NEAR(ideal.relu.pulse_s(0.5 * 80 / 19.3 * 20e-6 * 15e-9), 7.5e-9, 1e-15);
  EXPECT_NEAR(ideal.differential.pulse_s(-0.5 * 40 / 19.3 * 20e-6 * 15e-9), -7.5e-9, 1e-15);
  EXPECT_EQ(circuit.relu.pulse_s(0.5e-12), 7.5e-9);
}

TEST(Effects, OfWriteAndRetentionLeaveWhatTheOtherDoes) {
  Circuit circuit = smooth_circuit();
  circuit.settled_s = 1e-6;
  circuit.written_v = [](double target, double age) { return target - 0.01 - 1e3 * age; };
  circuit.retained_v = [](double initial, double age) { return initial - 20 * age; };
  EXPECT_NEAR(circuit.stored_v(0.6, 0), 0.59, 1e-15);
  EXPECT_NEAR(circuit.stored_v(0.6, 1e-6), 0.589, 1e-15);
  EXPECT_NEAR(circuit.stored_v(0.6, 3e-6), 0.589 - 40e-6, 1e-15);
  const auto all = EffectSet::all();
  // Without retention a cell holds what it held when its own token read it.
  EXPECT_NEAR(with_effects(circuit, all.without(Effect::kRetention)).stored_v(0.6, 3e-6), 0.59,
              1e-15);
  // Without write it starts from its target, and leaks.
  EXPECT_NEAR(with_effects(circuit, all.without(Effect::kWrite)).stored_v(0.6, 3e-6), 0.6 - 60e-6,
              1e-15);
}

TEST(Effects, OffLeaveTheIdealBehind) {
  const Circuit real = smooth_circuit();
  const auto all = EffectSet::all();
  const Circuit exact = with_effects(real, EffectSet::none().with(Effect::kSaturation));
  EXPECT_EQ(exact.written_v(0.3, 0), 0.3);
  EXPECT_EQ(exact.retained_v(0.3, 1e-3), 0.3);
  EXPECT_EQ(exact.relu.bitline_v(1e-13), real.relu.bitline_v(0));
  // Charge becomes proportional to the width, with the current of the long pulse.
  EXPECT_NEAR(exact.read_charge_c(0.8, 3, 0.4) * 15, exact.read_charge_c(0.8, 7, 0.4), 1e-24);
  EXPECT_NEAR(exact.read_charge_c(0.8, 7, 0.4), real.read_charge_c(0.8, 7, 0.4), 0.3e-15);
  // Converter: through the origin, straight, clipped at full scale; the gain stays.
  const double full = relu_line(real).full_scale_c(15e-9);
  const Circuit straight = with_effects(real, EffectSet::none().with(Effect::kConverterGain));
  EXPECT_NEAR(straight.relu.pulse_s(0.3 * full), 0.3 * 15e-9, 1e-15);
  EXPECT_EQ(exact.relu.pulse_s(2 * full), 15e-9);
  EXPECT_EQ(exact.relu.pulse_s(-full), 0.0);
  EXPECT_NEAR(exact.differential.pulse_s(0.0), 0.0, 1e-20);
  // One at a time: the others stay.
  const Circuit no_offset = with_effects(real, all.without(Effect::kConverterOffset));
  EXPECT_NEAR(no_offset.differential.pulse_s(0.0), 0.0, 1e-12);  // 30 ps with it
  EXPECT_EQ(no_offset.written_v(0.3, 0), real.written_v(0.3, 0));
  const Circuit no_curve = with_effects(real, all.without(Effect::kConverterCurve));
  EXPECT_NEAR(no_curve.differential.pulse_s(differential_line(real).zero_charge_c), 0.0, 1e-15);
  EXPECT_NE(no_curve.differential.pulse_s(0.0), 0.0);
  const Circuit same = with_effects(real, all);
  EXPECT_EQ(same.relu.pulse_s(0.4e-12), real.relu.pulse_s(0.4e-12));
  EXPECT_EQ(same.read_charge_c(0.7, 4, 0.3), real.read_charge_c(0.7, 4, 0.3));
}

}  // namespace
}  // namespace gaincell::attention
