#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/random.h"
#include "lut/device_file.h"

namespace gaincell::audit {

// Conditions that the engine meets when it runs a device on random inputs: charges of both
// converters, and stored voltages, pulses and bitlines of reads.
class MetConditions {
 public:
  // Knows nothing of a device that is no gain-cell device.
  MetConditions(const lut::DeviceFile& device, std::uint64_t seed);

  // Of tables over these axes.
  bool knows(const std::vector<std::string>& over) const;
  // One of them; of charges those of the converter that the table is named after.
  std::map<std::string, double> draw(const std::vector<std::string>& over, const std::string& table,
                                     Random& random) const;

 private:
  struct Read {
    double v_store, pulse_width, v_bitline;
  };
  std::vector<double> relu_charge_c_, signed_charge_c_;
  std::vector<Read> reads_;
};

}  // namespace gaincell::audit
