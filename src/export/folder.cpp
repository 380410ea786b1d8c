#include "export/folder.h"

#include <system_error>

#include "base/error.h"
#include "base/files.h"

namespace gaincell::exports {

void write_folder(const std::filesystem::path& out,
                  const std::map<std::string, std::string>& files) {
  namespace fs = std::filesystem;
  std::error_code error;
  if (fs::exists(out, error) && !fs::is_directory(out, error))
    throw Error({.place = out.string(),
                 .rule = "is a file, and this export is a folder of several",
                 .remedy = "choose another output"});
  const bool made = fs::create_directory(out, error);
  if (error)
    throw Error({.place = out.string(),
                 .rule = "could not be made (" + error.message() + ")",
                 .remedy = "create the folder that it is to lie in, or choose another output"});
  try {
    for (const auto& file : files) require_output(out / file.first);
    for (const auto& [name, bytes] : files) write_file(out / name, bytes);
  } catch (...) {
    if (made) fs::remove_all(out, error);
    throw;
  }
}

}  // namespace gaincell::exports
