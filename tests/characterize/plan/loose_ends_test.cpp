#include "characterize/plan/loose_ends.h"

#include "characterize/campaign/campaign_plan.h"
#include "characterize/circuit/topology.h"
#include "tests/characterize/support.h"

// Every key has an effect or is named, every net leads somewhere or is named.
namespace gaincell::characterize {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

class LooseEnds : public BenchTest {
 protected:
  void SetUp() override {
    file("inv.cir",
         ".model n nmos level=1 vto=0.4 kp=200u\n.model p pmos level=1 vto=-0.4 kp=100u\n"
         ".subckt inv a y vdd vss w=1u\nM1 y a vss vss n w={w} l=1u\nM2 y a vdd vdd p w=2u l=1u\n"
         ".ends\n.param skew=0\n.subckt cell a y vdd s=0\nX1 a m vdd 0 inv\nX2 m y vdd 0 inv\n"
         "R1 y 0 {1meg+skew}\n.ends\n");
  }
  struct Parts {
    std::string circuit = "{netlist: inv.cir, subcircuit: inv, ports: {vss: \"0\"}}";
    std::string vdd = "{net: vdd, dc: 1}";
    std::string a = "{net: a, dc: 1}";
    std::string analysis = "{type: op}";
    std::string measurements = "{y: {unit: V, value: v(y)}}";
    std::string more = "";
  };
  static std::string text(const Parts& parts) {
    return "gaincell_bench: 1\nname: x\ncircuit: " + parts.circuit +
           "\nsources: {vdd: " + parts.vdd + ", a: " + parts.a + "}\nanalysis: " + parts.analysis +
           "\nmeasurements: " + parts.measurements + "\n" + parts.more;
  }
  // The warnings of a bench; its Error, if there is one, in their place.
  std::vector<std::string> said(const std::string& text) {
    try {
      return plan_campaign({file("bench.yaml", text).string()}).units[0].warnings;
    } catch (const Error& error) {
      return {std::string("ERROR ") + error.what()};
    }
  }
  std::vector<std::string> said(const Parts& parts) { return said(text(parts)); }
};

const char* const kTran = "{type: tran, step: 1n, stop: 20n, options: {chgtol: 1e-17}}";
const char* const kFromZero =
    "{type: tran, step: 1n, stop: 20n, use_initial_conditions: true, options: {chgtol: 1e-17}}";
const char* const kAc = "{type: ac, start: 1, stop: 1k}";

TEST_F(LooseEnds, AnInnerNetOfAnInstanceHasItsOwnElements) {
  EXPECT_THAT(said(Parts{.more = "elements: [X1 a y2 vdd cell, R9 y2 0 1k, L1 x1.m a 1]\n"}),
              IsEmpty());
  EXPECT_THAT(said(Parts{.more = "elements: [X1 a y2 vdd cell, R9 y2 0 1k, L1 x1.n a 1]\n"}),
              Contains(HasSubstr("nothing but `l1` is on the net `x1.n`")));
}

TEST_F(LooseEnds, ARightBenchHasNone) {
  EXPECT_THAT(said(Parts{}), IsEmpty());
  EXPECT_THAT(said(Parts{.analysis = kTran}), IsEmpty());
}

TEST_F(LooseEnds, UnitsThatNumbersDoNotHaveAreNamed) {
  const auto of = [&](const std::string& measurement) {
    return said(Parts{.analysis = kTran,
                      .measurements = "{y: {" + measurement + "}, z: {unit: V, value: v(y)}}"});
  };
  EXPECT_THAT(of("unit: A, value: v(y)"),
              ElementsAre(HasSubstr("measurements.y: is in V while its `unit` is `A`")));
  EXPECT_THAT(of("unit: V, maximum: -i(vdd)"), ElementsAre(HasSubstr("is in A")));
  EXPECT_THAT(of("unit: V, crossing: v(y), level: 0.5, otherwise: 0"),
              ElementsAre(HasSubstr("is in s while its `unit` is `V`")));
  EXPECT_THAT(of("unit: ns, crossing: v(y), level: 0.5, otherwise: 0"),
              ElementsAre(HasSubstr("are in s while its `unit` is `ns`")));
  EXPECT_THAT(of("unit: fC, charge: vdd"), ElementsAre(HasSubstr("are in C")));
  EXPECT_THAT(of("unit: C, energy: vdd"), ElementsAre(HasSubstr("is in J")));
  for (const char* right :
       {"unit: ns, crossing: v(y), level: 0.5, otherwise: 0, scale: 1e9", "unit: V, minimum: -v(y)",
        "unit: A, value: v(y)/1000", "unit: \"1\", value: v(y)", "unit: A, value: i(vdd)",
        "unit: S, value: i(vdd)/v(y)"})
    EXPECT_THAT(of(right), IsEmpty()) << right;
}

TEST_F(LooseEnds, WhatBeginsBehindTheEndOfTheRunIsNamed) {
  const auto of = [&](const std::string& delay, const std::string& step = "1n") {
    return said(
        Parts{.a = "{net: a, pulse: {initial: 0, pulsed: 1, delay: " + delay +
                   ", rise: 1n, fall: 1n, width: 1n}}",
              .analysis = "{type: tran, step: " + step + ", stop: 20n, options: {chgtol: 1e-17}}"});
  };
  EXPECT_THAT(of("19n"), IsEmpty());
  EXPECT_THAT(of("20n"), ElementsAre(HasSubstr("sources.a.pulse: begins at 20 ns, when the run is "
                                               "over (20 ns)")));
  EXPECT_THAT(of("1n", "1u"), ElementsAre(HasSubstr("analysis.step: 1 us is longer than the run")));
}

TEST_F(LooseEnds, ASourceAloneOnItsNetIsNamedWithTheNetThatIsNear) {
  const auto all = said(Parts{.a = "{net: aa, dc: 1}"});
  EXPECT_THAT(all,
              Contains(AllOf(HasSubstr("sources.a: nothing but this source is on the net `aa`"),
                             HasSubstr("did you mean `a`?"))));
  EXPECT_THAT(all, Contains(HasSubstr("net `a`")));
}

TEST_F(LooseEnds, AForgottenSupplyPortIsNamed) {
  EXPECT_THAT(
      said(Parts{.circuit = "{netlist: inv.cir, subcircuit: inv}"}),
      ElementsAre(HasSubstr("nothing drives or measures the net `vss`: port `vss` of `inv`")));
  // Also where it is written down: a bulk hangs on it.
  EXPECT_THAT(said(Parts{.circuit = "{netlist: inv.cir, subcircuit: inv, ports: {vss: vss}}"}),
              ElementsAre(HasSubstr("net `vss`")));
  EXPECT_THAT(
      said(Parts{.circuit = "{netlist: inv.cir, subcircuit: inv, ports: {vss: gnd, vdd: vd}}"}),
      AllOf(Contains(AllOf(HasSubstr("net `vd`"), HasSubstr("did you mean `vdd`?"))),
            Contains(HasSubstr("sources.vdd: nothing but this source"))));
}

TEST_F(LooseEnds, AnOpenOutputIsNamedUntilItIsMeant) {
  const std::string rest =
      "}\nsources: {vdd: {net: vdd, dc: 1}, a: {net: a, dc: 0}}\n"
      "analysis: {type: op}\nmeasurements: {cur: {unit: A, value: i(vdd)}}\n";
  const std::string begin =
      "gaincell_bench: 1\nname: x\ncircuit: {netlist: inv.cir, subcircuit: cell";
  EXPECT_THAT(said(begin + rest), ElementsAre(HasSubstr("net `y`: port `y` of `cell`")));
  EXPECT_THAT(said(begin + ", ports: {y: y}" + rest), IsEmpty());
}

TEST_F(LooseEnds, AnElementsOpenEndIsNamed) {
  EXPECT_THAT(said(Parts{.more = "elements: [C1 yy 0 1p]\n"}),
              Contains(AllOf(HasSubstr("nothing but `c1` is on the net `yy`"),
                             HasSubstr("did you mean `y`?"))));
}

TEST_F(LooseEnds, AGateThatNothingDrivesIsNamedInsideSubcircuitsToo) {
  file("loose.cir",
       ".model n nmos level=1 vto=0.4 kp=200u\n.subckt pair a y\nM1 y a 0 0 n w=1u l=1u\n"
       "M2 y g 0 0 n w=1u l=1u\nC1 g 0 1f\n.ends\n");
  const std::string bench =
      "gaincell_bench: 1\nname: x\ncircuit: {netlist: loose.cir, subcircuit: pair}\n"
      "sources: {a: {net: a, dc: 1}, y: {net: y, dc: 1}}\nmeasurements: {cur: {unit: A, value: "
      "i(y)}}\n";
  EXPECT_THAT(said(bench + "analysis: {type: op}\n"),
              ElementsAre(HasSubstr("nothing drives the net `xdut.g`")));
  // A charge on a capacitor is a state to begin with.
  EXPECT_THAT(said(bench + "analysis: " + kTran + "\ninitial_conditions: {xdut.g: 0.5}\n"),
              IsEmpty());
  EXPECT_THAT(said(bench + "analysis: " + kFromZero + "\n"), IsEmpty());
}

TEST_F(LooseEnds, ACurrentWithoutAPathIsNamed) {
  EXPECT_THAT(said("gaincell_bench: 1\nname: x\nsources: {b: {kind: current, net: b, dc: 1u}}\n"
                   "elements: [C1 b 0 1p]\nanalysis: {type: op}\n"
                   "measurements: {m: {unit: V, value: v(b)}}\n"),
              ElementsAre(HasSubstr("net `b` has no path for direct current to ground")));
}

TEST_F(LooseEnds, NetsThatAreNotInTheCircuitAreErrors) {
  for (const char* net : {"yy", "xdut.zz", "xdut.m1", "out"}) {
    const std::string name = net;
    const auto error = AllOf(HasSubstr("ERROR"), HasSubstr("`" + name + "` is not in the circuit"));
    EXPECT_THAT(said(Parts{.measurements = "{y: {unit: V, value: v(" + name + ")}}"}),
                ElementsAre(error));
    EXPECT_THAT(said(Parts{.measurements = "{y: {unit: V, value: \"v(y," + name + ")\"}}"}),
                ElementsAre(error));
    EXPECT_THAT(said(Parts{.analysis = kTran, .more = "initial_conditions: {" + name + ": 0}\n"}),
                ElementsAre(error));
    EXPECT_THAT(said(Parts{.more = "starting_guesses: {" + name + ": 0}\n"}), ElementsAre(error));
    EXPECT_THAT(said(Parts{.analysis = kTran, .more = "waveforms: {w: v(" + name + ")}\n"}),
                ElementsAre(error));
    EXPECT_THAT(said(Parts{.a = "{net: a, ac: 1}",
                           .analysis = kAc,
                           .measurements = "{y: {unit: V, value: vm(" + name + "), at: 10}}"}),
                ElementsAre(error));
    EXPECT_THAT(said(Parts{.a = "{net: a, ac: 1}",
                           .analysis = "{type: noise, start: 1, stop: 1k, source: a, output: v(" +
                                       name + ")}",
                           .measurements = "{y: {unit: V/sqrt(Hz), value: onoise, at: 10}}"}),
                ElementsAre(error));
  }
}

TEST_F(LooseEnds, ANetInsideIsOfferedByItsWholeName) {
  EXPECT_THAT(said(Parts{.circuit = "{netlist: inv.cir, subcircuit: cell}",
                         .measurements = "{y: {unit: V, value: v(y)}, m: {unit: V, value: v(m)}}"}),
              ElementsAre(HasSubstr("did you mean `xdut.m`?")));
}

TEST_F(LooseEnds, DevicesThatAreNotInTheCircuitAreErrors) {
  EXPECT_THAT(said(Parts{.measurements = "{y: {unit: A, value: i(vd)}}"}),
              ElementsAre(HasSubstr("the device `vd` is not in the circuit")));
  EXPECT_THAT(said(Parts{.measurements = "{y: {unit: A, value: \"@m.xdut.m3[id]\"}}"}),
              ElementsAre(HasSubstr("the device `m.xdut.m3` is not in the circuit")));
  EXPECT_THAT(
      said(Parts{.measurements =
                     "{y: {unit: V, value: v(y)}, g: {unit: A, value: \"@m.xdut.m1[id]\"}}"}),
      IsEmpty());
}

TEST_F(LooseEnds, CurrentsOfDevicesWithoutABranchAreErrorsThatNameTheirParameter) {
  for (const auto& [device, parameter] : std::vector<std::pair<std::string, std::string>>{
           {"m.xdut.m1", "@m.xdut.m1[id]"}, {"r9", "@r9[i]"}, {"i9", "@i9[current]"}}) {
    EXPECT_THAT(said(Parts{.measurements = "{y: {unit: A, value: i(" + device + ")}}",
                           .more = "elements: [R9 y 0 1k, I9 y 0 1n]\n"}),
                ElementsAre(AllOf(HasSubstr("ERROR"), HasSubstr("`i(" + device + ")` is for"),
                                  HasSubstr("`" + parameter + "`"))));
  }
  EXPECT_THAT(said(Parts{.measurements = "{y: {unit: A, value: i(l9)}}",
                         .more = "elements: [L9 y 0 1u, E9 z 0 y 0 2, R9 z 0 1k]\n"}),
              IsEmpty());
}

TEST_F(LooseEnds, WhatIsMeasuredAtTheOpenEndOfAResistorIsNamed) {
  EXPECT_THAT(said(Parts{.measurements = "{y: {unit: V, value: v(y)}, z: {unit: V, value: v(z)}}",
                         .more = "elements: [R9 y z 1k]\n"}),
              ElementsAre(HasSubstr("nothing but `r9` is on the net `z`")));
  EXPECT_THAT(said(Parts{.measurements = "{y: {unit: V, value: v(y)}, z: {unit: V, value: v(z)}}",
                         .more = "elements: [E9 z 0 y 0 2]\n"}),
              IsEmpty());
}

TEST_F(LooseEnds, AnElementWithBothEndsOnOneNetIsNamed) {
  for (const char* line : {"R9 y Y 1k", "C9 y y 1f", "L9 y y 1n"}) {
    EXPECT_THAT(said(Parts{.more = std::string("elements: [") + line + "]\n"}),
                ElementsAre(HasSubstr("both ends of `")))
        << line;
  }
  EXPECT_THAT(said(Parts{.more = "elements: [R9 y 0 1k]\n"}), IsEmpty());
}

TEST_F(LooseEnds, ElementsOfOneNameAreErrors) {
  EXPECT_THAT(said(Parts{.more = "elements: [R1 y 0 1k, r1 y 0 2k]\n"}),
              ElementsAre(HasSubstr("another element of the circuit has this name")));
  EXPECT_THAT(said(Parts{.more = "elements: [Vvdd y 0 1]\n"}),
              ElementsAre(HasSubstr("another element of the circuit has this name")));
  EXPECT_THAT(said(Parts{.more = "elements: [Xdut a y vdd 0 inv]\n"}),
              ElementsAre(HasSubstr("another element of the circuit has this name")));
  EXPECT_THAT(said(Parts{.more = "elements: [{line: R1 y 0 1k, count: 2}]\n"}),
              ElementsAre(HasSubstr("so many elements of one name")));
}

// Each key that an analysis may leave without effect, in each analysis: what must be said of it.
TEST_F(LooseEnds, EachKeyHasAnEffectInEachAnalysisOrIsNamed) {
  struct Case {
    const char* what;
    Parts parts;
    const char* says;  // "" = it has an effect
  };
  const std::string pulse =
      "{net: a, pulse: {initial: 0, pulsed: 1, delay: 1n, rise: 1n, fall: 1n, width: 5n}}";
  const std::string gain = "{y: {unit: V, value: vm(y), at: 10}}";
  const std::string dc = "{type: dc, sweeps: [{source: a, condition: v}]}";
  const std::string noise = "{type: noise, start: 1, stop: 1k, source: a, output: v(y)}";
  const std::string density = "{y: {unit: V/sqrt(Hz), value: onoise, at: 10}}";
  const std::string sweep = "conditions: {v: {unit: V, enumerate: [0, 1]}}\n";
  const std::string ac = "{net: a, dc: 1, ac: 1}";
  const std::string guess = "starting_guesses: {y: 0}\n";
  const std::string initial = "initial_conditions: {y: 0}\n";
  const std::string no_tran = "ERROR";
  const std::vector<Case> cases{
      {"initial conditions, op", {.more = initial}, "initial_conditions: they are what `tran`"},
      {"initial conditions, dc",
       {.analysis = dc, .more = sweep + initial},
       "initial_conditions: they are"},
      {"initial conditions, ac",
       {.a = ac, .analysis = kAc, .measurements = gain, .more = initial},
       "initial_conditions: they are"},
      {"initial conditions, noise",
       {.a = ac, .analysis = noise, .measurements = density, .more = initial},
       "initial_conditions: they are"},
      {"initial conditions, tran", {.analysis = kTran, .more = initial}, ""},
      {"initial conditions, tran from them", {.analysis = kFromZero, .more = initial}, ""},
      {"guesses, op", {.more = guess}, ""},
      {"guesses, dc", {.analysis = dc, .more = sweep + guess}, ""},
      {"guesses, ac", {.a = ac, .analysis = kAc, .measurements = gain, .more = guess}, ""},
      {"guesses, noise", {.a = ac, .analysis = noise, .measurements = density, .more = guess}, ""},
      {"guesses, tran", {.analysis = kTran, .more = guess}, ""},
      {"guesses, tran without operating point",
       {.analysis = kFromZero, .more = guess},
       "starting_guesses: with `use_initial_conditions`"},
      {"voltage of a driven net",
       {.analysis = kTran, .more = "initial_conditions: {a: 0}\n"},
       "has the voltage of the source `a`"},
      {"voltage of ground", {.more = "starting_guesses: {\"0\": 0}\n"}, "is ground"},
      {"two voltages", {.more = "starting_guesses: {y: 0, Y: 1}\n"}, "has a voltage here already"},
      {"ac in op", {.a = ac}, "sources.a.ac: no analysis takes it"},
      {"ac in tran", {.a = ac, .analysis = kTran}, "sources.a.ac: no analysis takes it"},
      {"ac in dc", {.a = ac, .analysis = dc, .more = sweep}, "sources.a.ac: no analysis takes it"},
      {"ac in ac", {.a = ac, .analysis = kAc, .measurements = gain}, ""},
      {"no ac in ac", {.analysis = kAc, .measurements = gain}, "no source has `ac`"},
      {"pulse in op", {.a = pulse}, "sources.a.pulse: no analysis runs along time"},
      {"pulse in tran", {.a = pulse, .analysis = kTran}, ""},
      {"ramp in op",
       {.a = "{net: a, ramp: {initial: 0, final: 1, start: 0, duration: 1n}}"},
       "sources.a.ramp: no analysis runs along time"},
      {"pwl in ac",
       {.a = "{net: a, ac: 1, pwl: [[0, 0], [1n, 1]]}", .analysis = kAc, .measurements = gain},
       "sources.a.pwl: no analysis runs along time"},
      {"time options in op", {.analysis = "{type: op, options: {trtol: 1}}"}, "options.trtol"},
      {"time options in tran", {.analysis = kTran}, ""},
      {"unknown option",
       {.analysis = "{type: op, options: {gmni: 1e-15}}"},
       "did you mean `gmin`?"},
      {"unknown retry option",
       {.more = "retry: {options: {gmni: 1e-15}}\n"},
       "did you mean `gmin`?"},
      {"step in op", {.analysis = "{type: op, step: 1n}"}, "is not a key of `op`"},
      {"uic in ac",
       {.analysis = "{type: ac, start: 1, stop: 2, use_initial_conditions: true}"},
       "is not a key of `ac`"},
      {"idle condition",
       {.more = "conditions: {w: {unit: V, typical: 1}}\n"},
       "conditions.w: nothing uses it"},
      {"idle swept condition",
       {.more = "conditions: {w: {unit: V, enumerate: [1, 2]}}\n"},
       "the same simulation again"},
      {"idle temperature",
       {.more = "conditions: {temp: {unit: degC, enumerate: [0, 85]}}\n"},
       "that of the simulation is the condition `temperature`"},
      {"temperature",
       {.more = "conditions: {temperature: {unit: degC, enumerate: [0, 85]}}\n"},
       ""},
      {"temperature in K",
       {.more = "conditions: {temperature: {unit: K, typical: 300}}\n"},
       "is in degC"},
      {"idle parameter", {.more = "parameters: {q: 1}\n"}, "parameters.q: nothing uses it"},
      {"parameter of the subcircuit",
       {.more = "parameters: {w: 2u}\n"},
       "is set under circuit.parameters"},
      {"library parameter",
       {.circuit = "{netlist: inv.cir, subcircuit: cell}",
        .more = "library_parameters: {skew: 1}\n"},
       ""},
      {"idle library parameter",
       {.circuit = "{netlist: inv.cir, subcircuit: cell}",
        .more = "library_parameters: {skw: 1}\n"},
       "nothing in the models or the circuit reads it; did you mean `skew`?"},
      {"hold-out without tables",
       {.a = "{net: a, dc: \"{v}\"}", .more = sweep + "holdout: {points: 3, seed: 1}\n"},
       "holdout: no table is made"},
      {"draws of nothing", {.more = "draws: {points: 3, seed: 1}\n"}, "nothing is drawn"},
      {"draws of given values",
       {.a = "{net: a, dc: \"{l[0]}\"}",
        .more = "conditions: {l: {unit: V, count: 1, draw: {values: [1]}}}\ndraws: {points: 3, "
                "seed: 1}\n"},
       "nothing is drawn"},
      {"source across one net", {.a = "{net: a, reference: A, dc: 1}"}, "between a net and itself"},
      {"source across ground",
       {.a = "{net: \"0\", reference: gnd, dc: 1}"},
       "between a net and itself"},
      {"port that is not there",
       {.circuit = "{netlist: inv.cir, subcircuit: inv, ports: {vs: \"0\"}}"},
       "has no such port"},
      {"parameter that is not there",
       {.circuit = "{netlist: inv.cir, subcircuit: inv, ports: {vss: \"0\"}, parameters: {ww: 1}}"},
       "has no such parameter"},
  };
  for (const Case& one : cases) {
    if (std::string(one.says).empty()) {
      EXPECT_THAT(said(one.parts), IsEmpty()) << one.what;
    } else {
      EXPECT_THAT(said(one.parts), Contains(HasSubstr(one.says))) << one.what;
    }
  }
}

TEST_F(LooseEnds, InitialConditionsBesideAnOperatingPointAreNamedThere) {
  const std::string both =
      "gaincell_bench: 1\nname: x\ncircuit: {netlist: inv.cir, subcircuit: inv, ports: {vss: "
      "\"0\"}}\n"
      "sources: {vdd: {net: vdd, dc: 1}, a: {net: a, dc: 1}}\ninitial_conditions: {y: 0}\n"
      "analyses:\n  start: " +
      std::string(kTran) +
      "\n  point: {type: op}\n"
      "measurements: {y: {unit: V, value: v(y)}}\n";
  EXPECT_THAT(said(both),
              ElementsAre(HasSubstr("analyses.point: `initial_conditions` are without effect")));
  const auto campaign = plan_campaign({file("bench.yaml", both).string()});
  EXPECT_THAT(campaign.units[0].plan.jobs[0].body, HasSubstr(".ic v(y)=0"));
  EXPECT_THAT(campaign.units[0].plan.jobs[1].body, Not(HasSubstr(".ic")));
}

TEST(TopologyOf, NetsHaveTheSimulatorsNamesAndGroundIsOne) {
  Library library(".");
  library.add_text(
      ".global vcc\n.subckt leaf a b\nR1 a b 1k\nR2 b gnd 1k\nR3 b vcc 1k\nR4 b c 1k\n.ends\n"
      ".subckt tree in\nX1 in mid leaf\nX2 mid end leaf\n.ends\n",
      "t");
  const std::vector<CircuitLine> lines{
      {"Xt in tree", ""}, {"V1 vcc 0 1", ""}, {"C1 in far 1p", ""}};
  const Topology t(library, lines);
  for (const char* net : {"in", "xt.mid", "xt.end", "xt.x1.c", "xt.x2.c", "vcc", "0"})
    EXPECT_TRUE(t.has_net(net)) << net;
  EXPECT_EQ(t.nets().size(), 8u);
  EXPECT_TRUE(t.has_device("r.xt.x2.r4"));
  EXPECT_EQ(t.net("xt.x2.c").group, t.ground());
  EXPECT_NE(t.net("far").group, t.ground());
}

TEST(TopologyOf, EndlessAndHugeCircuitsAreCutShort) {
  Library endless(".");
  endless.add_text(".subckt a x\nX1 x a\n.ends\n", "t");
  EXPECT_TRUE(Topology(endless, std::vector<CircuitLine>{{"X1 n a", ""}}).cut_short());
  std::string doubling = ".subckt s0 x\nR1 x 0 1\n.ends\n";
  for (int k = 1; k < 40; ++k)
    doubling += ".subckt s" + std::to_string(k) + " x\nX1 x s" + std::to_string(k - 1) +
                "\nX2 x s" + std::to_string(k - 1) + "\n.ends\n";
  Library huge(".");
  huge.add_text(doubling, "t");
  EXPECT_TRUE(Topology(huge, std::vector<CircuitLine>{{"X1 n s39", ""}}).cut_short());
}

}  // namespace
}  // namespace gaincell::characterize
