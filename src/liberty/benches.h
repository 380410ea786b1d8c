#pragma once

#include <filesystem>
#include <string>

#include "liberty/netlists.h"
#include "liberty/stimulus.h"

namespace gaincell::liberty {

// Names of the measurements of a copy at a step, or of all copies.
std::string energy_name(std::size_t copy, std::size_t step);   // from the supply, J
std::string current_name(std::size_t copy, std::size_t step);  // of the supply, at the end, A
std::string delay_name(std::size_t copy, std::size_t step, std::size_t output);  // s
std::string start_name(std::size_t copy, std::size_t step, std::size_t output);  // of the edge, s
std::string end_name(std::size_t copy, std::size_t step, std::size_t output);    // s
std::string charge_name(std::size_t step);  // that moved the input of the step, C
std::string power_name(std::size_t step);   // of supply and inputs, when all is still, W
inline constexpr const char* kConstraintName = "constraint";

// From where a slewed input begins to move until all is still: what `current_name` is multiplied
// by.
double window_s(const CellLibrary& library, const Stimulus& stimulus, double slew_s);

// Benches as YAML; `netlist` is that of Netlists::wired_text().
std::string bench_of(const CellLibrary& library, const Netlists& netlists, const Stimulus& stimulus,
                     const std::filesystem::path& netlist);
std::string bench_of(const CellLibrary& library, const Netlists& netlists,
                     const Constraint& constraint, const std::filesystem::path& netlist);
// Of a combinational cell: its power in every state, copy k in that state.
std::string leakage_bench_name(const Cell& cell);
std::string leakage_bench(const CellLibrary& library, const Netlists& netlists, const Cell& cell,
                          const std::filesystem::path& netlist);

}  // namespace gaincell::liberty
