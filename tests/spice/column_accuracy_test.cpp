// The column level of the attention engine against the same columns, transistor by transistor.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <string>
#include <vector>

#include "attention/circuit.h"
#include "base/random.h"
#include "characterize/campaign/simulation.h"
#include "lut/gain_cell_device.h"

namespace gaincell {
namespace {

constexpr int kColumns = 40;
constexpr int kRows = 64;
constexpr double kTokenPeriod = 12 * 54.9e-9;  // twelve layers, both stages
constexpr int kWindow = 1024;                  // oldest token

struct Column {
  std::vector<double> v_store, width_s;
};

struct Agreement {
  double rms_s = 0, max_s = 0;
  int with_pulse = 0;
};

std::filesystem::path device_path() {
  return std::filesystem::path(GAINCELL_BINARY_DIR) / "tests" / "gain_cell_a_device.h5";
}

// What a random level holds after `age`.
double stored_v(const attention::Circuit& circuit, Random& random, double age_s) {
  const double level = static_cast<double>(random.below(circuit.kv_levels));
  return circuit.stored_v(circuit.v_max * level / (circuit.kv_levels - 1), age_s);
}

double random_age_s(Random& random) {
  return kTokenPeriod * static_cast<double>(random.below(kWindow));
}

// Runs the columns in the simulator and holds the engine's pulses to theirs.
Agreement compare(const std::string& bench_file, const attention::Circuit& circuit,
                  const attention::Circuit::Converter& converter,
                  const std::vector<Column>& columns) {
  const auto bench =
      characterize::read_bench(std::string(GAINCELL_SOURCE_DIR) + "/netlists/column/" + bench_file);
  std::vector<characterize::Point> points;
  for (const Column& column : columns) {
    characterize::Point point;
    for (const characterize::Condition& condition : bench->conditions) {
      point.values.push_back(condition.count == 0 ? condition.values.front() : 0.0);
      point.vectors.emplace_back();
    }
    point.vectors[bench->condition("v_store")] = column.v_store;
    point.vectors[bench->condition("pulse_width")] = column.width_s;
    points.push_back(std::move(point));
  }
  characterize::PoolOptions pool;
  pool.worker = std::filesystem::path(GAINCELL_BINARY_DIR) / "bin" / "gaincell-worker";
  pool.workers = 2;
  const characterize::Plan plan = characterize::make_plan(*bench, points);
  const auto results = characterize::simulate(*bench, plan, {.pool = pool});

  std::size_t output = 0;
  while (bench->measurements.at(output).name != "pulse_width_out") ++output;
  Agreement agreement;
  for (std::size_t i = 0; i < columns.size(); ++i) {
    EXPECT_TRUE(results[i].ok) << "column " << i << ": " << results[i].reason;
    if (!results[i].ok) continue;
    const double spice_s = results[i].values[output];
    const double charge_c =
        attention::column_charge_c(circuit, converter, columns[i].v_store, columns[i].width_s);
    const double error_s = converter.pulse_s(charge_c) - spice_s;
    agreement.rms_s += error_s * error_s;
    agreement.max_s = std::max(agreement.max_s, std::abs(error_s));
    if (spice_s != 0) ++agreement.with_pulse;
  }
  agreement.rms_s = std::sqrt(agreement.rms_s / static_cast<double>(columns.size()));
  fmt::print(
      "{}: {} columns, {} with a pulse: rms {:.2f} ps ({:.3f} % of the longest pulse), max {:.2f} "
      "ps\n",
      bench_file, columns.size(), agreement.with_pulse, agreement.rms_s * 1e12,
      100 * agreement.rms_s / circuit.t_max_s, agreement.max_s * 1e12);
  return agreement;
}

TEST(ColumnLevel, FollowsTransistorsInTheFirstStage) {
  const auto device = lut::GainCellDevice::read(device_path());
  const attention::Circuit circuit = attention::circuit_of(device);
  Random random(20250101, "first stage");
  std::vector<Column> columns;
  for (int i = 0; i < kColumns; ++i) {
    // A column holds one token's key, so all its cells have one age. Levels lean to one side by
    // column: independent ones would never fill the converter's range.
    const double age_s = random_age_s(random);
    const double lean = random.uniform(0.2, 0.8);
    Column column;
    for (int row = 0; row < kRows; ++row) {
      const bool high = random.uniform() < lean;
      const double half = static_cast<double>(circuit.kv_levels) / 2;
      const double level = std::floor(half * random.uniform()) + (high ? half : 0);
      column.v_store.push_back(
          circuit.stored_v(circuit.v_max * level / (circuit.kv_levels - 1), age_s));
      column.width_s.push_back(circuit.t_max_s *
                               static_cast<double>(random.below(circuit.q_levels)) /
                               (circuit.q_levels - 1));
    }
    columns.push_back(std::move(column));
  }
  const Agreement agreement = compare("column_relu.yaml", circuit, circuit.relu, columns);
  EXPECT_GE(agreement.with_pulse, kColumns / 4);
  EXPECT_LE(agreement.rms_s, 0.01 * circuit.t_max_s);
  EXPECT_LE(agreement.max_s, 0.02 * circuit.t_max_s);
}

TEST(ColumnLevel, FollowsTransistorsInTheSecondStage) {
  const auto device = lut::GainCellDevice::read(device_path());
  const attention::Circuit circuit = attention::circuit_of(device);
  Random random(20250101, "second stage");
  std::vector<Column> columns;
  for (int i = 0; i < kColumns; ++i) {
    // A row is a token: its own age, and a pulse of any width, or none where the ReLU gave none.
    const double scale = random.uniform();
    Column column;
    for (int row = 0; row < kRows; ++row) {
      column.v_store.push_back(stored_v(circuit, random, random_age_s(random)));
      column.width_s.push_back(std::clamp(scale * random.normal(), 0.0, 1.0) * circuit.t_max_s);
    }
    columns.push_back(std::move(column));
  }
  const Agreement agreement = compare("column_signed.yaml", circuit, circuit.differential, columns);
  EXPECT_GE(agreement.with_pulse, kColumns / 2);
  EXPECT_LE(agreement.rms_s, 0.01 * circuit.t_max_s);
  EXPECT_LE(agreement.max_s, 0.02 * circuit.t_max_s);
}

}  // namespace
}  // namespace gaincell
