// Whole campaigns through real workers: what is written, and what survives.
#include "characterize/campaign/campaign.h"

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <utility>

#include "base/store/reader.h"
#include "characterize/campaign/merge.h"
#include "characterize/job/protocol.h"
#include "characterize/job/wire.h"
#include "tests/characterize/support.h"
#include "tests/spice/processes.h"

namespace gaincell::characterize {
namespace {

using ::testing::HasSubstr;

// Enough work that it can be interrupted: 59 transients of some milliseconds.
std::string campaign_bench() {
  return "gaincell_bench: 1\nname: rc\nconditions:\n"
         "  r: {unit: Ohm, minimum: 1k, maximum: 6k, step: linear, points: 15}\n"
         "  v: {unit: V, enumerate: [0.3, 0.6, 0.9]}\n"
         "sources: {in: {net: in, pulse: {initial: 0, pulsed: \"{v}\", delay: 0, rise: 1p, fall: "
         "1p, width: 1}}}\n"
         "elements: [\"R1 in out {r}\", C1 out 0 1p]\n"
         "analysis: {type: tran, step: 10p, stop: 20n}\n"
         "measurements: {q: {unit: C, charge: in}, t: {unit: s, crossing: v(out), level: 0.2, "
         "edge: rise}}\n"
         "tables: {charge: {of: q, over: [r, v], limit: {max_percent: 1}}}\n"
         "constants: {t_max: {value: 20n, unit: s}}\n"
         "holdout: {share: 0.3, seed: 4}\n";
}

// Kills workers of this process between results, one after another: the next only once the pool has
// missed the last. The worker that the campaign asks for its simulator's version is no such worker.
class Killer : public Progress {
 public:
  explicit Killer(std::size_t every) : every_(every) {}
  void tick(const ProgressCount& count) override {
    if (kills_ > missed_ || count.done < every_ * (kills_ + 1) || count.done >= count.total) return;
    const auto workers = workers_of(::getpid());
    if (!workers.empty() && ::kill(workers[kills_ % workers.size()], SIGKILL) == 0) ++kills_;
  }
  void worker_lost(const std::string& reason) override {
    EXPECT_EQ(reason, "the worker died (signal 9)");
    ++missed_;
  }
  std::size_t missed() const { return missed_; }

 private:
  std::size_t every_;  // results
  std::size_t kills_ = 0, missed_ = 0;
};

// Stops the campaign as Ctrl-C does, some way in.
class Stopper : public Progress {
 public:
  void tick(const ProgressCount& count) override {
    if (count.done >= 10) ::raise(SIGTERM);
  }
};

class Campaign : public BenchTest {
 protected:
  CampaignOptions options(const std::string& output, std::size_t workers, const std::string& text) {
    CampaignOptions options;
    options.benches = {file("bench.yaml", text).string()};
    options.output = path(output);
    options.pool.worker = real_worker();
    options.pool.workers = workers;
    return options;
  }
  CampaignReport run(const std::string& output, std::size_t workers, const std::string& text) {
    return characterize(options(output, workers, text));
  }
  CampaignReport run_cached(const std::string& output, const std::string& text) {
    CampaignOptions cached = options(output, 2, text);
    cached.cache = path("cache");
    return characterize(cached);
  }
  void run_shard(const std::string& output, Shard shard, const std::string& text) {
    CampaignOptions part = options(output, 1, text);
    part.shard = shard;
    EXPECT_TRUE(characterize(part).ok());
  }
  std::string merge_complaint(const std::vector<std::string>& names) {
    std::vector<std::string> paths;
    for (const std::string& name : names) paths.push_back(path(name));
    try {
      merge_shards(paths, {}, path("merged.h5"));
    } catch (const Error& error) {
      EXPECT_FALSE(std::filesystem::exists(path("merged.h5")));
      return error.what();
    }
    return "";
  }
  // Why the first point failed, of a campaign of which nothing works: the file is there all the
  // same.
  std::string failure_of(const std::string& text) {
    EXPECT_FALSE(run("failed.h5", 1, text).ok());
    const store::Reader reader(path("failed.h5"));
    const auto bench = reader.root().group("benches/x");
    for (const double status : bench.dataset("status").read_vector<double>()) EXPECT_EQ(status, 1);
    return bench.dataset("failures/reason").read_vector<std::string>().at(0);
  }
  std::string complaint_of(const std::string& text) {
    try {
      run("out.h5", 1, text);
    } catch (const Error& error) {
      EXPECT_FALSE(std::filesystem::exists(path("out.h5")));
      EXPECT_FALSE(std::filesystem::exists(path("out.h5.journal")));
      return error.what();
    }
    return "";
  }
};

TEST_F(Campaign, WorkersDoNotChangeTheBytes) {
  EXPECT_TRUE(run("1.h5", 1, campaign_bench()).ok());
  EXPECT_TRUE(run("2.h5", 2, campaign_bench()).ok());
  EXPECT_TRUE(run("5.h5", 5, campaign_bench()).ok());
  EXPECT_TRUE(read_file(path("1.h5")) == read_file(path("2.h5")));
  EXPECT_TRUE(read_file(path("1.h5")) == read_file(path("5.h5")));
}

TEST_F(Campaign, KilledWorkersDoNotChangeTheBytes) {
  run("whole.h5", 2, campaign_bench());
  Killer killer(10);
  CampaignOptions hunted = options("killed.h5", 2, campaign_bench());
  hunted.progress = &killer;
  const CampaignReport report = characterize(hunted);
  EXPECT_TRUE(report.ok()) << report.brief();
  EXPECT_GE(killer.missed(), 3u);
  EXPECT_EQ(report.pool.workers_lost, killer.missed());
  EXPECT_TRUE(read_file(path("whole.h5")) == read_file(path("killed.h5")));
}

TEST_F(Campaign, SamplesFileHoldsItsContract) {
  const CampaignReport report = run("a.h5", 2, campaign_bench());
  EXPECT_EQ(report.benches[0].points, 45u + 14);
  EXPECT_EQ(report.benches[0].holdout, 14u);
  const store::Reader reader(path("a.h5"));
  store::require_format(reader.root(), store::kSamplesFormat);
  const auto bench = reader.root().group("benches/rc");
  EXPECT_EQ(bench.group("axes").text_attribute("order"), "r v");
  EXPECT_EQ(bench.dataset("axes/v").read_vector<double>(), (std::vector<double>{0.3, 0.6, 0.9}));
  EXPECT_EQ(bench.dataset("conditions/v").text_attribute("units"), "V");
  EXPECT_EQ(bench.dataset("measurements/q").read_vector<double>().size(), 59u);
  EXPECT_EQ(bench.group("tables/charge").text_attribute("over"), "r v");
  EXPECT_EQ(bench.group("tables/charge").number_attribute("limit_max_percent"), 1);
  EXPECT_EQ(bench.dataset("constants/t_max").read_scalar<double>(), 20e-9);
  EXPECT_EQ(bench.text_attribute("bench_text"), campaign_bench());
  EXPECT_EQ(bench.dataset("failures/job").read_vector<double>().size(), 0u);
}

TEST_F(Campaign, FailedPointsAreNamedAndNeverNumbers) {
  std::string text = campaign_bench();
  text.replace(text.find("level: 0.2"), 10, "level: 0.5");  // 0.3 V never gets there
  const CampaignReport report = run("a.h5", 2, text);
  EXPECT_FALSE(report.ok());
  EXPECT_GE(report.benches[0].failed_points, 15u);
  const store::Reader reader(path("a.h5"));
  const auto bench = reader.root().group("benches/rc");
  const auto status = bench.dataset("status").read_vector<double>();
  const auto t = bench.dataset("measurements/t").read_vector<double>();
  for (std::size_t p = 0; p < t.size(); ++p) EXPECT_EQ(status[p] != 0, std::isnan(t[p])) << p;
  EXPECT_THAT(bench.dataset("failures/reason").read_vector<std::string>()[0],
              HasSubstr("no crossing"));
}

TEST_F(Campaign, MissingModelCardIsOneMessage) {
  file("c.inc", ".subckt one a\nm1 a a 0 0 nch w=1u l=1u\n.ends\n");
  EXPECT_THAT(
      complaint_of("gaincell_bench: 1\nname: x\ncircuit: {netlist: c.inc, subcircuit: one}\n"
                   "sources: {a: {net: a, dc: 1}}\nanalysis: {type: op}\n"
                   "measurements: {cur: {unit: A, value: i(a)}}\n"),
      HasSubstr("there is no model `nch`; name the file with the model cards"));
}

TEST_F(Campaign, MisspeltModelParameterIsNoResult) {
  file("c.inc",
       ".model nch nmos level=14 version=4.8.2 vthoo=0.4\n.subckt one a\nm1 a a 0 0 nch w=1u "
       "l=1u\n.ends\n");
  EXPECT_THAT(failure_of("gaincell_bench: 1\nname: x\ncircuit: {netlist: c.inc, subcircuit: one}\n"
                         "sources: {a: {net: a, dc: 1}}\nanalysis: {type: op}\n"
                         "measurements: {cur: {unit: A, value: i(a)}}\n"),
              HasSubstr("vthoo"));
}

TEST_F(Campaign, UnknownModelLevelIsNoResult) {
  file("c.inc", ".model nch nmos level=99\n.subckt one a\nm1 a a 0 0 nch w=1u l=1u\n.ends\n");
  EXPECT_THAT(failure_of("gaincell_bench: 1\nname: x\ncircuit: {netlist: c.inc, subcircuit: one}\n"
                         "sources: {a: {net: a, dc: 1}}\nanalysis: {type: op}\n"
                         "measurements: {cur: {unit: A, value: i(a)}}\n"),
              HasSubstr(".model nch nmos level=99 ...: Only MOS device levels"));
}

TEST_F(Campaign, ParametersThatMayBeIgnoredAre) {
  file("c.inc",
       ".model nch nmos level=14 version=4.8.2 vthoo=0.4 (vendor=7)\n.subckt one a\nm1 a a 0 0 nch "
       "w=1u l=1u\n.ends\n");
  EXPECT_TRUE(run("a.h5", 1,
                  "gaincell_bench: 1\nname: x\nignored_parameters: [vthoo, vendor]\n"
                  "circuit: {netlist: c.inc, subcircuit: one}\n"
                  "sources: {a: {net: a, dc: 1}}\nanalysis: {type: op}\n"
                  "measurements: {cur: {unit: A, value: i(a)}}\n")
                  .ok());
}

TEST_F(Campaign, WaveformsAreKeptOnRequest) {
  EXPECT_TRUE(
      run("a.h5", 2, campaign_bench() + "waveforms: {out: v(out), cur: \"-i(in)\"}\n").ok());
  const store::Reader reader(path("a.h5"));
  const auto waves = reader.root().group("benches/rc/waveforms/tran");
  const auto time = waves.dataset("time").read_vector<double>();
  const auto first = waves.dataset("first").read_vector<double>();
  EXPECT_EQ(first.size(), 59u);
  EXPECT_EQ(waves.dataset("out").read_vector<double>().size(), time.size());
  EXPECT_EQ(waves.dataset("cur").text_attribute("units"), "A");
  for (const double begin : first) EXPECT_LT(time[static_cast<std::size_t>(begin)], 1e-10);
  EXPECT_EQ(time.back(), 20e-9);
}

TEST_F(Campaign, CornersAndDrawsStandInTheFile) {
  file("r.lib", ".lib a\n.model rm r rsh=1\n.endl\n.lib b\n.model rm r rsh=2\n.endl\n");
  EXPECT_TRUE(run("a.h5", 2,
                  "gaincell_bench: 1\nname: rc\ncorners: {a: [{file: r.lib, section: a}], b: "
                  "[{file: r.lib, section: b}]}\n"
                  "conditions: {x: {unit: V, count: 2, draw: {normal: [1, 0.1]}}}\n"
                  "draws: {points: 3, seed: 1}\n"
                  "sources: {in: {net: in, dc: \"{x[0]+x[1]}\"}}\n"
                  "elements: [R1 in 0 rm l=10u w=1u]\nanalysis: {type: op}\n"
                  "measurements: {amps: {unit: A, value: -i(in), spec: {minimum: 0, sigma: 1}}}\n")
                  .ok());
  const store::Reader reader(path("a.h5"));
  const auto bench = reader.root().group("benches/rc");
  EXPECT_EQ(bench.dataset("conditions/corner").read_vector<double>(),
            (std::vector<double>{0, 0, 0, 1, 1, 1}));
  EXPECT_EQ(bench.dataset("draw").read_vector<double>(), (std::vector<double>{0, 1, 2, 0, 1, 2}));
  EXPECT_EQ(bench.dataset("measurements/amps").number_attribute("spec_minimum"), 0);
}

TEST_F(Campaign, UndefinedParameterIsNoResult) {
  file("c.inc", ".subckt one a\nr1 a 0 {rr}\n.ends\n");
  EXPECT_THAT(failure_of("gaincell_bench: 1\nname: x\ncircuit: {netlist: c.inc, subcircuit: one}\n"
                         "sources: {a: {net: a, dc: 1}}\nanalysis: {type: op}\n"
                         "measurements: {cur: {unit: A, value: i(a)}}\n"),
              HasSubstr("rr"));
}

TEST_F(Campaign, CircuitThatDoesNotConvergeIsAFileOfFailures) {
  const std::string reason = failure_of(
      "gaincell_bench: 1\nname: x\nsources: {a: {net: a, dc: 1}, b: {net: a, dc: 2}}\n"
      "elements: [R1 a 0 1k]\nanalysis: {type: tran, step: 1n, stop: 10n}\n"
      "measurements: {v: {unit: V, value: v(a)}}\n");
  EXPECT_THAT(reason, HasSubstr("timestep too small"));
}

TEST_F(Campaign, MeasuredNetMustExist) {
  EXPECT_THAT(
      complaint_of(
          "gaincell_bench: 1\nname: x\nsources: {a: {net: a, dc: 1}}\nelements: [R1 a 0 1k]\n"
          "analysis: {type: op}\nmeasurements: {v: {unit: V, value: v(b)}, w: {unit: V, value: "
          "v(a)}}\n"),
      HasSubstr("the net `b` is not in the circuit"));
}

TEST_F(Campaign, GoesOnFromItsJournal) {
  run("whole.h5", 2, campaign_bench());
  Stopper stopper;
  CampaignOptions part = options("part.h5", 1, campaign_bench());
  part.progress = &stopper;
  EXPECT_TRUE(characterize(part).interrupted);
  EXPECT_FALSE(std::filesystem::exists(path("part.h5")));
  const CampaignReport second = run("part.h5", 2, campaign_bench());
  EXPECT_GE(second.from_journal, 10u);
  EXPECT_LT(second.from_journal, 59u);
  EXPECT_EQ(second.simulations, 59u);
  EXPECT_TRUE(read_file(path("whole.h5")) == read_file(path("part.h5")));
  EXPECT_FALSE(std::filesystem::exists(path("part.h5.journal")));
}

TEST_F(Campaign, NetlistIsAProgramOnlyWhereTheUserSaysSo) {
  file("c.inc", ".subckt one a\nr1 a 0 1k\n.ends\n.control\nset something=1\n.endc\n");
  const std::string text =
      "gaincell_bench: 1\nname: x\ncircuit: {netlist: c.inc, subcircuit: one}\n"
      "sources: {a: {net: a, dc: 1}}\nanalysis: {type: op}\n"
      "measurements: {cur: {unit: A, value: i(a)}}\n";
  EXPECT_THAT(complaint_of(text), HasSubstr("run with --allow control"));
  CampaignOptions allowed = options("out.h5", 1, text);
  allowed.pool.allow = {"control"};
  const CampaignReport report = characterize(allowed);
  EXPECT_TRUE(report.ok());
  EXPECT_THAT(report.brief(), HasSubstr("netlists were allowed: control"));
}

TEST_F(Campaign, RunsOnlyWhatItsCacheLacks) {
  EXPECT_EQ(run_cached("a.h5", campaign_bench()).from_cache, 0u);
  const CampaignReport again = run_cached("b.h5", campaign_bench());
  EXPECT_EQ(again.from_cache, 59u);
  EXPECT_EQ(again.pool.workers_started, 0u);
  EXPECT_TRUE(read_file(path("a.h5")) == read_file(path("b.h5")));

  std::string wider = campaign_bench();
  wider.replace(wider.find("[0.3, 0.6, 0.9]"), 15, "[0.3, 0.6, 0.75, 0.9]");
  const CampaignReport widened = run_cached("c.h5", wider);
  // The grid's 45; the hold-out points are another share of it, but begin with the same 14. Every
  // other one lies in an interval of the axis, and three of these seven in the first, which stays.
  EXPECT_EQ(widened.from_cache, 55u);
  EXPECT_EQ(widened.simulations, 60u + 18);
  run("d.h5", 2, wider);
  EXPECT_TRUE(read_file(path("c.h5")) == read_file(path("d.h5")));
}

TEST_F(Campaign, DamagedCacheEntriesAreSimulatedAgain) {
  run_cached("a.h5", campaign_bench());
  int damaged = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(path("cache"))) {
    if (!entry.is_regular_file() || entry.path().filename() == "CACHEDIR.TAG") continue;
    if (++damaged > 5) break;
    std::filesystem::resize_file(entry.path(), entry.file_size() - 1);
  }
  const CampaignReport again = run_cached("b.h5", campaign_bench());
  EXPECT_EQ(again.from_cache, 54u);
  EXPECT_THAT(again.brief(), HasSubstr("5 damaged cache entries were simulated again"));
  EXPECT_TRUE(read_file(path("a.h5")) == read_file(path("b.h5")));
}

TEST_F(Campaign, ChangedOptionsAreNotInTheCache) {
  run_cached("a.h5", campaign_bench());
  std::string other = campaign_bench();
  other.replace(other.find("stop: 20n"), 9, "stop: 20n, options: {reltol: 1e-4}");
  EXPECT_EQ(run_cached("b.h5", other).from_cache, 0u);
}

TEST_F(Campaign, MergedShardsAreTheWholeToTheByte) {
  std::string text = campaign_bench();
  text.replace(text.find("level: 0.2"), 10, "level: 0.5");  // failures, too
  run("whole.h5", 2, text);
  for (std::size_t k = 1; k <= 4; ++k) {
    CampaignOptions part = options(std::to_string(k), 1, text);
    part.shard = {k, 4};
    characterize(part);
  }
  const CampaignReport report =
      merge_shards({path("3"), path("1"), path("4"), path("2")}, {}, path("merged.h5"));
  EXPECT_GE(report.benches[0].failed_points, 15u);
  EXPECT_TRUE(read_file(path("whole.h5")) == read_file(path("merged.h5")));
}

TEST_F(Campaign, ShardsThatAreMissingMixedOrUnfinishedAreRefused) {
  for (std::size_t k = 1; k <= 3; ++k) run_shard(std::to_string(k), {k, 3}, campaign_bench());
  EXPECT_THAT(merge_complaint({"1", "3"}), HasSubstr("of 3 shards these are missing: 2"));
  EXPECT_THAT(merge_complaint({"1", "2", "2"}), HasSubstr("is shard 2/3 again"));
  run_shard("half", {2, 2}, campaign_bench());
  EXPECT_THAT(merge_complaint({"1", "half", "3"}), HasSubstr("is of another number of shards"));
  // What a kill leaves: a whole journal with too few records.
  std::string torn = read_file(path("2"));
  file("torn", torn.substr(0, torn.size() - 3));
  EXPECT_THAT(merge_complaint({"1", "torn", "3"}), HasSubstr("is damaged from byte"));
  file("netlist", "nothing of ours");
  EXPECT_THAT(merge_complaint({"1", "netlist", "3"}), HasSubstr("is no shard of a campaign"));
  std::string other = campaign_bench();
  other.replace(other.find("[0.3,"), 5, "[0.2,");
  run_shard("other", {2, 3}, other);
  EXPECT_THAT(merge_complaint({"1", "other", "3"}), HasSubstr("is of another campaign"));
  EXPECT_THAT(merge_complaint({"1", "2", "3"}), HasSubstr("are not what they were"));
}

// v(out) = 1 - exp(-t/RC): the rise from 10 % to 90 % takes RC ln 9, and there is no second one.
TEST_F(Campaign, ResultThatNeverHasANumberCostsNoOther) {
  const CampaignReport report =
      run("a.h5", 1,
          "gaincell_bench: 1\nname: x\nsources: {in: {net: in, pulse: {initial: 0, pulsed: 1, "
          "delay: 0, "
          "rise: 1p, fall: 1p, width: 1}}}\nelements: [R1 in out 1k, C1 out 0 1n]\n"
          "analysis: {type: tran, step: 1n, stop: 5u}\nmeasurements:\n"
          "  first: {unit: s, crossing: v(out), level: 0.5, edge: rise}\n"
          "  second: {unit: s, crossing: v(out), level: 0.5, edge: fall}\n");
  EXPECT_FALSE(report.ok());
  EXPECT_THAT(report.brief(), HasSubstr("second: `v(out)` has no crossing"));
  EXPECT_THAT(report.brief(), HasSubstr("(point 0)"));
  const store::Reader reader(path("a.h5"));
  const auto bench = reader.root().group("benches/x");
  EXPECT_NEAR(bench.dataset("measurements/first").read_vector<double>()[0], 1e-6 * std::log(2),
              1e-9);
  EXPECT_TRUE(std::isnan(bench.dataset("measurements/second").read_vector<double>()[0]));
  EXPECT_EQ(bench.dataset("status").read_vector<double>()[0], 1);
}

// Two ideal sources fight over one net: nowhere is there a solution.
std::string hopeless_bench() {
  return "gaincell_bench: 1\nname: x\n"
         "conditions: {v: {unit: V, minimum: 1, maximum: 4, step: linear, points: 40}}\n"
         "sources: {a: {net: a, dc: \"{v}\"}, b: {net: a, dc: 0}}\nelements: [R1 a 0 1k]\n"
         "analysis: {type: op}\nmeasurements: {m: {unit: V, value: v(a)}}\n";
}

TEST_F(Campaign, BenchOfWhichNothingWorksIsGivenUpAfterEightAndWrittenAllTheSame) {
  const CampaignReport report = run("1.h5", 1, hopeless_bench());
  EXPECT_FALSE(report.ok());
  EXPECT_EQ(report.failed_simulations, 8u);
  EXPECT_EQ(report.not_run, 32u);
  EXPECT_THAT(report.brief(), HasSubstr("--keep-going"));
  {
    const store::Reader reader(path("1.h5"));
    const auto bench = reader.root().group("benches/x");
    const auto reasons = bench.dataset("failures/reason").read_vector<std::string>();
    ASSERT_EQ(reasons.size(), 40u);
    EXPECT_EQ(std::count_if(reasons.begin(), reasons.end(),
                            [](const std::string& text) { return text.starts_with("not run: "); }),
              32);
    EXPECT_THAT(bench.dataset("failures/conditions").read_vector<std::string>()[39],
                ::testing::StartsWith("v=4"));
  }
  run("5.h5", 5, hopeless_bench());
  EXPECT_TRUE(read_file(path("1.h5")) == read_file(path("5.h5")));
}

TEST_F(Campaign, BenchThatWasGivenUpGoesOnWhereItsUserSaysSo) {
  run("a.h5", 2, hopeless_bench());
  EXPECT_TRUE(std::filesystem::exists(path("a.h5.journal")));
  CampaignOptions on = options("a.h5", 2, hopeless_bench());
  on.keep_going = true;
  const CampaignReport report = characterize(on);
  EXPECT_EQ(report.from_journal, 8u);
  EXPECT_EQ(report.failed_simulations, 40u);
  EXPECT_EQ(report.not_run, 0u);
  EXPECT_FALSE(std::filesystem::exists(path("a.h5.journal")));
}

TEST_F(Campaign, ShardsGiveUpWhereTheWholeDoesAndMergeToTheSameBytes) {
  // Nowhere a solution; at one of the eight that are tried first; at one that is not of them.
  std::string one = hopeless_bench();
  one.replace(one.find("dc: 0}"), 6, "dc: 1}");
  std::string other = hopeless_bench();
  other.replace(other.find("dc: 0}"), 6, "dc: \"{1 + 3*2/39}\"}");
  for (const std::string& text : {hopeless_bench(), one, other}) {
    const CampaignReport whole = run("whole.h5", 2, text);
    for (const std::size_t workers : {1, 3}) {
      std::vector<std::string> parts;
      for (const std::size_t k : {1, 2, 3}) {
        parts.push_back(path(std::to_string(k)));
        CampaignOptions part = options(std::to_string(k), workers, text);
        part.shard = {k, 3};
        characterize(part);
      }
      const CampaignReport merged = merge_shards(parts, {}, path("m.h5"));
      EXPECT_EQ(merged.not_run, whole.not_run);
      EXPECT_EQ(merged.failed_simulations, whole.failed_simulations);
      EXPECT_TRUE(read_file(path("m.h5")) == read_file(path("whole.h5")));
      for (const std::string& one_part : parts) std::filesystem::remove(one_part);
    }
    std::filesystem::remove(path("whole.h5.journal"));
  }
}

TEST_F(Campaign, ShardTriesNoMoreOfTheOthersThanItTakes) {
  CampaignOptions part = options("4", 1, campaign_bench());
  part.shard = {4, 40};  // none of the eight is in it
  part.cache = path("cache");
  const CampaignReport report = characterize(part);
  EXPECT_EQ(report.not_run, 0u);
  EXPECT_EQ(report.simulations, 2u);
  part.shard = {};
  part.output = path("whole.h5");
  EXPECT_EQ(characterize(part).from_cache, 3u);
}

TEST_F(Campaign, OrderOfBenchesChangesNoByte) {
  std::string second = campaign_bench();
  second.replace(second.find("name: rc"), 8, "name: cr");
  CampaignOptions both = options("1.h5", 2, campaign_bench());
  both.benches.push_back(file("second.yaml", second).string());
  EXPECT_TRUE(characterize(both).ok());
  std::swap(both.benches[0], both.benches[1]);
  both.output = path("2.h5");
  EXPECT_TRUE(characterize(both).ok());
  EXPECT_TRUE(read_file(path("1.h5")) == read_file(path("2.h5")));
}

// Shards whose checksums are right and whose content is not what the campaign's simulations give.
class WrittenShard : public Campaign {
 protected:
  void SetUp() override {
    run_shard("1", {1, 2}, campaign_bench());
    run_shard("2", {2, 2}, campaign_bench());
  }
  // Shard 2 with its first record changed.
  std::string complaint_with(const std::function<void(std::string& key, JobResult&)>& change,
                             bool keep = false) {
    const std::string bytes = read_file(path("2"));
    std::string_view rest = std::string_view(bytes).substr(8);
    const std::string header(*take_checked_record(rest));
    const std::string first(*take_checked_record(rest));
    std::string key = ByteReader(first).text();
    bool last = false;
    JobResult result = decode_result(std::string_view(first).substr(4 + key.size()), last);
    change(key, result);
    const std::string record = ByteWriter().text(key).bytes() + encode(result, false);
    file("changed", bytes.substr(0, 8) + checked_record(header) +
                        (keep ? checked_record(first) : "") + checked_record(record) +
                        std::string(rest));
    return merge_complaint({"1", "changed"});
  }
};

TEST_F(WrittenShard, WithoutValuesOrWithOthersIsRefused) {
  EXPECT_THAT(complaint_with([](std::string&, JobResult& one) {
                one.values.clear();
                one.reasons.clear();
              }),
              HasSubstr("is not of its simulation"));
  EXPECT_THAT(complaint_with([](std::string&, JobResult& one) {
                one.values.push_back(1);
                one.reasons.emplace_back();
              }),
              HasSubstr("is not of its simulation"));
  EXPECT_THAT(complaint_with([](std::string&, JobResult& one) {
                one.waveforms = {{0}, {0}};
              }),
              HasSubstr("is not of its simulation"));
  EXPECT_THAT(complaint_with([](std::string&, JobResult& one) { one.values[0] = std::nan(""); }),
              HasSubstr("is damaged from byte"));
}

TEST_F(WrittenShard, WithSimulationsTwiceOrUnknownIsRefused) {
  EXPECT_THAT(complaint_with([](std::string&, JobResult& one) { one.values[0] += 1; }, true),
              HasSubstr("is damaged from byte"));
  EXPECT_THAT(complaint_with([](std::string& key, JobResult&) { key = "unknown"; }, true),
              HasSubstr("simulations that are not in it"));
  EXPECT_THAT(complaint_with([](std::string& key, JobResult&) { key = "unknown"; }),
              HasSubstr("lacks 1 of its simulations"));
}

TEST_F(Campaign, JournalOfOtherContentIsBegunAnew) {
  run("whole.h5", 2, campaign_bench());
  Stopper stopper;
  CampaignOptions part = options("part.h5", 1, campaign_bench());
  part.progress = &stopper;
  characterize(part);
  const std::string bytes = read_file(path("part.h5.journal"));
  std::string_view rest = std::string_view(bytes).substr(8);
  (void)take_checked_record(rest);
  const std::string begin = bytes.substr(0, bytes.size() - rest.size());
  const std::string first(*take_checked_record(rest));
  JobResult empty;
  empty.ok = true;
  file("part.h5.journal", begin +
                              checked_record(ByteWriter().text(ByteReader(first).text()).bytes() +
                                             encode(empty, false)) +
                              std::string(rest));
  const CampaignReport report = run("part.h5", 2, campaign_bench());
  EXPECT_EQ(report.from_journal, 0u);
  EXPECT_THAT(report.brief(), HasSubstr("begun anew"));
  EXPECT_TRUE(read_file(path("whole.h5")) == read_file(path("part.h5")));
}

}  // namespace
}  // namespace gaincell::characterize
