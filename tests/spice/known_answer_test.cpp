// Circuits whose answers are known in closed form, from bench to results, through real workers.
#include <cmath>

#include "characterize/campaign.h"
#include "tests/characterize/support.h"

namespace gaincell::characterize {
namespace {

class KnownAnswer : public BenchTest {
 protected:
  // One row a point, one column a measurement.
  std::vector<std::vector<double>> run(const std::string& text) {
    bench_ = bench(text);
    plan_ = make_plan(*bench_, bench_points(*bench_));
    PoolOptions pool;
    pool.worker = real_worker();
    std::vector<std::vector<double>> rows;
    for (const PointResult& point : simulate(*bench_, plan_, pool)) {
      EXPECT_TRUE(point.ok) << point.reason << "\n" << point.log_tail;
      rows.push_back(point.values);
    }
    return rows;
  }
  std::unique_ptr<Bench> bench_;
  Plan plan_;
};

TEST_F(KnownAnswer, DividerDivides) {
  const auto rows = run(divider());
  for (std::size_t k = 0; k < 5; ++k) EXPECT_NEAR(rows[k][0], 0.25 * static_cast<double>(k), 1e-9);
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

}  // namespace
}  // namespace gaincell::characterize
