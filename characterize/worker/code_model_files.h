#pragma once

#include <string>
#include <vector>

namespace gaincell::characterize {

// Opens the code models (XSPICE) that the installed simulator brings along, for a process that will
// not be able to open files later: what is open is found by its name alone. Returns their paths;
// none where they are not installed.
std::vector<std::string> open_code_models();

}  // namespace gaincell::characterize
