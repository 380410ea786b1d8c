#pragma once

#include <filesystem>
#include <string>

#include "characterize/pool/descriptor.h"

namespace gaincell::characterize {

// A fresh folder, removed with all it holds. What a killed process left behind is removed by the
// next one: an owner that lives holds a lock on its folder, and a file in it marks it as ours.
class ScratchFolder {
 public:
  ScratchFolder();
  ~ScratchFolder();
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;
  const std::filesystem::path& path() const { return path_; }
  // A new folder in it. Throws Error where there is no room.
  std::filesystem::path make(const std::string& name) const;

 private:
  std::filesystem::path path_;
  Descriptor lock_;
};

}  // namespace gaincell::characterize
