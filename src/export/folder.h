#pragma once

#include <filesystem>
#include <map>
#include <string>

namespace gaincell::exports {

// Files of an export by name, all at hand before the first is written; the folder is made where
// there is none, and other files in it stay. Throws Error where `out` is a file.
void write_folder(const std::filesystem::path& out,
                  const std::map<std::string, std::string>& files);

}  // namespace gaincell::exports
