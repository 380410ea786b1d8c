#pragma once

#include <string>
#include <vector>

#include "lut/device_file.h"

namespace gaincell::exports {

// A curve of straight lines.
struct Curve {
  std::vector<double> nodes, values;
};

// What a circuit simulator needs of a cell: a current that is a short sum of products of curves,
// one of the stored voltage and one of the bitline's, since simulators differentiate those fast.
struct ReadModel {
  struct Term {
    Curve of_stored, of_bitline;
  };
  std::vector<Term> terms;                  // A, out of the bitline
  std::string source;                       // what it was fitted to, in words
  double max_percent = 0, rms_percent = 0;  // off it, of its full scale, between the nodes too
  double capacitance_f = 0;                 // of the storage node, mean over the table
  Curve leakage;  // A out of the storage node over its voltage; empty: not known
  Curve written;  // V over the level of the write; empty: not known
};

// The current is the slope of cell_read_charge between 1 and the longest pulse where the device has
// that, since it has in it what a pulse does to the stored voltage; else cell_static_current.
// Throws Error where there is neither.
ReadModel read_model(const lut::DeviceFile& device);

// A charge-to-pulse converter as a capacitor and a curve.
struct ConverterModel {
  double capacitance_f = 0;  // of the bitline, with the idle cells
  double offset_v = 0;       // bitline after the reset, against the reference
  double longest_s = 0;      // longest input pulse: the unit of `pulse`
  Curve pulse;               // over the charge taken out of the bitline, C
  double refill_a = 0;       // what brings the bitline back while a pulse lasts
};

bool has_converter(const lut::DeviceFile& device, const std::string& name);
// `name`: "relu" or "signed".
ConverterModel converter_model(const lut::DeviceFile& device, const std::string& name);

}  // namespace gaincell::exports
