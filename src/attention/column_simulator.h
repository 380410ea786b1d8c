#pragma once

#include <memory>
#include <span>
#include <vector>

#include "attention/analog.h"

namespace gaincell::attention {

// A column that is to be read, one entry a cell: stored voltage (V) and pulse at half height (s; 0:
// none).
struct ColumnInput {
  std::vector<double> v_store, width_s;
};

// Charge taken out of the bitline by the end of integration, and the converter's pulse (signed in
// the second stage).
struct ColumnOutput {
  double charge_c = 0, pulse_s = 0;
};

// Who reads the columns in place of the device's tables: a circuit simulator. Results in the order
// of the columns. What it throws goes through Analog::run, whose step is then lost.
class ColumnSimulator {
 public:
  virtual ~ColumnSimulator() = default;
  virtual std::vector<ColumnOutput> first(std::span<const ColumnInput> columns) = 0;
  virtual std::vector<ColumnOutput> second(std::span<const ColumnInput> columns) = 0;
};

// The column level with its columns read by `simulator`: what cells store (write, pedestal,
// retention), the quantisers, the counter and all counts of actions are the column level's. Each
// head's columns of one stage go to the simulator together. Throws Error for mismatch and noise,
// which the simulator does not know, and for effects switched off that a circuit cannot lose.
std::unique_ptr<Analog> make_simulated_level(Shape shape, const Circuit& circuit, Scalers scalers,
                                             AnalogOptions options,
                                             std::shared_ptr<ColumnSimulator> simulator);

}  // namespace gaincell::attention
