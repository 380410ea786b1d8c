// Circuits whose answers are known in closed form, from bench to results, through real workers.
#include <fmt/format.h>

#include <cmath>

#include "base/units.h"
#include "characterize/campaign/simulation.h"
#include "tests/characterize/support.h"

namespace gaincell::characterize {
namespace {

using ::testing::HasSubstr;

class KnownAnswer : public BenchTest {
 protected:
  // One row a point, one column a measurement.
  std::vector<std::vector<double>> run(const std::string& text) {
    bench_ = bench(text);
    plan_ = make_plan(*bench_, bench_points(*bench_));
    PoolOptions pool;
    pool.worker = real_worker();
    std::vector<std::vector<double>> rows;
    for (const PointResult& point : simulate(*bench_, plan_, {.pool = pool})) {
      EXPECT_TRUE(point.ok) << point.reason << "\n" << point.log_tail;
      rows.push_back(point.values);
    }
    EXPECT_FALSE(rows.empty());
    EXPECT_EQ(rows.size(), plan_.points.size());
    return rows;
  }
  std::unique_ptr<const Bench> bench_;
  Plan plan_;
};

TEST_F(KnownAnswer, DividerDivides) {
  const auto rows = run(divider());
  ASSERT_EQ(rows.size(), 5u);
  for (std::size_t k = 0; k < 5; ++k) EXPECT_NEAR(rows[k][0], 0.25 * static_cast<double>(k), 1e-9);
}

// A latch has two states and one between them, which is what a search from nowhere finds.
TEST_F(KnownAnswer, StartingGuessesChooseAmongStates) {
  file("latch.cir",
       ".model n nmos level=1 vto=0.4 kp=200u lambda=0.05\n"
       ".model p pmos level=1 vto=-0.4 kp=100u lambda=0.05\n.subckt latch q qb vdd\n"
       "M1 q qb 0 0 n w=1u l=1u\nM2 q qb vdd vdd p w=2u l=1u\nM3 qb q 0 0 n w=1u l=1u\n"
       "M4 qb q vdd vdd p w=2u l=1u\n.ends\n");
  const auto q = [this](const std::string& analysis, const std::string& more,
                        const std::string& value = "v(q)") {
    const auto rows =
        run("gaincell_bench: 1\nname: latch\ncircuit: {netlist: latch.cir, subcircuit: latch}\n"
            "conditions: {v_dd: {unit: V, enumerate: [1.0, 1.2]}}\n"
            "sources: {vdd: {net: vdd, dc: \"{v_dd}\", ac: 1}}\n"
            "elements: [Ca q 0 1f, Cb qb 0 1f]\nanalysis: " +
            analysis + "\nmeasurements: {q: {unit: V, value: " + value + "}}\n" + more);
    return std::pair(rows[0][0], rows[1][0]);
  };
  const std::string low = "starting_guesses: {q: 0, qb: \"{v_dd}\"}\n";
  const std::string high = "starting_guesses: {q: \"{v_dd}\", qb: 0}\n";
  for (const std::string analysis :
       {"{type: op}", "{type: dc, sweeps: [{source: vdd, condition: v_dd}]}",
        "{type: tran, step: 10p, stop: 5n, options: {chgtol: 1e-17}}"}) {
    SCOPED_TRACE(analysis);
    if (analysis.find("dc") == std::string::npos) {
      EXPECT_NEAR(q(analysis, low).first, 0, 1e-6);
      EXPECT_NEAR(q(analysis, low).second, 0, 1e-6);
      EXPECT_NEAR(q(analysis, high).first, 1.0, 1e-6);
      EXPECT_NEAR(q(analysis, high).second, 1.2, 1e-6);
    } else {
      // Inside one run the condition has no value, but a guess need not be near.
      EXPECT_NEAR(q(analysis, "starting_guesses: {q: 0, qb: 1}\n").second, 0, 1e-6);
      EXPECT_NEAR(q(analysis, "starting_guesses: {q: 1, qb: 0}\n").second, 1.2, 1e-6);
    }
    // (A transient leaves the state between by and by.)
    if (analysis.find("tran") == std::string::npos) {
      EXPECT_NEAR(q(analysis, "").second, 0.6, 1e-3);
    }
  }
  // Small signals go around the same state: q at the supply follows it, q at ground does not.
  const std::string ac = "{type: ac, start: 1, stop: 10}";
  EXPECT_NEAR(q(ac, low, "vm(q), at: 1").first, 0, 1e-3);
  EXPECT_NEAR(q(ac, high, "vm(q), at: 1").first, 1, 1e-3);
  EXPECT_NEAR(q(ac, "", "vm(q), at: 1").first, 0.5, 0.1);
}

TEST_F(KnownAnswer, NestedSweepsReachTheirPoints) {
  const auto rows = run(
      "gaincell_bench: 1\nname: x\nconditions:\n"
      "  a: {unit: V, minimum: 0, maximum: 0.9, step: linear, points: 19}\n"
      "  b: {unit: V, enumerate: [-1, 0.2, 0.3, 5]}\n"
      "  j: {unit: A, enumerate: [0, 1u]}\n"
      "sources: {x: {net: x, dc: 0}, y: {net: y, dc: 0}, j: {kind: current, net: x, dc: \"{j}\"}}\n"
      "elements: [R1 x y 1k]\n"
      "analysis: {type: dc, sweeps: [{source: y, condition: b}, {source: x, condition: a}]}\n"
      "measurements: {out: {unit: A, value: \"-i(x)\"}, v: {unit: V, value: \"v(x,y)\"}}\n"
      "holdout: {points: 7, seed: 2}\n");
  ASSERT_EQ(rows.size(), 19u * 4 * 2 + 7);
  EXPECT_EQ(plan_.jobs.size(), 2u + 7);
  for (std::size_t p = 0; p < rows.size(); ++p) {
    const auto& value = plan_.points[p].values;
    EXPECT_NEAR(rows[p][1], value[0] - value[1], 1e-12);
    EXPECT_NEAR(rows[p][0], (value[0] - value[1]) / 1e3 - value[2], 1e-12);
  }
}

TEST_F(KnownAnswer, SweptCurrentsReachTheirPoints) {
  const auto rows =
      run("gaincell_bench: 1\nname: x\nconditions:\n"
          "  j: {unit: A, minimum: 1n, maximum: 1m, step: logarithmic, points: 13}\n"
          "sources: {j: {kind: current, net: x, dc: 0}}\nelements: [R1 x 0 1k]\n"
          "analysis: {type: dc, sweeps: [{source: j, condition: j}]}\n"
          "measurements: {v: {unit: V, value: v(x)}}\n");
  for (std::size_t p = 0; p < rows.size(); ++p)
    EXPECT_NEAR(rows[p][0] / (1e3 * plan_.points[p].values[0]), 1, 1e-6);
}

// i = is (exp(v/vt) - 1) + gmin v, vt = kT/q at 27 C.
TEST_F(KnownAnswer, DiodeFollowsItsLaw) {
  file("d.inc",
       ".model dd d is=1e-14 n=1 rs=0\n.subckt one a area=1\nd1 a 0 dd area={area}\n.ends\n");
  const auto rows =
      run("gaincell_bench: 1\nname: d\ncircuit: {netlist: d.inc, subcircuit: one, parameters: "
          "{area: 2}}\n"
          "conditions: {v: {unit: V, minimum: 0.1, maximum: 0.7, step: linear, points: 7}, "
          "temperature: {unit: degC, typical: 27}}\n"
          "sources: {a: {net: a, dc: 0}}\n"
          "analysis: {type: dc, sweeps: [{source: a, condition: v}], options: {gmin: 1e-15, "
          "reltol: 1e-9}}\n"
          "measurements: {cur: {unit: A, value: \"-i(a)\"}}\n");
  const double vt = 1.38064852e-23 * 300.15 / 1.6021766208e-19;
  for (std::size_t p = 0; p < rows.size(); ++p) {
    const double v = plan_.points[p].values[0];
    EXPECT_NEAR(rows[p][0] / (2e-14 * (std::exp(v / vt) - 1) + 1e-15 * v), 1, 1e-5) << v;
  }
}

// Step of 1 V into R and C: v = 1 - exp(-t/tau); charge C v, energy from the source C v_end times 1
// V.
TEST_F(KnownAnswer, CapacitorChargesExponentially) {
  const auto rows =
      run("gaincell_bench: 1\nname: rc\nconditions:\n"
          "  tau: {unit: s, enumerate: [1n, 3n]}\n"
          "  age: {unit: s, minimum: 0, maximum: 9n, step: linear, points: 7}\n"
          "sources: {in: {net: in, pulse: {initial: 0, pulsed: 1, delay: 1n, rise: 1f, fall: 1f, "
          "width: 1}}}\n"
          "elements: [R1 in out 1k, \"C1 out 0 {tau/1k}\"]\n"
          "initial_conditions: {out: 0}\n"
          "analysis: {type: tran, step: 5p, stop: 10n, options: {reltol: 1e-6, chgtol: 1e-19}}\n"
          "measurements:\n"
          "  v: {unit: V, value: v(out), at: \"{1n + age}\"}\n"
          "  q: {unit: C, charge: in, to: \"{1n + age}\"}\n"
          "  e: {unit: J, energy: in}\n"
          "  half: {unit: s, delay: v(out), level: 0.5, after: v(in)}\n");
  EXPECT_EQ(plan_.jobs.size(), 2u);
  for (std::size_t p = 0; p < rows.size(); ++p) {
    const double tau = plan_.points[p].values[0];
    const double age = plan_.points[p].values[1];
    const double v = 1 - std::exp(-age / tau);
    EXPECT_NEAR(rows[p][0], v, 2e-5);
    EXPECT_NEAR(rows[p][1], tau / 1e3 * v, 2e-5 * tau / 1e3);
    EXPECT_NEAR(rows[p][2] / (tau / 1e3 * (1 - std::exp(-9e-9 / tau))), 1, 2e-5);
    EXPECT_NEAR(rows[p][3] / (tau * std::log(2.0)), 1, 1e-4);
  }
}

TEST_F(KnownAnswer, CurrentIntoACapacitorIsARamp) {
  const auto rows =
      run("gaincell_bench: 1\nname: ramp\nconditions: {j: {unit: A, enumerate: [1u, 5u]}}\n"
          "sources: {j: {kind: current, net: out, pulse: {initial: 0, pulsed: \"{j}\", delay: 1n, "
          "rise: 10p, fall: 10p, width: 5n}}}\n"
          "elements: [C1 out 0 1p]\ninitial_conditions: {out: 0.2}\n"
          "analysis: {type: tran, step: 50p, stop: 10n, use_initial_conditions: true, options: "
          "{gmin: 1e-15}}\n"
          "measurements:\n  v: {unit: V, value: v(out)}\n  q: {unit: C, charge: j}\n  e: {unit: J, "
          "energy: j}\n"
          "  slope: {unit: V/s, slope: v(out), at: 3n}\n");
  for (std::size_t p = 0; p < rows.size(); ++p) {
    const double j = plan_.points[p].values[0];
    const double dv = j * 5e-9 / 1e-12;
    EXPECT_NEAR(rows[p][0], 0.2 + dv, 1e-5);
    EXPECT_NEAR(rows[p][1] / (j * 5e-9), 1, 1e-5);
    EXPECT_NEAR(rows[p][2] / (0.5e-12 * (std::pow(0.2 + dv, 2) - 0.04)), 1, 1e-3);
    EXPECT_NEAR(rows[p][3] / (j / 1e-12), 1, 1e-4);
  }
}

TEST_F(KnownAnswer, PulseHasItsWidthAtHalfHeight) {
  const auto rows =
      run("gaincell_bench: 1\nname: w\nconditions: {w: {unit: s, enumerate: [0.5n, 1n, 4n]}}\n"
          "sources: {p: {net: p, pulse: {initial: 0, pulsed: 1, delay: 1n, rise: 1n, fall: 2n, "
          "width: \"{w}\"}}}\n"
          "elements: [R1 p 0 1k]\nanalysis: {type: tran, step: 20p, stop: 10n}\n"
          "measurements:\n  top: {unit: V, maximum: v(p)}\n  area: {unit: V s, integral: v(p)}\n"
          "  width: {unit: s, width: v(p), level: 0.5, otherwise: 0}\n");
  // 0.5 ns and 1 ns are triangles of 1/3 and 2/3 height.
  EXPECT_NEAR(rows[0][0], 1.0 / 3, 1e-9);
  EXPECT_NEAR(rows[1][0], 2.0 / 3, 1e-9);
  EXPECT_NEAR(rows[2][1], 4e-9, 1e-14);
  EXPECT_NEAR(rows[2][2], 4e-9, 1e-14);
  EXPECT_EQ(rows[0][2], 0);
}

// H = 1/(1 + j f/fc), fc = 1/(2 pi R C).
TEST_F(KnownAnswer, LowPassHasItsCorner) {
  const auto rows =
      run("gaincell_bench: 1\nname: lp\nconditions: {r: {unit: Ohm, enumerate: [1k, 4k]}}\n"
          "sources: {in: {net: in, dc: 0, ac: 1}}\nelements: [\"R1 in out {r}\", C1 out 0 1n]\n"
          "analysis: {type: ac, start: 1k, stop: 100meg, points_per_decade: 200}\n"
          "measurements:\n"
          "  bandwidth: {unit: Hz, crossing: vdb(out), level: \"{-10*log10(2)}\", edge: fall}\n"
          "  low: {unit: \"1\", value: vm(out), at: 1kHz}\n"
          "  phase: {unit: rad, value: vp(out), at: \"{1/(2*pi*r*1n)}\"}\n"
          "  across: {unit: V, value: \"vm(in,out)\", at: \"{1/(2*pi*r*1n)}\"}\n"
          "  current: {unit: A, value: im(in), at: 100meg}\n");
  for (std::size_t p = 0; p < rows.size(); ++p) {
    const double r = plan_.points[p].values[0];
    const double fc = 1 / (2 * M_PI * r * 1e-9);
    EXPECT_NEAR(rows[p][0] / fc, 1, 1e-3);
    EXPECT_NEAR(rows[p][1], 1 / std::hypot(1, 1e3 / fc), 1e-9);
    EXPECT_NEAR(rows[p][2], -M_PI / 4, 1e-4);
    EXPECT_NEAR(rows[p][3], std::sqrt(0.5), 1e-4);
    EXPECT_NEAR(rows[p][4] * r, 1, 1e-4);
  }
}

// Three equal poles behind gains of 10: unity gain, half power and phase follow from one another.
TEST_F(KnownAnswer, PhaseMarginFollowsFromUnityGain) {
  const auto rows =
      run("gaincell_bench: 1\nname: p\nsources: {in: {net: in, ac: 1}}\n"
          "elements: [R1 in a 1k, C1 a 0 1n, E1 b 0 a 0 10, R2 b c 1k, C2 c 0 1n, E2 d 0 c 0 10, "
          "R3 d e 1k, C3 e 0 1n]\n"
          "analysis: {type: ac, start: 1k, stop: 10meg, points_per_decade: 200}\nmeasurements:\n"
          "  ugf: {unit: Hz, crossing: vdb(e), level: 0, edge: fall}\n"
          "  at_unity: {unit: rad, value: vp(e), at: \"{ugf}\"}\n"
          "  margin: {unit: deg, formula: (pi + at_unity)*180/pi}\n"
          "  g0: {unit: dB, value: vdb(e), at: 1k}\n"
          "  corner: {unit: Hz, crossing: vdb(e), level: \"{g0} - 10*log10(2)\", edge: fall}\n"
          "  back: {unit: Hz, crossing: vp(e), level: \"{-pi}\"}\n"
          "  delay: {unit: s, value: \"-deriv(vp(e))/(2*pi)\", at: \"{back}\"}\n"
          "  stage: {unit: rad, value: \"vp(e) - vp(c)\", at: \"{ugf}\"}\n"
          "  source: {unit: rad, value: ip(in), at: 10meg}\n");
  const double pole = 1 / (2 * M_PI * 1e-6);
  const double unity = pole * std::sqrt(std::pow(100, 2.0 / 3) - 1);
  EXPECT_NEAR(rows[0][0] / unity, 1, 1e-4);
  EXPECT_NEAR(rows[0][1], -3 * std::atan(unity / pole), 1e-3);
  EXPECT_NEAR(rows[0][2], 180 - 3 * std::atan(unity / pole) * 180 / M_PI, 0.1);
  EXPECT_NEAR(rows[0][4] / (pole * std::sqrt(std::cbrt(2.0) - 1)), 1, 1e-3);
  EXPECT_NEAR(rows[0][5] / (pole * std::sqrt(3.0)), 1, 1e-4);
  EXPECT_NEAR(rows[0][6] * pole, 3 / (2 * M_PI) / 4, 1e-4);
  EXPECT_NEAR(rows[0][7], -std::atan(unity / pole), 1e-3);
  // From the net into the source: minus the current of 1 V over 1 kOhm.
  EXPECT_NEAR(std::abs(rows[0][8]), M_PI, 0.02);
}

TEST_F(KnownAnswer, SpansBelowAStepAndSingleFrequenciesAreRun) {
  for (const std::string stop : {"1meg", "1.00001meg", "1.1meg", "1258.92541179k"}) {
    const std::string head =
        "gaincell_bench: 1\nname: s\nsources: {in: {net: in, ac: 1}}\n"
        "elements: [R1 in out 1k, C1 out 0 1n]\nanalysis: {start: 1meg, points_per_decade: 10, "
        "stop: " +
        stop;
    const auto rows = run(head +
                          ", type: ac}\nmeasurements: {g: {unit: \"1\", value: vm(out), at: "
                          "1meg}, h: {unit: \"1\", value: vm(out), at: \"" +
                          stop + "\"}}\n");
    const double pole = 1 / (2 * M_PI * 1e-6);
    EXPECT_NEAR(rows[0][0], 1 / std::hypot(1, 1e6 / pole), 1e-9) << stop;
    const auto noise = run(head +
                           ", type: noise, output: v(out), source: in}\nmeasurements: {n: "
                           "{unit: V/sqrt(Hz), value: onoise, at: \"" +
                           stop + "\"}}\n");
    const double f = *parse_quantity(stop, "Hz");
    const double density = std::sqrt(4 * 1.38064852e-23 * 300.15 * 1e3) / std::hypot(1, f / pole);
    EXPECT_NEAR(noise[0][0] / density, 1, 1e-4) << stop;
  }
}

// The band that is asked for, not the steps that fit into it; each device its share.
TEST_F(KnownAnswer, TotalNoiseIsOverTheWholeBand) {
  const auto rows =
      run("gaincell_bench: 1\nname: n\nsources: {in: {net: in, dc: 0, ac: 1}}\n"
          "elements: [R1 in out 3k, R2 out 0 1k]\n"
          "analysis: {type: noise, output: v(out), source: in, start: 1.3k, stop: 977k, "
          "points_per_decade: 3}\nmeasurements:\n"
          "  all: {unit: V, total_noise: onoise}\n  r1: {unit: V, total_noise: onoise(R1)}\n"
          "  r2: {unit: V, total_noise: onoise(r2)}\n"
          "  part: {unit: V, total_noise: onoise, from: 2k, to: 500k}\n"
          "  input: {unit: V, total_noise: inoise}\n");
  const double density = 4 * 1.38064852e-23 * 300.15 * 750;
  EXPECT_NEAR(rows[0][0] / std::sqrt(density * 975.7e3), 1, 1e-5);
  EXPECT_NEAR(rows[0][1] / std::sqrt(density * 975.7e3 / 4), 1, 1e-5);
  EXPECT_NEAR(rows[0][2] / std::sqrt(density * 975.7e3 * 3 / 4), 1, 1e-5);
  EXPECT_NEAR(rows[0][3] / std::sqrt(density * 498e3), 1, 1e-5);
  EXPECT_NEAR(rows[0][4] / (4 * rows[0][0]), 1, 1e-9);
}

// Level 1, in saturation: id = kp/2 (vgs - vt)^2, gm = kp (vgs - vt).
TEST_F(KnownAnswer, SweepsOfDcHaveCrossingsSlopesAndExtremes) {
  file("n.inc",
       ".model n nmos level=1 vto=0.4 kp=200u\n.subckt one d g\nm1 d g 0 0 n w=1u l=1u\n"
       ".ends\n");
  const std::string head =
      "gaincell_bench: 1\nname: d\ncircuit: {netlist: n.inc, subcircuit: one}\n"
      "conditions: {v_d: {unit: V, enumerate: [1, 2]}}\n"
      "sources: {d: {net: d, dc: \"{v_d}\"}, g: {net: g, dc: 0}}\n";
  const std::string measures =
      "measurements:\n  v_on: {unit: V, crossing: -i(d), level: 4u}\n"
      "  gm: {unit: A/V, value: deriv(-i(d)), at: 0.9}\n"
      "  most: {unit: A/V, maximum: deriv(-i(d))}\n"
      "  where: {unit: V, maximum_at: -i(d)}\n"
      "  area: {unit: W, integral: -i(d), from: 0.4, to: 1}\n"
      "  half: {unit: V, crossing: -i(d), level: \"{top}/4\"}\n";
  const std::string top = "  top: {unit: A, maximum: -i(d)}\n";
  std::string with_top = measures;
  with_top.insert(with_top.find("  half"), top);
  for (const char* direction : {"start: 0, stop: 1", "start: 1, stop: 0"}) {
    const auto rows = run(head + "analysis: {type: dc, sweeps: [{source: g, points: 101, " +
                          direction + "}], options: {reltol: 1e-9, gmin: 1e-15}}\n" + with_top +
                          "  itself: {unit: A/V, value: \"@m.xdut.m1[gm]\", at: 0.9}\n");
    ASSERT_EQ(rows.size(), 2u);
    for (const auto& row : rows) {
      EXPECT_NEAR(row[0], 0.6, 1e-4) << direction;
      EXPECT_NEAR(row[1] / 100e-6, 1, 1e-6);
      EXPECT_NEAR(row[2] / 120e-6, 1, 1e-4);
      EXPECT_EQ(row[3], 1);
      EXPECT_NEAR(row[4] / (200e-6 / 6 * 0.216), 1, 1e-3);
      EXPECT_NEAR(row[6], 0.7, 1e-4);
      EXPECT_NEAR(row[7] / 100e-6, 1, 1e-6);
    }
  }
  // Over conditions: the same at every point of the sweep; and in a table that the simulator steps
  // through with a counter.
  for (const char* values : {"minimum: 0, maximum: 1, step: linear, points: 101",
                             "minimum: 0.1, maximum: 1, step: logarithmic, points: 60"}) {
    std::string text = head;
    text.insert(text.find("}}\nsources") + 1, std::string(", v_g: {unit: V, ") + values + "}");
    const auto rows =
        run(text +
            "analysis: {type: dc, sweeps: [{source: g, condition: v_g}, "
            "{source: d, condition: v_d}], options: {reltol: 1e-9}}\n" +
            measures.substr(0, measures.find("  where")) + "  own: {unit: A, value: -i(d)}\n");
    for (std::size_t p = 0; p < rows.size(); ++p) {
      EXPECT_NEAR(rows[p][0], 0.6, 1e-3) << values;
      EXPECT_NEAR(rows[p][1] / 100e-6, 1, 1e-2);
      const double over = std::max(plan_.points[p].values[1] - 0.4, 0.0);
      EXPECT_NEAR(rows[p][3], 100e-6 * over * over, 1e-9);
    }
  }
}

TEST_F(KnownAnswer, OperatingPointParametersAreSignals) {
  file("n.inc",
       ".model n nmos level=1 vto=0.4 kp=200u\n.subckt one d g\nm1 d g 0 0 n w=1u l=1u\n"
       ".ends\n");
  const std::string head =
      "gaincell_bench: 1\nname: d\ncircuit: {netlist: n.inc, subcircuit: one}\n"
      "sources: {d: {net: d, dc: 1}, g: {net: g, dc: 0.9}}\nelements: [m2 d g 0 0 n w=2u l=1u]\n";
  const auto rows = run(head +
                        "analysis: {type: op}\nmeasurements:\n"
                        "  gm: {unit: A/V, value: \"@m.xdut.m1[gm]\"}\n"
                        "  outer: {unit: A/V, value: \"@M2[gm]\"}\n"
                        "  vth: {unit: V, value: \"@m2[von]\"}\n"
                        "  efficiency: {unit: 1/V, value: \"@m2[gm]/@m2[id]\"}\n");
  EXPECT_NEAR(rows[0][0], 100e-6, 1e-10);
  EXPECT_NEAR(rows[0][1], 200e-6, 1e-10);
  EXPECT_NEAR(rows[0][2], 0.4, 1e-12);
  EXPECT_NEAR(rows[0][3], 4, 1e-4);
  const auto time = run(head +
                        "analysis: {type: tran, step: 1n, stop: 5n}\nmeasurements:\n"
                        "  gm: {unit: A/V, value: \"@m.xdut.m1[gm]\", at: 3n}\n");
  EXPECT_NEAR(time[0][0], 100e-6, 1e-10);
}

TEST_F(KnownAnswer, DeviceParameterThatIsNoneIsNamed) {
  for (const std::string signal : {"@m.xdut.m9[gm]", "@r1[nonsense]"}) {
    bench_ = bench(
        "gaincell_bench: 1\nname: d\nsources: {a: {net: a, dc: 1}}\n"
        "elements: [R1 a 0 1k]\nanalysis: {type: op}\nmeasurements: {fine: {unit: V, "
        "value: v(a)}, m: {unit: A, value: \"" +
        signal + "\"}}\n");
    plan_ = make_plan(*bench_, bench_points(*bench_));
    PoolOptions pool;
    pool.worker = real_worker();
    const auto points = simulate(*bench_, plan_, {.pool = pool});
    EXPECT_FALSE(points[0].ok);
    EXPECT_THAT(points[0].reason, HasSubstr(signal));
    EXPECT_THAT(points[0].reason, HasSubstr("no such device"));
  }
}

// The input needs 2 ns for its edge; the comparator's output is a clipped gain, which crosses half
// when the input is at 0.3.
TEST_F(KnownAnswer, DelayOfAnOvertakenEdgeIsNegative) {
  const auto rows = run(
      "gaincell_bench: 1\nname: n\nsources: {a: {net: a, pulse: {initial: 0, pulsed: 1, delay: 1n, "
      "rise: 2n, fall: 2n, width: 4n, period: 10n}}}\n"
      "elements: [\"B1 y 0 v=max(0,min(1,0.5-100*(v(a)-0.3)))\", R1 y 0 1k]\n"
      "analysis: {type: tran, step: 2p, stop: 25n}\nmeasurements:\n"
      "  fall: {unit: s, delay: v(y), level: 0.5, edge: fall, after: v(a), after_edge: rise}\n"
      "  second: {unit: s, delay: v(y), level: 0.5, edge: fall, after: v(a), after_edge: rise, "
      "after_number: 2}\n"
      "  rise: {unit: s, delay: v(y), level: 0.5, edge: rise, after: v(a), after_edge: fall}\n");
  EXPECT_NEAR(rows[0][0], -0.4e-9, 1e-14);
  EXPECT_NEAR(rows[0][1], -0.4e-9, 1e-14);
  EXPECT_NEAR(rows[0][2], 0.4e-9, 1e-14);
}

TEST_F(KnownAnswer, WaveformOfAFileDrivesASource) {
  file("wave.csv", "time,drive\n1n,0.5\n3n,1.5\n4n,0\n");
  const auto rows =
      run("gaincell_bench: 1\nname: w\nsources: {a: {net: a, pwl: {file: wave.csv}}}\n"
          "elements: [R1 a 0 1k]\nanalysis: {type: tran, step: 0.1n, stop: 6n}\nmeasurements:\n"
          "  start: {unit: V, value: v(a), at: 0.5n}\n  middle: {unit: V, value: v(a), at: 2n}\n"
          "  area: {unit: V s, integral: v(a)}\n");
  EXPECT_NEAR(rows[0][0], 0.5, 1e-9);
  EXPECT_NEAR(rows[0][1], 1, 1e-9);
  EXPECT_NEAR(rows[0][2], 0.5e-9 + 2e-9 + 0.75e-9, 1e-14);
}

// 4 k T R below the corner; kT/C over all frequencies.
TEST_F(KnownAnswer, ResistorIsNoisy) {
  const auto rows = run(
      "gaincell_bench: 1\nname: n\nconditions: {temperature: {unit: degC, enumerate: [-40, 125]}}\n"
      "sources: {in: {net: in, dc: 0, ac: 1}}\nelements: [R1 in out 1k, C1 out 0 1p]\n"
      "analysis: {type: noise, output: v(out), source: in, start: 1, stop: 1t, "
      "points_per_decade: 100}\n"
      "measurements:\n  density: {unit: V/sqrt(Hz), value: onoise, at: 1kHz}\n"
      "  power: {unit: V^2, integral: onoise^2}\n  total: {unit: V, formula: sqrt(power)}\n");
  for (std::size_t p = 0; p < rows.size(); ++p) {
    const double kt = 1.38064852e-23 * (plan_.points[p].values[0] + 273.15);
    EXPECT_NEAR(rows[p][0] / std::sqrt(4 * kt * 1e3), 1, 1e-5);
    EXPECT_NEAR(rows[p][2] / std::sqrt(kt / 1e-12), 1, 2e-3);
  }
}

TEST_F(KnownAnswer, AnalysesOfOneBenchShareItsPoints) {
  const auto rows =
      run("gaincell_bench: 1\nname: m\nconditions: {r: {unit: Ohm, enumerate: [1k, 3k]}}\n"
          "sources: {in: {net: in, dc: 2, ac: 1, ramp: {initial: 0, final: 3, start: 1n, duration: "
          "3n}}}\n"
          "elements: [\"R1 in out {r}\", R2 out 0 1k]\n"
          "analyses:\n  point: {type: op}\n  small: {type: ac, start: 1, stop: 1k}\n"
          "  time: {type: tran, step: 0.1n, stop: 5n}\n"
          "measurements:\n  v: {unit: V, value: v(out)}\n"
          "  gain: {unit: \"1\", value: vm(out), at: 10, analysis: small}\n"
          "  middle: {unit: V, value: v(in), at: 2.5n, analysis: time}\n"
          "  slope: {unit: V/s, slope: v(in), from: 1.5n, to: 3n, analysis: time}\n"
          "  ratio: {unit: \"1\", formula: v/gain}\n");
  EXPECT_EQ(plan_.jobs.size(), 6u);
  for (std::size_t p = 0; p < rows.size(); ++p) {
    const double gain = 1e3 / (1e3 + plan_.points[p].values[0]);
    EXPECT_NEAR(rows[p][0], 2 * gain, 1e-6);
    EXPECT_NEAR(rows[p][1], gain, 1e-6);
    EXPECT_NEAR(rows[p][2], 1.5, 1e-9);
    EXPECT_NEAR(rows[p][3] / 1e9, 1, 1e-9);
    EXPECT_NEAR(rows[p][4], 2, 1e-5);
  }
}

TEST_F(KnownAnswer, CornersTakeTheirSections) {
  file("r.lib",
       ".lib slow\n.param rr=2k\n.include sub.inc\n.endl\n"
       ".lib fast\n.param rr=500\n.include sub.inc\n.endl\n");
  file("sub.inc", ".subckt load a\nr1 a 0 {rr*scale}\n.ends\n");
  const auto rows =
      run("gaincell_bench: 1\nname: c\ncircuit: {subcircuit: load}\n"
          "corners: {slow: [{file: r.lib, section: slow}], fast: [{file: r.lib, section: fast}]}\n"
          "conditions: {factor: {unit: \"\", enumerate: [1, 2]}}\n"
          "library_parameters: {scale: \"{factor}\"}\n"
          "sources: {a: {net: a, dc: 1}}\nanalysis: {type: op}\n"
          "measurements: {current: {unit: A, value: \"-i(a)\"}}\n");
  ASSERT_EQ(rows.size(), 4u);
  EXPECT_NEAR(rows[0][0], 1 / 2e3, 1e-9);
  EXPECT_NEAR(rows[1][0], 1 / 4e3, 1e-9);
  EXPECT_NEAR(rows[2][0], 1 / 500.0, 1e-9);
  EXPECT_NEAR(rows[3][0], 1 / 1e3, 1e-9);
}

// The drain current in saturation is beta/2 (vgs - vt)^2 (level 1): its relative spread is
// hypot(2 sigma_vt/(vgs - vt), sigma_beta).
TEST_F(KnownAnswer, MismatchSpreadsAsPelgromSays) {
  file("n.inc",
       ".model n nmos level=14 version=4.8.2 vth0=0.4\n"
       ".subckt pair a b\nm1 a g 0 0 n w=1u l=1u\nm2 b g 0 0 n w=4u l=1u\n"
       "vg g 0 0.9\n.ends\n");
  const std::string text =
      "gaincell_bench: 1\nname: p\nmodels: [n.inc]\ncircuit: {subcircuit: pair}\n"
      "sources: {a: {net: a, dc: 0.9}, b: {net: b, dc: 0.9}}\nanalysis: {type: op}\n"
      "draws: {points: 400, seed: 3}\n"
      "measurements: {small: {unit: A, value: -i(a)}, large: {unit: A, value: -i(b)}}\n";
  const auto sigma_of = [](const std::vector<std::vector<double>>& rows, std::size_t column) {
    double mean = 0;
    double square = 0;
    for (const auto& row : rows) mean += row[column] / static_cast<double>(rows.size());
    for (const auto& row : rows)
      square += std::pow(row[column] / mean - 1, 2) / static_cast<double>(rows.size() - 1);
    return std::sqrt(square);
  };
  const auto both = run(text + "mismatch: {devices: {n: {a_vt: 5 mV*um, a_beta: 0.02}}}\n");
  ASSERT_EQ(both.size(), 400u);
  // Twice the width and length halves the spread; here four times the width.
  EXPECT_NEAR(sigma_of(both, 0) / sigma_of(both, 1), 2, 0.25);
  const auto beta = run(text + "mismatch: {devices: {n: {a_beta: 0.02}}}\n");
  EXPECT_NEAR(sigma_of(beta, 0), 0.02 / std::sqrt(2.0), 0.12 * 0.02 / std::sqrt(2.0));
  EXPECT_EQ(run(text + "mismatch: {devices: {n: {a_beta: 0.02}}}\n"), beta);
}

// The current of a transistor spreads with A_beta/sqrt(2 W L m). It stands in a subcircuit, two
// deep, with sizes in um, and its multipliers are the simulator's: of the device (`mult`), and of
// an instance, which takes the place of the one inside.
TEST_F(KnownAnswer, MismatchReachesTheDevicesOfALibrary) {
  file("dev.inc",
       ".option scale=1u\n"
       ".subckt nfx d g s b w=1 l=1 mult=1\n"
       "m0 d g s b nfx__model w={w} l={l} m={mult}\n"
       ".model nfx__model nmos level=14 version=4.8.2 vth0=0.4\n.ends\n"
       ".subckt nfy d g s b ww=1\nx1 d g s b nfx w={ww} l=1\n.ends\n"
       ".subckt all a b c d\nvg g 0 0.9\nx1 a g 0 0 nfx w=1 l=1\nx2 b g 0 0 nfy ww=1\n"
       "x3 c g 0 0 nfx w=1 l=1 mult=4\nx4 d g 0 0 nfx w=1 l=1 mult=3 m={2*2}\n.ends\n");
  const std::string text =
      "gaincell_bench: 1\nname: p\nmodels: [dev.inc]\ncircuit: {subcircuit: all}\n"
      "sources: {a: {net: a, dc: 0.9}, b: {net: b, dc: 0.9}, c: {net: c, dc: 0.9}, "
      "d: {net: d, dc: 0.9}}\nanalysis: {type: op}\ndraws: {points: 400, seed: 3}\n"
      "measurements: {a: {unit: A, value: -i(a)}, b: {unit: A, value: -i(b)}, "
      "c: {unit: A, value: -i(c)}, d: {unit: A, value: -i(d)}}\n";
  const auto rows = run(text + "mismatch: {devices: {nfx: {a_beta: 0.02}}}\n");
  EXPECT_EQ(run(text + "mismatch: {devices: {nfx__model: {a_beta: 0.02}}}\n"), rows);
  const std::vector<double> multiplier{1, 1, 4, 4};
  for (std::size_t column = 0; column < 4; ++column) {
    double mean = 0;
    double square = 0;
    for (const auto& row : rows) mean += row[column] / 400;
    for (const auto& row : rows) square += std::pow(row[column] / mean - 1, 2) / 399;
    const double sigma = 0.02 / std::sqrt(2 * multiplier[column]);
    EXPECT_NEAR(std::sqrt(square), sigma, 0.12 * sigma) << column;
    EXPECT_NEAR(mean / rows[0][0], multiplier[column], 0.1 * multiplier[column]) << column;
  }
}

TEST_F(KnownAnswer, LibraryDrawsFromOurSeed) {
  file("r.inc",
       ".param drawn=agauss(0,100,1)\n.param global=drawn\n"
       ".subckt rr a\n.param own=agauss(0,10,1)\nr1 a 0 {1k+global+own}\n.ends\n");
  const std::string text =
      "gaincell_bench: 1\nname: p\nmodels: [r.inc]\nelements: [X1 a rr, X2 b rr]\n"
      "sources: {a: {net: a, dc: 1}, b: {net: b, dc: 1}}\nanalysis: {type: op}\n"
      "measurements: {a: {unit: Ohm, value: -1/i(a)}, b: {unit: Ohm, value: -1/i(b)}}\n";
  const auto first = run(text + "mismatch: {library: true}\ndraws: {points: 200, seed: 3}\n");
  EXPECT_EQ(run(text + "mismatch: {library: true}\ndraws: {points: 200, seed: 3}\n"), first);
  EXPECT_NE(run(text + "mismatch: {library: true}\ndraws: {points: 200, seed: 4}\n"), first);
  double common = 0;
  double own = 0;
  for (const auto& row : first) {
    common += std::pow(row[0] - 1e3, 2) / 200;
    own += std::pow(row[0] - row[1], 2) / 200;
  }
  EXPECT_NEAR(std::sqrt(common), std::hypot(100, 10), 15);
  EXPECT_NEAR(std::sqrt(own), 10 * std::sqrt(2.0), 2.5);
  // Without statistics asked for, the same draw every time.
  EXPECT_EQ(run(text), run(text));
}

// As a foundry's library is: thousands of subcircuits with the bins of their cards inside. Sent
// whole it costs seconds and hundreds of megabytes for every simulation.
TEST_F(KnownAnswer, LargeLibraryCostsNoMoreThanWhatIsUsedOfIt) {
  constexpr int kDevices = 400;
  constexpr int kBins = 20;
  std::string text = ".param process_vth=0.4\n";
  for (int device = 0; device < kDevices; ++device) {
    text += fmt::format(
        ".param dev{0}_vth='process_vth+{0}*1e-4'\n.subckt dev{0} d g s b w=1 l=1\n", device);
    for (int bin = 0; bin < kBins; ++bin)
      text += fmt::format(
          ".model card{0}.{1} nmos level=14 version=4.8.2 wmin={2}u wmax={3}u "
          "lmin=0.1u lmax=100u vth0=dev{0}_vth\n",
          device, bin, bin, bin + 1);
    text += fmt::format("m0 d g s b card{0} w={{w}} l={{l}}\n.ends\n", device);
  }
  file("huge.lib", ".lib tt\n" + text + ".endl\n");
  const std::string bench =
      "gaincell_bench: 1\nname: big\nmodels: [{file: LIBRARY, section: tt}]\n"
      "elements: [X1 d g 0 0 dev7 w=2.5u l=1u]\n"
      "conditions: {v: {unit: V, minimum: 0, maximum: 1, step: linear, points: 6}}\n"
      "sources: {d: {net: d, dc: 1}, g: {net: g, dc: \"{v}\"}}\nanalysis: {type: op}\n"
      "measurements: {current: {unit: A, value: -i(d)}}\n";
  const auto with = [&](const std::string& library) {
    std::string own = bench;
    return run(own.replace(own.find("LIBRARY"), 7, library));
  };
  const auto rows = with("huge.lib");
  // Two parameters, one subcircuit, its bins; and nothing of the other 399.
  EXPECT_LT(plan_.jobs[0].deck(false).size(), 4000u);
  std::string small = ".lib tt\n.param process_vth=0.4\n";
  const std::size_t begin = text.find(".param dev7_vth");
  small += text.substr(begin, text.find(".param dev8_vth") - begin) + ".endl\n";
  file("small.lib", small);
  EXPECT_EQ(rows, with("small.lib"));
  EXPECT_GT(rows.back()[0], 1e-6);
}

}  // namespace
}  // namespace gaincell::characterize
