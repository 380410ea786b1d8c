#pragma once

#include <string>
#include <vector>

#include "plot/chart.h"
#include "sweep/results.h"

namespace gaincell::plot {

// Names of a study's charts: `pareto` and `energy` where it has energies, `sensitivities`, and each
// parameter that was varied.
std::vector<std::string> chart_names(const sweep::StudyResults& study);

// Throws Error for a name that there is not, listing those that there are.
Chart study_chart(const sweep::StudyResults& study, const std::string& name);

}  // namespace gaincell::plot
