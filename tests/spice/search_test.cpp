// Searches whose answers are known in closed form, as whole campaigns through real workers.
#include <signal.h>

#include <cmath>
#include <map>

#include "base/store/reader.h"
#include "characterize/campaign/campaign.h"
#include "characterize/campaign/check.h"
#include "characterize/campaign/replay.h"
#include "tests/characterize/support.h"

namespace gaincell::characterize {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

// The output is half the supply where the input is at `v_t`.
std::string comparator(const std::string& passes, const std::string& more = "") {
  return "gaincell_bench: 1\nname: x\n"
         "conditions: {v_t: {unit: V, minimum: 0.2, maximum: 0.8, step: linear, points: 4}}\n"
         "search: {over: v_in, unit: V, minimum: 0, maximum: 1, tolerance: 1m, passes: \"" +
         passes +
         "\", spec: {maximum: 0.9}}\nsources: {in: {net: in, dc: \"{v_in}\"}}\n"
         "elements: [\"B1 y 0 v=1/(1+exp(({v_t}-v(in))/10m))\", R1 y 0 1k]\n"
         "analysis: {type: op}\nmeasurements: {y: {unit: V, value: v(y)}, "
         "over_drive: {unit: V, formula: v_in - v_t}}\n" +
         more;
}

// How long a pulse charges a capacitor to half: RC ln 2.
std::string pulse(const std::string& more = "") {
  return "gaincell_bench: 1\nname: x\nconditions: {c: {unit: F, enumerate: [0.5p, 1p, 2p]}}\n"
         "search: {over: width, unit: s, minimum: 0.1n, maximum: 2n, tolerance: 0.1p, passes: "
         "\"peak > 0.5\"}\nsources: {in: {net: in, pulse: {initial: 0, pulsed: 1, delay: 0.1n, "
         "rise: 0.1p, fall: 0.1p, width: \"{width}\"}}}\n"
         "elements: [R1 in out 1k, \"C1 out 0 {c}\"]\n"
         "analysis: {type: tran, step: 1p, stop: 2.5n, options: {reltol: 1e-5, chgtol: 1e-17}}\n"
         "measurements: {peak: {unit: V, maximum: v(out)}, "
         "end: {unit: V, value: v(in), at: \"{width}\"}}\n" +
         more;
}

class Stopper : public Progress {
 public:
  explicit Stopper(std::size_t after) : after_(after) {}
  void tick(const ProgressCount& count) override {
    if (count.done >= after_) ::raise(SIGTERM);
  }

 private:
  std::size_t after_;
};

class Searches : public BenchTest {
 protected:
  CampaignOptions options(const std::string& output, const std::string& text) {
    CampaignOptions options;
    options.benches = {file("bench.yaml", text).string()};
    options.output = path(output);
    options.pool.worker = real_worker();
    return options;
  }
  CampaignReport run(const std::string& text, const std::string& output = "a.h5") {
    return characterize(options(output, text));
  }
  std::vector<double> numbers(const std::string& name, const std::string& output = "a.h5") {
    return store::Reader(path(output))
        .root()
        .group("benches/x")
        .dataset(name)
        .read_vector<double>();
  }
  std::vector<std::string> reasons() {
    return store::Reader(path("a.h5"))
        .root()
        .group("benches/x")
        .dataset("failures/reason")
        .read_vector<std::string>();
  }
  ReplayReport replayed(std::size_t point) {
    ReplayOptions options;
    options.samples = path("a.h5");
    options.point = point;
    options.folder = path("replayed" + std::to_string(point));
    options.pool.worker = real_worker();
    return replay(options);
  }
};

TEST_F(Searches, ThresholdOfAComparatorIsFoundFromBothSides) {
  const CampaignReport report = run(comparator("y - 0.5"));
  EXPECT_TRUE(report.ok()) << report.brief();
  EXPECT_EQ(report.simulations, 4u * (2 + 10));
  const auto found = numbers("measurements/v_in"), over = numbers("measurements/over_drive");
  for (std::size_t k = 0; k < 4; ++k) {
    const double threshold = 0.2 + 0.2 * static_cast<double>(k);
    EXPECT_GE(found[k], threshold);
    EXPECT_LE(found[k], threshold + 1e-3);
    EXPECT_DOUBLE_EQ(over[k], found[k] - numbers("conditions/v_t")[k]);
    EXPECT_GT(numbers("measurements/y")[k], 0.5);
  }
  ASSERT_TRUE(run(comparator("y < 0.5")).ok());
  const auto below = numbers("measurements/v_in");
  for (std::size_t k = 0; k < 4; ++k) {
    EXPECT_LE(below[k], found[k]);
    EXPECT_NEAR(below[k], 0.2 + 0.2 * static_cast<double>(k), 1e-3);
  }
}

TEST_F(Searches, ShortestPulseThatChargesHalfIsRcLn2) {
  const CampaignReport report = run(pulse());
  ASSERT_TRUE(report.ok()) << report.brief();
  const auto found = numbers("measurements/width"), c = numbers("conditions/c");
  for (std::size_t k = 0; k < 3; ++k) EXPECT_NEAR(found[k], 1e3 * c[k] * std::log(2), 0.3e-12);
  // An argument of a measurement may name the value, too.
  for (const double end : numbers("measurements/end")) EXPECT_NEAR(end, 1, 1e-9);
}

TEST_F(Searches, TemperatureAtWhichADividerTripsIsFound) {
  // R2 grows by 1e-3 a degree: half and 4 % of it where (1 + x)/(2 + x) = 0.52.
  ASSERT_TRUE(run("gaincell_bench: 1\nname: x\nconditions: {v: {unit: V, enumerate: [1, 2]}}\n"
                  "search: {over: temperature, unit: degC, minimum: -40, maximum: 150, "
                  "tolerance: 0.01, passes: y > 0.52*v}\nsources: {in: {net: in, dc: \"{v}\"}}\n"
                  "elements: [R1 in y 1k, R2 y 0 1k tc1=1m]\nanalysis: {type: op}\n"
                  "measurements: {y: {unit: V, value: v(y)}}\n")
                  .ok());
  for (const double found : numbers("measurements/temperature"))
    EXPECT_NEAR(found, 27 + 0.04 / 0.48 * 1e3, 0.01);
  EXPECT_TRUE(replayed(1).equal());
}

// The gate at which a transistor draws a microampere.
std::string gate_voltage(const std::string& a_vt, const std::string& more = "") {
  return "gaincell_bench: 1\nname: x\ncorners: {low: [low.inc], high: [high.inc]}\n"
         "conditions: {corner: {enumerate: [low, high]}}\ndraws: {points: 12, seed: 7}\n"
         "mismatch: {devices: {nm: {a_vt: " +
         a_vt +
         "}}}\nsearch: {over: v_g, unit: V, minimum: 0, maximum: 1.5, tolerance: 1n, passes: "
         "i_d > 1u}\nsources: {g: {net: g, dc: \"{v_g}\"}, d: {net: d, dc: 1.5}}\n"
         "elements: [m1 d g 0 0 nm w=1u l=4u]\nanalysis: {type: op}\n"
         "measurements: {i_d: {unit: A, value: -i(d)}}\n" +
         more;
}

TEST_F(Searches, DrawsAndCornersEachHaveTheirOwn) {
  file("low.inc", ".model nm nmos level=8 vth0=0.4 tox=4n\n");
  file("high.inc", ".model nm nmos level=8 vth0=0.5 tox=4n\n");
  std::map<std::string, std::vector<double>> found;
  for (const char* a_vt : {"1e-9 mV*um", "4 mV*um", "8 mV*um"}) {
    const CampaignReport report = run(gate_voltage(a_vt));
    ASSERT_TRUE(report.ok()) << report.brief();
    found[a_vt] = numbers("measurements/v_g");
    ASSERT_EQ(found[a_vt].size(), 24u);
  }
  EXPECT_TRUE(replayed(17).equal());
  double squares = 0;
  for (std::size_t k = 0; k < 24; ++k) {
    const double none = found["1e-9 mV*um"][k];
    const double once = found["4 mV*um"][k] - none;
    EXPECT_NEAR(found["8 mV*um"][k] - none, 2 * once, 1e-5) << "a threshold moves the gate with it";
    EXPECT_NE(once, 0);
    if (k < 12) squares += once * once;
    if (k < 12) continue;
    // A draw is the same circuit at every value of the conditions.
    EXPECT_NEAR(once, found["4 mV*um"][k - 12] - found["1e-9 mV*um"][k - 12], 1e-5);
  }
  EXPECT_GT(found["4 mV*um"][12], found["4 mV*um"][0] + 0.09);
  // 12 draws of 4 mV*um / 2 um / sqrt(2) each.
  EXPECT_NEAR(std::sqrt(squares / 12), 2e-3 / std::sqrt(2.0), 0.8e-3);
}

TEST_F(Searches, WaveformsOfTheLastTryAloneAreKept) {
  CampaignPlan campaign =
      plan_campaign({file("bench.yaml", pulse("waveforms: {out: v(out)}\n")).string()});
  CampaignPlan::Unit& unit = campaign.units.at(0);
  do {
    for (std::size_t k = 0; k < unit.results.size(); ++k) {
      JobResult& result = unit.results[k];
      if (result.ok) continue;
      // The peak of 1 - exp(-width/RC), as the simulator would give it.
      const std::string& deck = unit.plan.jobs[k].circuit->text;
      const double width = unit.plan.jobs[k].calls.at(1).derived.at("at").known.at("width");
      const double c = std::stod(deck.substr(deck.find("C1 out 0 ") + 9));
      result.ok = true;
      result.values = {1 - std::exp(-width / (1e3 * c)), 1};
      result.reasons = {"", ""};
      result.waveforms = {{0, 1}, {0, 1}};
    }
  } while (campaign.go_on());
  std::size_t kept = 0;
  for (const JobResult& result : unit.results) kept += result.waveforms.empty() ? 0 : 1;
  EXPECT_GT(unit.results.size(), 30u);
  EXPECT_EQ(kept, 3u);
  for (const PointSource& source : unit.plan.sources)
    EXPECT_FALSE(unit.results[source.jobs.at(0)].waveforms.empty());
  ASSERT_TRUE(run(pulse("waveforms: {out: v(out)}\n")).ok());
  EXPECT_EQ(numbers("waveforms/tran/job").size(), 3u);
}

TEST_F(Searches, AnalysesRunTogetherAndPointsOfOneSimulationShareIt) {
  const CampaignReport report =
      run("gaincell_bench: 1\nname: x\nconditions: {half: {unit: V, enumerate: [0.25, 0.5]}, "
          "unused: {unit: V, enumerate: [1, 2]}}\n"
          "search: {over: v_in, unit: V, minimum: -1, maximum: 1, tolerance: 10m, passes: "
          "\"y + z > half\"}\nsources: {in: {net: in, dc: \"{v_in}\"}, o: {net: o, dc: 0}}\n"
          "elements: [R1 in y 1k, R2 y 0 1k, Ro o 0 1k]\nanalyses: {point: {type: op}, "
          "line: {type: dc, sweeps: [{source: o, start: 0, stop: 1, points: 3}]}}\n"
          "measurements: {y: {unit: V, value: v(y)}, z: {unit: V, value: v(y), at: 1, "
          "analysis: line}}\n");
  ASSERT_TRUE(report.ok()) << report.brief();
  const auto found = numbers("measurements/v_in"), half = numbers("conditions/half");
  for (std::size_t k = 0; k < 4; ++k) EXPECT_NEAR(found[k], half[k], 10e-3);
  // Both ends are those of all points; then `half` decides, which no deck holds.
  EXPECT_LE(report.simulations, 2u * (2 + 2 * 8));
}

TEST_F(Searches, BytesDependOnNothingButTheBench) {
  ASSERT_TRUE(run(comparator("y - 0.5"), "whole.h5").ok());
  const std::string whole = read_file(path("whole.h5"));
  CampaignOptions two = options("two.h5", comparator("y - 0.5"));
  two.pool.workers = 2;
  two.cache = path("cache");
  EXPECT_EQ(characterize(two).from_cache, 0u);
  EXPECT_TRUE(read_file(path("two.h5")) == whole);
  two.output = path("three.h5");
  EXPECT_EQ(characterize(two).from_cache, 48u);
  EXPECT_TRUE(read_file(path("three.h5")) == whole);
}

TEST_F(Searches, StoppedInTheMiddleGoOnToTheSameBytes) {
  ASSERT_TRUE(run(comparator("y - 0.5"), "whole.h5").ok());
  CampaignOptions stopped = options("stopped.h5", comparator("y - 0.5"));
  // Within both ends, within a later round, and again.
  std::size_t known = 0;
  for (const std::size_t after : {3, 21, 30}) {
    Stopper stopper(after);
    stopped.progress = &stopper;
    const CampaignReport report = characterize(stopped);
    EXPECT_TRUE(report.interrupted);
    EXPECT_GE(report.from_journal, known);
    known = after;
    EXPECT_FALSE(std::filesystem::exists(path("stopped.h5")));
  }
  stopped.progress = nullptr;
  const CampaignReport report = characterize(stopped);
  EXPECT_TRUE(report.ok()) << report.brief();
  EXPECT_GE(report.from_journal, 30u);
  EXPECT_EQ(report.simulations, 48u);
  EXPECT_TRUE(read_file(path("stopped.h5")) == read_file(path("whole.h5")));
}

TEST_F(Searches, NothingThatChangesIsAFailureWithBothValues) {
  const CampaignReport report = run(comparator("y - 2"));
  EXPECT_FALSE(report.ok());
  EXPECT_EQ(report.simulations, 8u);
  EXPECT_EQ(report.failed_simulations, 0u);
  EXPECT_THAT(reasons().at(0),
              AllOf(HasSubstr("`y - 2` does not change: it is -1.99"), HasSubstr("at v_in = 0 V"),
                    HasSubstr("and -1"), HasSubstr("at v_in = 1 V")));
  for (const char* name : {"v_in", "y", "over_drive"})
    for (const double value : numbers(std::string("measurements/") + name))
      EXPECT_TRUE(std::isnan(value)) << name;
  const ReplayReport replay = replayed(1);
  EXPECT_TRUE(replay.equal());
  EXPECT_THAT(replay.failure, HasSubstr("found nothing; this is its simulation at v_in = 1 V"));
}

TEST_F(Searches, ValueWithoutAResultIsNamed) {
  const std::string text =
      "gaincell_bench: 1\nname: x\nsearch: {over: top, unit: V, minimum: 0, maximum: 1, "
      "tolerance: 10m, passes: t < 0.5u}\nsources: {in: {net: in, ramp: {initial: 0, "
      "final: \"{top}\", start: 0, duration: 1u}}}\nelements: [R1 in 0 1k]\n"
      "analysis: {type: tran, step: 10n, stop: 2u}\nmeasurements: {t: {unit: s, crossing: v(in), "
      "level: 0.3, edge: rise";
  EXPECT_FALSE(run(text + "}}\n").ok());
  EXPECT_THAT(reasons().at(0), HasSubstr("at top = 0 V: t: "));
  EXPECT_TRUE(std::isnan(numbers("measurements/top").at(0)));
  EXPECT_TRUE(run(text + ", otherwise: 1}}\n").ok());
  EXPECT_NEAR(numbers("measurements/top").at(0), 0.6, 10e-3);
}

TEST_F(Searches, SimulationThatFailsOnTheWayIsNamed) {
  CampaignOptions failing = options(
      "a.h5",
      "gaincell_bench: 1\nname: x\nretry: {options: {itl1: 100}}\n"
      "search: {over: v, unit: V, minimum: 0, maximum: 4, tolerance: 1, passes: y > 1}\n"
      "sources: {in: {net: in, dc: \"{v}\"}}\n"
      "elements: [\"B1 y 0 v=v(in) > 1.5 ? (v(in) < 2.5 ? 1/(v(in)-2)*1e300*1e300 : 3) : 0\", "
      "R1 y 0 1k]\nanalysis: {type: op}\nmeasurements: {y: {unit: V, value: v(y)}}\n");
  EXPECT_FALSE(characterize(failing).ok());
  EXPECT_THAT(reasons().at(0), HasSubstr("at v = 2 V: "));
  EXPECT_TRUE(std::isnan(numbers("measurements/v").at(0)));
}

TEST_F(Searches, ReplayRunsTheSimulationThatDecided) {
  ASSERT_TRUE(run(comparator("y - 0.5",
                             "tables: {threshold: {of: v_in, over: [v_t]}}\n"
                             "holdout: {points: 2, seed: 1}\n"))
                  .ok());
  const auto found = numbers("measurements/v_in"), t = numbers("conditions/v_t");
  ASSERT_EQ(found.size(), 6u);
  for (const std::size_t k : {0u, 3u, 5u}) {
    EXPECT_NEAR(found[k], t[k], 1e-3);
    const ReplayReport replay = replayed(k);
    EXPECT_TRUE(replay.equal());
    EXPECT_EQ(replay.failure, "");
    EXPECT_EQ(replay.values.at(0).now, found[k]);
  }
}

TEST_F(Searches, ShardsOfOneAreRefused) {
  CampaignOptions shard = options("a.h5", comparator("y - 0.5"));
  shard.shard = {1, 2};
  try {
    characterize(shard);
    ADD_FAILURE();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("whose simulations follow from one another"));
  }
}

TEST_F(Searches, CheckSaysTheMostAndTriesWholeSearches) {
  CampaignPlan campaign = plan_campaign({file("bench.yaml", comparator("y - 0.5")).string()});
  EXPECT_EQ(outline(campaign.units[0]).simulations, 48u);
  EXPECT_TRUE(outline(campaign.units[0]).at_most);
  PoolOptions pool;
  pool.worker = real_worker();
  const auto probes = probe(campaign, pool, 2);
  EXPECT_EQ(probes.at(0).simulations, 24u);
  EXPECT_TRUE(probes.at(0).failures.empty());
  CampaignPlan failing = plan_campaign({file("bench.yaml", comparator("y - 2")).string()});
  EXPECT_THAT(probe(failing, pool, 1).at(0).failures.at(0), HasSubstr("does not change"));
}

}  // namespace
}  // namespace gaincell::characterize
