#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "lut/device_file.h"
#include "plot/chart.h"

namespace gaincell::plot {

// Joules of one token and head by part, of circuits alone: digital parts are the published figures
// themselves.
struct EnergyBars {
  std::string label;
  std::vector<std::pair<std::string, double>> parts;  // NaN: not known
  std::vector<std::string> published;                 // parts taken over from the paper, in no bar
};

// What is said of parts that no circuit stands behind, with their size; empty where there is none.
std::string said_of_published(const std::vector<EnergyBars>& bars);

bool has_energies(const lut::DeviceFile& device);
// On uniform levels, at the window of the published figures and one layer's own time.
EnergyBars energy_bars(const lut::DeviceFile& device);
// Of an inference with circuits, as `gaincell infer --json` printed it; no parts where it has none.
EnergyBars energy_bars(const nlohmann::json& inference, const std::string& label);

// Beside what was published.
Chart energy_chart(const std::vector<EnergyBars>& bars);
Chart energy_chart(const lut::DeviceFile& device);

}  // namespace gaincell::plot
