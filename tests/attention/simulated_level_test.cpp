// The column level with someone else reading its columns.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "attention/column_simulator.h"
#include "base/error.h"
#include "circuits.h"
#include "inputs.h"

namespace gaincell::attention {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// Reads columns by the circuit's own functions and notes how many were asked for at a time.
class ByTheCircuit final : public ColumnSimulator {
 public:
  explicit ByTheCircuit(Circuit circuit) : circuit_(std::move(circuit)) {}
  std::vector<ColumnOutput> first(std::span<const ColumnInput> columns) override {
    return read(circuit_.relu, columns);
  }
  std::vector<ColumnOutput> second(std::span<const ColumnInput> columns) override {
    return read(circuit_.differential, columns);
  }
  std::vector<std::size_t> batches;

 private:
  std::vector<ColumnOutput> read(const Circuit::Converter& converter,
                                 std::span<const ColumnInput> columns) {
    batches.push_back(columns.size());
    std::vector<ColumnOutput> read;
    for (const ColumnInput& column : columns) {
      const double charge = column_charge_c(circuit_, converter, column.v_store, column.width_s);
      read.push_back({charge, converter.pulse_s(charge)});
    }
    return read;
  }
  Circuit circuit_;
};

AnalogOptions column_options() {
  AnalogOptions o;
  o.level = Level::kColumn;
  o.token_period_s = 2e-7;
  return o;
}

TEST(SimulatedLevel, IsTheColumnLevelWithTheCircuitAsItsSimulator) {
  const Shape shape{2, 16, 12};  // two sub-tiles, the second half filled
  Circuit circuit = smooth_circuit(16);
  circuit.tile = 8;
  const Scalers scalers = scalers_near_training(2, 5);
  const Inputs in(shape, 16, 7);
  const auto simulator = std::make_shared<ByTheCircuit>(circuit);
  auto simulated = make_simulated_level(shape, circuit, scalers, column_options(), simulator);
  auto column = make_analog(shape, circuit, scalers, column_options());
  EXPECT_EQ(run(*simulated, in), run(*column, in));
  EXPECT_EQ(simulated->activity().first_reads.count, column->activity().first_reads.count);
  EXPECT_EQ(simulated->activity().second_conversions.count,
            column->activity().second_conversions.count);
  // A batch a stage, head and token: first the filled slots, then dim columns a sub-tile.
  ASSERT_EQ(simulator->batches.size(), 4u * 16);
  const std::vector<std::size_t>& batches = simulator->batches;
  EXPECT_THAT(std::vector(batches.begin(), batches.begin() + 4), ElementsAre(1, 16, 1, 16));
  EXPECT_THAT(std::vector(batches.end() - 2, batches.end()), ElementsAre(12, 32));
}

TEST(SimulatedLevel, RefusesWhatASimulatorDoesNotKnow) {
  Circuit circuit = smooth_circuit(16);
  const auto refused = [&](const AnalogOptions& options, const std::string& part) {
    try {
      make_simulated_level({1, 16, 8}, circuit, Scalers::identity(1), options, nullptr);
      ADD_FAILURE() << "accepted: " << part;
    } catch (const Error& error) {
      EXPECT_THAT(error.what(), HasSubstr(part));
    }
  };
  AnalogOptions options = column_options();
  options.spread.cell_gain = 0.01;
  refused(options, "no mismatch and no noise");
  options.spread = {};
  for (const Effect effect :
       {Effect::kPulseEdges, Effect::kBitline, Effect::kConverterOffset, Effect::kConverterCurve,
        Effect::kConverterGain, Effect::kSaturation, Effect::kClipping}) {
    options.effects = EffectSet::all().without(effect);
    refused(options, "transistors cannot lose this effect");
  }
  options.effects = EffectSet::all();
  circuit.read_share = [](double) { return 0.9; };
  refused(options, "charge does not fade as a whole");
}

}  // namespace
}  // namespace gaincell::attention
