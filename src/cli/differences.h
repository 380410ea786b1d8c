#pragma once

#include <optional>
#include <string>
#include <vector>

#include "lut/device_file.h"
#include "lut/samples_file.h"

namespace gaincell::cli {

// One thing that two files do not agree on.
struct Difference {
  std::string where;  // "table cell_read_charge", "bench read_current"
  std::string what;   // "values", "axis v_store", "only in one file"
  std::string a{}, b{};
  // Of numbers: by how much, in `unit` and in percent of the first file's full scale or value.
  std::string unit{};
  std::optional<double> max_abs{}, rms_abs{}, max_percent{};
  std::string at{};  // where they differ most
  std::size_t points = 0;
};

// Empty where the files say the same. Tables over other grids are compared at the nodes of both, as
// far as both axes reach.
std::vector<Difference> differences(const lut::DeviceFile& a, const lut::DeviceFile& b);
// Points are matched by their conditions and draw, wherever they stand.
std::vector<Difference> differences(const lut::SamplesFile& a, const lut::SamplesFile& b);

}  // namespace gaincell::cli
