#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "sweep/results.h"

namespace gaincell::cli {

// The two figures of a Pareto front: as named, or the study's energy and nats. Error where a name
// is none or the study has no such number.
struct FrontFigures {
  std::size_t first = 0, second = 0;
  bool known = false;  // nothing was named, and the study has no energy
};
FrontFigures front_figures(const sweep::StudyResults& study, const std::vector<std::string>& names);

// For people: points, front, main effects, sensitivities, failures.
std::string study_text(const sweep::StudyResults& study, const FrontFigures& front);
// All of it; what is not known is null.
nlohmann::ordered_json study_json(const sweep::StudyResults& study, const FrontFigures& front);

}  // namespace gaincell::cli
