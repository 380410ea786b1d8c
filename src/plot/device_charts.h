#pragma once

#include <map>
#include <string>
#include <vector>

#include "lut/device_file.h"
#include "plot/chart.h"

namespace gaincell::plot {

// What of a quantity of several variables is drawn: over one or two of them, the others at a place.
// Empty: over the first two, the others in the middle of their nodes.
struct View {
  std::vector<std::string> over;
  std::map<std::string, std::string> at;  // as typed: "450m", "slow"
};

// Names of a device's charts: its tables, and `energy` where it has energies.
std::vector<std::string> chart_names(const lut::DeviceFile& device);

// A curve with its error band and hold-out points, or a surface with these filled by its colours;
// below it how far each is off, between the bounds that the device states. `cell_retention`: a
// curve for each start of its hold-out points, and where a cell has lost half a level. Throws Error
// for a name that there is not (listing those that there are), and for a view that the table has
// not.
Chart device_chart(const lut::DeviceFile& device, const std::string& name, const View& view = {});

}  // namespace gaincell::plot
