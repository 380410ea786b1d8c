#pragma once

#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "characterize/circuit/netlist_text.h"

// XSPICE: devices that the simulator loads from its code model files. They are part of its
// installation, and a worker that needs them loads them before it gives up its rights; code models
// of the user's own are another matter (`--allow codemodel`).
namespace gaincell::characterize {

// Model types of the code models that ngspice 39 brings along.
const std::set<std::string>& code_model_types();

// The parameter by which a model of this type reads a file; nothing where it reads none.
std::optional<std::string> file_parameter_of(std::string_view type);

// Whether this line makes the simulator look for a code model: an A device, a controlled source
// that is a polynomial or a gate.
bool needs_code_model(const CircuitLine& line);

}  // namespace gaincell::characterize
