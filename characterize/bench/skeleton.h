#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace gaincell::characterize {

// Writes a folder that holds a circuit of one's own to start from: netlist, model cards, benches
// and a page, which characterize, compile and show as they are. `name` is that of the subcircuit
// and of the folder's last part. Returns the files. Throws Error where the folder exists already.
std::vector<std::filesystem::path> write_cell_skeleton(const std::filesystem::path& folder);

}  // namespace gaincell::characterize
