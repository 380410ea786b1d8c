#include "characterize/worker/code_model_files.h"

#include <dlfcn.h>
#include <ngspice/sharedspice.h>

#include <filesystem>

namespace gaincell::characterize {

std::vector<std::string> open_code_models() {
  namespace fs = std::filesystem;
  Dl_info library{};
  std::error_code error;
  if (::dladdr(reinterpret_cast<const void*>(&ngSpice_Init), &library) == 0) return {};
  const fs::path folder = fs::canonical(library.dli_fname, error).parent_path() / "ngspice";
  std::vector<std::string> opened;
  // As in ngspice's own start-up file.
  for (const char* name : {"spice2poly", "analog", "digital", "xtradev", "xtraevt", "table"}) {
    const std::string path = (folder / name).string() + ".cm";
    if (::dlopen(path.c_str(), RTLD_NOW) != nullptr) opened.push_back(path);
  }
  return opened;
}

}  // namespace gaincell::characterize
