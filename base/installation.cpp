#include "base/installation.h"

#include <sys/auxv.h>

#include <cstdlib>
#include <string>
#include <system_error>
#include <vector>

#include "base/error.h"

namespace gaincell {
namespace {

namespace fs = std::filesystem;

constexpr const char* kVariable = "GAINCELL_DATA";

bool is_there(const fs::path& path) {
  std::error_code error;
  return fs::exists(path, error);
}

fs::path program_folder() {
  std::error_code error;
  fs::path self = fs::read_symlink("/proc/self/exe", error);
  // Without /proc, the name by which we were started.
  if (error)
    self =
        reinterpret_cast<const char*>(::getauxval(AT_EXECFN));  // NOLINT(performance-no-int-to-ptr)
  return self.parent_path();
}

std::vector<fs::path> data_folders() {
  if (const char* named = std::getenv(kVariable); named != nullptr && *named != '\0')
    return {named};
  const fs::path folder = program_folder();
  return {folder, folder.parent_path() / "share/gaincell"};
}

}  // namespace

fs::path sibling_program(std::string_view name) {
  const fs::path folder = program_folder();
  const fs::path beside = folder / name;
  const fs::path in_prefix = folder.parent_path() / "libexec/gaincell" / name;
  return !is_there(beside) && is_there(in_prefix) ? in_prefix : beside;
}

fs::path data_path(std::string_view name) {
  std::string tried;
  for (const fs::path& folder : data_folders()) {
    fs::path path = folder / name;
    if (is_there(path)) return path;
    tried += (tried.empty() ? "" : " and ") + folder.string();
  }
  throw Error({.place = std::string(name),
               .rule = "is not in " + tried,
               .remedy = std::string("set ") + kVariable +
                         " to gaincell's folder of data, which holds netlists"});
}

}  // namespace gaincell
