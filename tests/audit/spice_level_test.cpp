// `gaincell attend --level spice` against the column level on the same text: the audit's limits.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "base/random.h"
#include "base/store/reader.h"
#include "base/store/writer.h"
#include "tests/support/program.h"

namespace gaincell {
namespace {

using ::testing::HasSubstr;

const std::string kDevice = std::string(GAINCELL_BINARY_DIR) + "/tests/gain_cell_a_device.h5";
constexpr std::size_t kTokens = 2, kDim = 16;

class SpiceLevel : public ::testing::Test {
 protected:
  void SetUp() override {
    // Keys that source on the whole, so that the ReLU gives pulses; values of either sign.
    Random random(3, "spice level");
    std::vector<double> q(kTokens * kDim), k(q.size()), v(q.size());
    for (double& x : q) x = random.uniform();
    for (double& x : k) x = std::clamp(0.62 + 0.2 * random.normal(), 0.0, 0.9);
    for (double& x : v) x = random.uniform(0, 0.9);
    store::Writer writer(folder_ / "in.h5");
    store::Group root = writer.root();
    root.dimension("batch", 1);
    root.dimension("head", 1);
    root.dimension("time", kTokens);
    root.dimension("dim", kDim);
    for (const auto& [key, x] : {std::pair{"q", &q}, {"k", &k}, {"v", &v}})
      root.dataset(key, {"batch", "head", "time", "dim"}, *x);
    writer.commit();
  }
  gaincell::testing::Outcome attend(const std::string& level, const std::string& output,
                                    const std::vector<std::string>& more = {}) {
    std::vector<std::string> arguments{"attend", "--device",       kDevice, "--input",
                                       "in.h5",  "--output",       output,  "--level",
                                       level,    "--token-period", "1e-6"};
    if (level == "spice") arguments.insert(arguments.end(), {"--cache", "cache", "-j", "2"});
    arguments.insert(arguments.end(), more.begin(), more.end());
    return gaincell::testing::run("gaincell", arguments, folder_.path());
  }
  std::vector<double> read(const std::string& file, const std::string& name) {
    return store::Reader(folder_ / file).root().dataset(name).read<double>().values;
  }
  // Greatest difference of two levels, which must be no plain copies of each other.
  double largest(const std::string& name) {
    const auto a = read("spice.h5", name), b = read("column.h5", name);
    double max = 0;
    for (std::size_t i = 0; i < a.size(); ++i) max = std::max(max, std::abs(a[i] - b[i]));
    EXPECT_GT(max, 0.0) << name;
    return max;
  }
  gaincell::testing::ScratchFolder folder_;
};

TEST_F(SpiceLevel, IsFollowedByTheColumnLevel) {
  // Transistors of a column are alike and draw no noise, which the column level would.
  const std::vector<std::string> uncounted{"--without", "counter,read_noise"};
  const auto outcome = attend("spice", "spice.h5", uncounted);
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  // 1 + 2 columns of the first array, 16 of the second for each token.
  EXPECT_THAT(outcome.err, HasSubstr("35 columns, transistor by transistor"));
  ASSERT_EQ(attend("column", "column.h5", uncounted).exit_code, 0);
  const auto phi = read("spice.h5", "phi");
  EXPECT_GT(*std::max_element(phi.begin(), phi.end()), 0.2);  // there is something to compare
  EXPECT_LE(largest("phi"), 0.005);
  EXPECT_LE(largest("S"), 0.005 * 80e-6);
  EXPECT_LE(largest("output"), 0.25 * 2 / 31);
  EXPECT_EQ(read("spice.h5", "output").size(), kTokens * kDim);

  // The supplies' own energies are near what the tables make of the same actions. In the column the
  // cells' supply also feeds idle ones, and the tables' converters have their clock drivers.
  const auto joules = [&](const std::string& name) { return read("spice.h5", name).front(); };
  const double first =
      joules("supply_energy/first_cells") + joules("supply_energy/first_converters");
  const double second =
      joules("supply_energy/second_cells") + joules("supply_energy/second_converters");
  EXPECT_NEAR(first, joules("energy/first_array"), 0.3 * joules("energy/first_array"));
  EXPECT_NEAR(second, joules("energy/second_array"), 0.3 * joules("energy/second_array"));

  // The same simulations again, with the counter: all of them from the cache, and in its steps.
  ASSERT_EQ(attend("spice", "counted.h5").exit_code, 0);
  const auto counted = read("counted.h5", "output"), pulses = read("spice.h5", "output");
  for (std::size_t i = 0; i < counted.size(); ++i)
    EXPECT_NEAR(counted[i], 2.0 / 31 * std::nearbyint(pulses[i] * 31 / 2), 1e-6) << i;
}

TEST_F(SpiceLevel, RefusesWhatTransistorsCannot) {
  const auto refused = [&](const std::vector<std::string>& more, const std::string& part) {
    const auto outcome = attend("spice", "out.h5", more);
    EXPECT_EQ(outcome.exit_code, 2);
    EXPECT_THAT(outcome.err, HasSubstr(part));
    EXPECT_EQ(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 1) << outcome.err;
    EXPECT_FALSE(std::filesystem::exists(folder_ / "out.h5"));
  };
  for (const char* effect : {"pulse_edges", "bitline", "converter_offset", "converter_curve",
                             "converter_gain", "saturation", "clipping"})
    refused({"--without", effect}, "transistors cannot lose this effect");
  refused({"--spread", "cell_gain=0.01"}, "its transistors are all alike");
  refused({"--benches", "nowhere"}, "nowhere");
}

}  // namespace
}  // namespace gaincell
