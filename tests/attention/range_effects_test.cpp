// What happens without the effects `saturation` and `clipping`, against closed forms.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <string>

#include "attention/analog.h"
#include "base/error.h"
#include "circuits.h"
#include "inputs.h"
#include "linear_device.h"

namespace gaincell::attention {
namespace {

using ::testing::HasSubstr;

AnalogOptions column_without(std::initializer_list<Effect> effects) {
  AnalogOptions o;
  o.level = Level::kColumn;
  for (const Effect effect : effects) o.effects = o.effects.without(effect);
  return o;
}

Scalers unit_scalers() {
  Scalers s = Scalers::identity(1);
  s.b_k = s.b_v = {0.0f};
  return s;
}

// One token through a fresh column level on the linear device.
std::vector<float> one_token(const AnalogOptions& options, const std::vector<float>& q,
                             const std::vector<float>& k, const std::vector<float>& v) {
  auto column = make_analog({1, static_cast<int>(q.size()), 2}, circuit_of(linear_device()),
                            unit_scalers(), options);
  std::vector<float> out(q.size());
  column->run(1, q.data(), k.data(), v.data(), out.data());
  return out;
}

std::string refusal(const std::function<void()>& run) {
  try {
    run();
  } catch (const Error& error) {
    return error.what();
  }
  return "accepted";
}

TEST(WithoutSaturation, ConvertersGoOnAsALine) {
  const auto off = EffectSet::all().without(Effect::kSaturation);
  const Circuit ideal = with_effects(circuit_of(linear_device()), off);
  EXPECT_NEAR(ideal.relu.pulse_s(0.1e-12), 5e-9, 1e-15);
  EXPECT_NEAR(ideal.relu.pulse_s(0.9e-12), 45e-9, 1e-15);
  EXPECT_NEAR(ideal.relu.pulse_s(30e-12), 1500e-9, 1e-13);  // far beyond the table
  EXPECT_EQ(ideal.relu.pulse_s(-1e-12), 0.0);               // it still rectifies
  EXPECT_NEAR(ideal.differential.pulse_s(-0.6e-12), -45e-9, 1e-15);
  EXPECT_NEAR(ideal.differential.pulse_s(0.6e-12), 45e-9, 1e-15);

  // A curved converter stays as it is up to 95 % of full scale, and then has its line's slope.
  const Circuit real = smooth_circuit(), open = with_effects(real, off);
  EXPECT_EQ(open.relu.pulse_s(0.5e-12), real.relu.pulse_s(0.5e-12));
  EXPECT_EQ(open.differential.pulse_s(-0.2e-12), real.differential.pulse_s(-0.2e-12));
  EXPECT_EQ(real.relu.pulse_s(3e-12), 15e-9);
  const double slope = relu_line(real).slope_s_per_c;
  EXPECT_NEAR(open.relu.pulse_s(4e-12) - open.relu.pulse_s(3e-12), slope * 1e-12, 1e-14);
  const double step = 1e-18;
  for (double charge = 0; charge < 2e-12; charge += 1e-14)
    EXPECT_NEAR(open.relu.pulse_s(charge + step), open.relu.pulse_s(charge), 1e-13) << charge;
  // A straight line altogether where the curvature goes too.
  const Circuit line = with_effects(real, off.without(Effect::kConverterCurve));
  EXPECT_NEAR(line.relu.pulse_s(9e-12), slope * (9e-12 - relu_line(real).zero_charge_c), 1e-14);
}

TEST(WithoutSaturation, BothStagesAndTheCounterGoOn) {
  // 6 x 20 uA/V x 0.45 V x 15 ns = 0.81 pC, 2.7 of full scale: 40.5 ns. 20 uA/V x 0.45 V x 40.5 ns
  // = 0.3645 pC, 1.8225 of full scale: 3.645 steps of the counter. Clamped: 15 ns, 0.135 pC, 0.675.
  const std::vector<float> q(6, 1.0f), k(6, 0.9f), v{0.9f, 0.0f, 0.9f, 0.0f, 0.9f, 0.0f};
  const auto open = one_token(column_without({Effect::kSaturation, Effect::kCounter}), q, k, v);
  EXPECT_NEAR(open[0], 1.8225, 1e-6);
  EXPECT_NEAR(open[1], -1.8225, 1e-6);
  const auto counted = one_token(column_without({Effect::kSaturation}), q, k, v);
  EXPECT_NEAR(counted[0], 2.0, 1e-6);
  const auto clamped = one_token(column_without({Effect::kCounter}), q, k, v);
  EXPECT_NEAR(clamped[0], 0.675, 1e-6);
}

TEST(WithoutClipping, InputsAreTakenAsTheyAre) {
  // q = 0.5 and -0.25, k = 1.5 and 0.6 V: 20 uA/V (1.05 V 7.5 ns - 0.15 V 3.75 ns) = 146.25 fC,
  // 7.3125 ns; v = 1.95 and -0.5 V: 20 uA/V 7.3125 ns {1.5, -0.95} V over 0.2 pC.
  const auto open =
      one_token(column_without({Effect::kClipping, Effect::kCounter, Effect::kInputQuantiser,
                                Effect::kStorageQuantiser, Effect::kSaturation}),
                {0.5f, -0.25f}, {1.5f, 0.6f}, {1.95f, -0.5f});
  EXPECT_NEAR(open[0], 20e-6 * 7.3125e-9 * 1.5 / 0.2e-12, 1e-6);
  EXPECT_NEAR(open[1], -20e-6 * 7.3125e-9 * 0.95 / 0.2e-12, 1e-6);
  // On levels, without an end to them: q = 4/3, k = 1.2 V, v = 1.2 V. 20 uA/V 0.75 V 20 ns =
  // 0.3 pC, 15 ns; 20 uA/V 15 ns 0.75 V = 0.225 pC.
  const auto levels =
      one_token(column_without({Effect::kClipping, Effect::kCounter, Effect::kSaturation}),
                {1.3f, 0.0f}, {1.25f, 0.6f}, {1.15f, 0.6f});
  EXPECT_NEAR(levels[0], 1.125, 1e-6);
}

TEST(WithoutClipping, RefusesWhereTheTablesEndAndKeepsTheRing) {
  // linear_device's end at -1 and 2 V.
  auto column = make_analog({1, 2, 2}, circuit_of(linear_device()), unit_scalers(),
                            column_without({Effect::kClipping, Effect::kStorageQuantiser}));
  const float q[] = {0.5f, 0.5f, 0.5f, 0.5f}, fine[] = {0.9f, 0.6f, 0.9f, 0.6f},
              high[] = {0.9f, 0.6f, 0.9f, 2.1f}, low[] = {-1.1f, 0.6f, 0.9f, 0.6f};
  float out[4];
  EXPECT_THAT(refusal([&] { column->run(2, q, high, fine, out); }),
              HasSubstr("k[token 1][head 0][1] = 2.1 V: without clipping, the device's tables end "
                        "at -1 and 2 V"));
  EXPECT_THAT(refusal([&] { column->run(2, q, fine, low, out); }),
              HasSubstr("v[token 0][head 0][0]"));
  EXPECT_EQ(column->activity().tokens, 0);
  column->run(2, q, fine, fine, out);
  EXPECT_EQ(column->activity().tokens, 2);
}

TEST(WithoutClipping, RefusesAValueByItsTokenAndHead) {
  auto column = make_analog({2, 1, 2}, circuit_of(linear_device()), Scalers::identity(2),
                            column_without({Effect::kClipping, Effect::kStorageQuantiser}));
  const float fine[] = {0.1f, 0.2f, 0.3f, 0.4f};
  float out[4];
  for (int at = 0; at < 4; ++at) {
    float high[] = {0.1f, 0.2f, 0.3f, 0.4f};
    high[at] = 2;
    const std::string place =
        "[token " + std::to_string(at / 2) + "][head " + std::to_string(at % 2) + "][0] = 2.45 V";
    EXPECT_THAT(refusal([&] { column->run(2, fine, high, fine, out); }), HasSubstr("k" + place));
    EXPECT_THAT(refusal([&] { column->run(2, fine, fine, high, out); }), HasSubstr("v" + place));
  }
}

TEST(WithoutClipping, NegativePulsesTakeTheirChargeTheOtherWay) {
  // Conductances on a moving bitline: V = 0.45 exp(-sum of +-G t / C).
  Circuit circuit;
  circuit.pulse_nodes_s = {0.0, 4e-9, 15e-9};
  circuit.read_charge_c = [nodes = circuit.pulse_nodes_s](double v, std::size_t node,
                                                          double bitline) {
    return 1e-5 * v * bitline * nodes[node];
  };
  circuit.relu.bitline_v = [](double charge) { return 0.45 - charge / 2e-12; };
  circuit.relu.charge_low_c = -2e-12;
  circuit.relu.charge_high_c = 2e-12;
  const double exponent = 1e-5 * (0.9 * 20e-9 - 0.5 * 7e-9) / 2e-12;  // 20 ns: beyond the nodes
  for (const bool moves : {true, false}) {
    circuit.relu.bitline_moves = moves;
    if (!moves) circuit.relu.bitline_v = [](double) { return 0.45; };
    EXPECT_NEAR(column_charge_c(circuit, circuit.relu, {0.9, 0.5}, {20e-9, -7e-9}),
                2e-12 * 0.45 * (moves ? 1 - std::exp(-exponent) : exponent), 1e-18);
  }
}

TEST(RangeEffects, AreTheColumnLevelsOnly) {
  for (const Effect effect : {Effect::kSaturation, Effect::kClipping}) {
    AnalogOptions options;
    options.effects = EffectSet::all().without(effect);
    EXPECT_THAT(refusal([&] {
                  make_analog({1, 16, 8}, smooth_circuit(16), Scalers::identity(1), options);
                }),
                HasSubstr("choose the column level"));
  }
}

}  // namespace
}  // namespace gaincell::attention
