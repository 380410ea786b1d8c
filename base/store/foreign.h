#pragma once
// Internal to this component: files that people take for HDF5.

#include <string>
#include <utility>

namespace gaincell::store {

// What a file is by its first bytes, and what makes HDF5 of it; "" where they tell nothing.
std::pair<std::string, std::string> foreign_format(int fd);

}  // namespace gaincell::store
