#include "cli/device_files.h"

#include "base/sha256.h"

namespace gaincell::cli {

const DeviceFiles::Entry& DeviceFiles::read(const std::string& path) {
  const auto known = entries_.find(path);
  if (known != entries_.end()) return known->second;
  return entries_.emplace(path, Entry{lut::GainCellDevice::read(path), sha256_of_file(path)})
      .first->second;
}

}  // namespace gaincell::cli
