#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "characterize/circuit/netlist_text.h"

// What the parts of the netlist reader share (netlist.cpp, netlist_prune.cpp, netlist_check.cpp).
namespace gaincell::characterize {

inline constexpr std::size_t kGone = static_cast<std::size_t>(-1);  // of a line that was pruned

[[noreturn]] void refuse_line(const CircuitLine& line, std::string rule, std::string remedy);

// Names before an '=' among the words of a parameter list.
std::vector<std::string> parameter_names(const std::vector<std::string>& words, std::size_t from);

bool is_model_type(const std::string& type, const Dialect& dialect);
std::vector<std::string> model_types(const Dialect& dialect);

}  // namespace gaincell::characterize
