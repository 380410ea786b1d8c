#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "sweep/design.h"

namespace gaincell::sweep {

// The device of a point; empty where none is said. Error where the family has none for it, or
// several.
std::string device_of(const Study& study, const Point& point);

// The verb that runs a study's points: infer, or eval where it has a task.
const char* verb_of(const Study& study);
// The options that run a point by that verb, and that fit its scalers first as `gaincell
// adapt`. `model`: the folder, the study's or the one that adapt wrote.
std::vector<std::string> run_options(const Study& study, const Point& point,
                                     const std::optional<std::uint64_t>& seed,
                                     const std::string& model);
std::vector<std::string> adapt_options(const Study& study, const Point& point,
                                       const std::string& out);

// As a shell takes it.
std::string command_line(const std::string& verb, const std::vector<std::string>& options);

// "window=64, corner=slow": what is varied.
std::string name_of(const std::vector<Axis>& axes, const Point& point);

}  // namespace gaincell::sweep
