// The fast level's printed error, held to columns that it was not fitted to and has not seen: the
// column level on the same stored voltages and pulses.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "attention/analog.h"
#include "circuits.h"
#include "inputs.h"

namespace gaincell::attention {
namespace {

constexpr int kColumns = 1000;

// Errors of one stage, in full scales of its converter, over columns inside its range.
struct Errors {
  double squares = 0, sum = 0;
  int n = 0;
  void add(double error) { squares += error * error, sum += error, ++n; }
  double rms() const { return std::sqrt(squares / n); }
  double bias() const { return sum / n; }
};

// Shares of the ranges of q, k and v.
enum class Kind { kUniform, kCorrelated, kRecorded };

Inputs inputs(Kind kind, const Shape& shape, int tokens, std::uint64_t seed) {
  Inputs in(shape, tokens, seed);
  Random random(seed, "columns", static_cast<std::uint64_t>(kind));
  constexpr int kRank = 3;
  std::vector<double> direction(static_cast<std::size_t>(kRank) * in.width);
  for (double& x : direction) x = random.normal();
  double state[3][kRank] = {};
  for (int t = 0; t < tokens; ++t) {
    // Recorded: what a text leaves in a ring, each token near the one before.
    for (auto& of : state)
      for (double& x : of)
        x = kind == Kind::kRecorded ? 0.9 * x + 0.44 * random.normal() : random.normal();
    for (int i = 0; i < in.width; ++i) {
      const auto value = [&](int which) {
        if (kind == Kind::kUniform) return random.uniform();
        double lean = 0;
        for (int r = 0; r < kRank; ++r)
          lean += state[which][r] * direction[static_cast<std::size_t>(r) * in.width + i];
        return std::clamp(0.5 + 0.12 * lean + 0.1 * random.normal(), 0.0, 1.0);
      };
      const std::size_t at = static_cast<std::size_t>(t) * in.width + i;
      in.q[at] = static_cast<float>(value(0));
      in.k[at] = static_cast<float>(0.9 * value(1));
      in.v[at] = static_cast<float>(0.9 * value(2));
    }
  }
  return in;
}

double share(double charge_c, const Circuit::Converter& converter) {
  return converter.pulse_s(charge_c) / converter.full_scale_s;
}

void expect_limit_held(const Circuit& circuit, int dim, double limit) {
  const Shape shape{2, dim, 64};
  Scalers scalers = Scalers::identity(shape.heads);
  scalers.b_k.assign(shape.heads, 0.0f), scalers.b_v.assign(shape.heads, 0.0f);
  AnalogOptions o{.level = Level::kFast, .token_period_s = 6.5e-7, .error_limit = limit};
  for (const Kind kind : {Kind::kUniform, Kind::kCorrelated, Kind::kRecorded}) {
    auto fast = make_analog(shape, circuit, scalers, o);
    Errors first, second;
    fast->observe(
        [](std::int64_t token, int) { return token % 8 == 7; },
        [&](const StepTrace& trace) {
          const int tokens =
              static_cast<int>(std::min<std::int64_t>(trace.token + 1, shape.window));
          for (int slot = static_cast<int>(trace.token / 8) % 3;
               slot < tokens && first.n < kColumns; slot += 3) {
            const auto from = trace.key_v.begin() + static_cast<std::ptrdiff_t>(slot) * dim;
            const double charge =
                column_charge_c(circuit, circuit.relu, {from, from + dim}, trace.q_width_s);
            const double pulse = share(charge, circuit.relu);
            if (pulse > 0 && pulse < 1)
              first.add(trace.phi_s[slot] / circuit.relu.full_scale_s - pulse);
          }
          const std::vector<double> phi(trace.phi_s.begin(), trace.phi_s.begin() + tokens);
          for (int d = 0; d < dim && second.n < kColumns; d += 3) {
            std::vector<double> values;
            for (int slot = 0; slot < tokens; ++slot)
              values.push_back(trace.value_v[static_cast<std::size_t>(slot) * dim + d]);
            const double charge = column_charge_c(circuit, circuit.differential, values, phi);
            const double pulse = share(charge, circuit.differential);
            if (std::abs(pulse) < 1)
              second.add(trace.second_pulse_s[d] / circuit.differential.full_scale_s - pulse);
          }
        });
    for (std::uint64_t seed = 1; first.n < kColumns || second.n < kColumns; ++seed) {
      ASSERT_LT(seed, 100);
      fast->reset();
      run(*fast, inputs(kind, shape, 90, seed));
    }
    const FastReport& report = *fast->fast_report();
    std::printf(
        "limit %g, kind %d: first %.2g (bias %+.1g) of %.2g, second %.2g (bias %+.1g) of %.2g\n",
        limit, static_cast<int>(kind), first.rms(), first.bias(), report.first.error, second.rms(),
        second.bias(), report.second.error);
    for (const auto& [errors, stated] :
         {std::pair{first, report.first.error}, {second, report.second.error}}) {
      // What is stated is an estimate from some hundred columns.
      EXPECT_LE(errors.rms(), 1.15 * stated) << "kind " << static_cast<int>(kind);
      if (stated <= limit) {
        EXPECT_LE(errors.rms(), limit) << static_cast<int>(kind);
      }
      EXPECT_LE(std::abs(errors.bias()), 0.6 * stated);
    }
  }
}

TEST(ErrorLimit, IsHeldOnAThousandColumnsOfEachKind) {
  for (const double limit : {1e-3, 1e-4}) expect_limit_held(smooth_circuit(64), 64, limit);
}

TEST(ErrorLimit, IsHeldOnTheExactCircuitAndOtherHeads) {
  expect_limit_held(published_circuit(PublishedHardware::cubic(), 6.5e-7), 64, 1e-3);
  expect_limit_held(smooth_circuit(24), 24, 1e-3);
}

}  // namespace
}  // namespace gaincell::attention
