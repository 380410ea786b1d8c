#pragma once

#include <string>
#include <vector>

#include "lut/samples_file.h"
#include "plot/chart.h"
#include "plot/device_charts.h"

namespace gaincell::plot {

// "bench.measurement", all of them.
std::vector<std::string> chart_names(const lut::SamplesFile& samples);
// Those that a reader asks for first: what tables and spreads are made of.
std::vector<std::string> main_chart_names(const lut::SamplesFile& samples);

// A measurement against one or two conditions, the others at a value; with draws and without
// `over`, how they spread at one point, as a histogram beside its normal distribution. `name`:
// bench.measurement, or the measurement alone where one bench has it. Throws Error for a name or
// condition that there is not, listing those that there are.
Chart samples_chart(const lut::SamplesFile& samples, const std::string& name,
                    const View& view = {});

}  // namespace gaincell::plot
