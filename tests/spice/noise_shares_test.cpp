// Whose noise it is, of circuits where that is known.
#include <cmath>

#include "characterize/campaign/campaign.h"
#include "characterize/campaign/replay.h"
#include "tests/characterize/support.h"

namespace gaincell::characterize {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

class SharesOfNoise : public BenchTest {
 protected:
  ReplayReport replayed(const std::string& text) {
    CampaignOptions campaign;
    campaign.benches = {file("bench.yaml", text).string()};
    campaign.output = path("a.h5");
    campaign.pool.worker = real_worker();
    EXPECT_TRUE(characterize(campaign).ok());
    ReplayOptions options;
    options.samples = path("a.h5");
    options.point = 0;
    options.folder = path("replayed");
    options.pool.worker = real_worker();
    return replay(options);
  }
};

TEST_F(SharesOfNoise, ResistorsOfADividerShareByTheirCurrents) {
  file("part.cir", ".subckt part a b\nR1 a b 3k\n.ends\n");
  const ReplayReport report = replayed(
      "gaincell_bench: 1\nname: n\ncircuit: {netlist: part.cir, subcircuit: part, "
      "ports: {a: out, b: \"0\"}}\nconditions: {r: {unit: Ohm, enumerate: [1k, 3k]}}\n"
      "sources: {in: {net: in, dc: 0, ac: 1}}\nelements: [\"R1 in out {r}\", R9 in 0 1k, "
      "C1 out 0 1f]\nanalysis: {type: noise, output: v(out), source: in, start: 1k, stop: 1meg, "
      "points_per_decade: 3}\nmeasurements: {all: {unit: V, total_noise: onoise}}\n");
  EXPECT_TRUE(report.equal()) << "the measured numbers are those of the deck as it ran";
  ASSERT_EQ(report.noise.size(), 1u);
  const NoiseShares& noise = report.noise[0];
  EXPECT_EQ(noise.analysis, "noise");
  EXPECT_EQ(noise.total_rms, report.values.at(0).now);
  ASSERT_EQ(noise.devices.size(), 2u) << "one across a source of voltage has none at the output";
  EXPECT_EQ(noise.devices[0].device, "r1");
  EXPECT_NEAR(noise.devices[0].share, 0.75, 1e-5);
  EXPECT_NEAR(noise.devices[0].rms, std::sqrt(0.75) * noise.total_rms, 1e-5 * noise.total_rms);
  EXPECT_EQ(noise.devices[1].device, "r.xdut.r1");
  EXPECT_NEAR(noise.devices[1].share, 0.25, 1e-5);
  EXPECT_EQ(noise.devices[1].part, "thermal");
  EXPECT_NEAR(noise.devices[1].part_share, 0.25, 1e-5);
  EXPECT_THAT(brief(noise), AllOf(HasSubstr("75.0 %"), HasSubstr("r1  (thermal 75.0 %)")));
  EXPECT_THAT(read_file(noise.file), HasSubstr("\nr.xdut.r1,"));
  EXPECT_THAT(read_file(report.runs.at(0).deck), Not(HasSubstr("1000000 1\n")));
}

// Its models name their noise otherwise than all others.
TEST_F(SharesOfNoise, OfBsim4AreSignalsAndRanked) {
  file("n.inc", ".model n nmos level=14 version=4.5\n");
  const ReplayReport report = replayed(
      "gaincell_bench: 1\nname: n\nmodels: [n.inc]\nsources: {g: {net: g, dc: 0.8, ac: 1}, "
      "vdd: {net: vdd, dc: 1.8}}\nelements: [R1 vdd out 10k, m1 out g 0 0 n w=1u l=1u]\n"
      "analysis: {type: noise, output: v(out), source: g, start: 1, stop: 1meg}\n"
      "measurements: {all: {unit: V, total_noise: onoise}, m: {unit: V, total_noise: onoise(m1)}, "
      "flicker: {unit: V, total_noise: onoise(m1.1overf)}, "
      "r: {unit: V, total_noise: onoise(r1)}}\n");
  const double all = report.values[0].now, m = report.values[1].now, r = report.values[3].now;
  EXPECT_NEAR(std::hypot(m, r) / all, 1, 1e-4);
  ASSERT_EQ(report.noise.at(0).devices.size(), 2u);
  EXPECT_EQ(report.noise[0].devices[0].device, "m1");
  EXPECT_EQ(report.noise[0].devices[0].rms, m);
  EXPECT_EQ(report.noise[0].devices[0].part, "1overf");
  EXPECT_GT(report.values[2].now, 0.5 * m);
}

}  // namespace
}  // namespace gaincell::characterize
