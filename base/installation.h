#pragma once

#include <filesystem>
#include <string_view>

namespace gaincell {

// What this program comes with, found from where it lies at run time: no path of the machine that
// built it is compiled in, so a prefix or a build folder may be moved as a whole.

// A program of ours: beside the running one, or in ../libexec/gaincell of a prefix.
std::filesystem::path sibling_program(std::string_view name);

// A file or folder of our data, such as "netlists/column": in $GAINCELL_DATA where that is set,
// else beside the program or in ../share/gaincell. Throws Error naming the places where it is in
// none.
std::filesystem::path data_path(std::string_view name);

}  // namespace gaincell
