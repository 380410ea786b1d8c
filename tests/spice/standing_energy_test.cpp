// A converter over a whole token period in one simulation, against what the engine counts for it:
// the energy of its conversion and what it draws until the next.
#include <gtest/gtest.h>

#include <cstdio>
#include <filesystem>
#include <string>
#include <vector>

#include "base/files.h"
#include "characterize/campaign/simulation.h"
#include "energy/energy_model.h"
#include "lut/gain_cell_device.h"
#include "tests/support/program.h"

namespace gaincell {
namespace {

void replace(std::string& text, const std::string& what, const std::string& with) {
  const std::size_t at = text.find(what);
  ASSERT_NE(at, std::string::npos) << what;
  text.replace(at, what.size(), with);
}

// The bench of the device's own energy, with clocks that come again only after a token period.
std::string bench_text(const std::string& folder, const char* period, const char* charges) {
  const std::string netlists = std::string(GAINCELL_SOURCE_DIR) + "/netlists/";
  std::string text = read_file(netlists + folder + "/conversion.yaml");
  for (std::size_t at; (at = text.find("../")) != std::string::npos;) text.replace(at, 3, netlists);
  replace(text, ", " + folder + ".cir]", ", " + netlists + folder + "/" + folder + ".cir]");
  replace(text, "t_period:    {value: 38.2n", std::string("t_period: {value: ") + period);
  const std::size_t list = text.find("enumerate: [");
  text.replace(list, text.find(']', list) + 1 - list, std::string("enumerate: ") + charges);
  replace(text, "  step: 0.5n", "  step: 0.5n\n  max_step: 1u");
  replace(text, "gmin: 1e-14, chgtol: 1e-17, trtol: 2}",
          "gmin: 1e-18, chgtol: 1e-17, trtol: 1, method: gear, reltol: 3e-4}");
  text.resize(text.find("tables:"));
  return text;
}

std::vector<double> simulated_j(const std::string& folder, const char* period,
                                const char* charges) {
  const testing::ScratchFolder scratch;
  write_file(scratch / "bench.yaml", bench_text(folder, period, charges));
  const auto bench = characterize::read_bench((scratch / "bench.yaml").string());
  characterize::PoolOptions pool;
  pool.worker = std::filesystem::path(GAINCELL_BINARY_DIR) / "bin" / "gaincell-worker";
  pool.workers = 2;
  const std::vector<characterize::Point> points = characterize::bench_points(*bench);
  const auto results =
      characterize::simulate(*bench, characterize::make_plan(*bench, points), {.pool = pool});
  std::vector<double> joules;
  for (const auto& result : results) {
    EXPECT_TRUE(result.ok) << result.reason;
    if (result.ok) joules.push_back(result.values.back());
  }
  return joules;
}

// One column that converts one charge a token.
double counted_j(const lut::GainCellDevice& device, bool first, double charge_c, double period_s) {
  energy::Activity activity;
  activity.first_reads.levels = activity.second_reads.levels = device.kv_levels;
  energy::Conversions& conversions =
      first ? activity.first_conversions : activity.second_conversions;
  conversions.charge_c = energy::Nodes(std::vector<double>{charge_c});
  conversions.count = {1.0};
  const energy::Energy energy = energy::EnergyModel(device).of(activity, period_s);
  EXPECT_EQ(energy.total_j(), energy.circuits_j());
  return energy.circuits_j();
}

TEST(StandingEnergy, ConverterOverAWholeTokenPeriodTakesWhatIsCountedForIt) {
  const auto device = lut::GainCellDevice::read(std::filesystem::path(GAINCELL_BINARY_DIR) /
                                                "tests" / "gain_cell_a_device.h5");
  struct Case {
    const char *folder, *period;
    double period_s;
  };
  for (const Case& c :
       {Case{"converter_relu", "1u", 1e-6}, Case{"converter_relu", "0.1m", 1e-4},
        Case{"converter_signed", "1u", 1e-6}, Case{"converter_signed", "0.1m", 1e-4}}) {
    const std::vector<double> charges{-250e-15, 40e-15, 350e-15};
    const auto spice = simulated_j(c.folder, c.period, "[-250f, 40f, 350f]");
    ASSERT_EQ(spice.size(), charges.size());
    for (std::size_t i = 0; i < charges.size(); ++i) {
      const double counted =
          counted_j(device, c.folder == std::string("converter_relu"), charges[i], c.period_s);
      EXPECT_NEAR(counted / spice[i], 1.0, 0.05)
          << c.folder << ", " << charges[i] << " C, " << c.period << ": " << spice[i] << " J";
      std::printf("%s %s %.0f fC: simulated %.4g J, counted %.4g J, %+.2f %%\n", c.folder, c.period,
                  charges[i] * 1e15, spice[i], counted, 100 * (counted / spice[i] - 1));
    }
  }
}

// Without a power switch a converter took 1.8 to 3.5 uW from one token to the next.
TEST(StandingEnergy, ConverterAsleepWithItsShareOfLinesAndStartTakesAHundredthOfOneWithoutSwitch) {
  const auto device = lut::GainCellDevice::read(std::filesystem::path(GAINCELL_BINARY_DIR) /
                                                "tests" / "gain_cell_a_device.h5");
  for (const lut::ConverterTables* converter : {&device.relu, &device.differential})
    for (const double period_s : {1e-4, 1e-3}) {
      const auto shared_j = [&](double to_s) { return to_s * converter->bias_power->at(to_s); };
      const double from_s = 1e-6, shared_w = (shared_j(period_s) - shared_j(from_s)) /
                                             (period_s - from_s) / device.tile;
      for (const double charge_c : {-300e-15, 0.0, 300e-15, 1800e-15}) {
        const double own_w = converter->standing_power->at(charge_c, period_s);
        EXPECT_GT(own_w, 0);
        EXPECT_LT(own_w + shared_w, 18e-9) << charge_c << " C, " << period_s << " s";
        std::printf("%.0f fC, %g s: %.3g nW itself, %.3g nW of what is shared\n", charge_c * 1e15,
                    period_s, 1e9 * own_w, 1e9 * shared_w);
      }
    }
}

}  // namespace
}  // namespace gaincell
