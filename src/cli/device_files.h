#pragma once

#include <map>
#include <string>

#include "lut/gain_cell_device.h"

namespace gaincell::cli {

// Device files, each read once. Reading is done by a process of its own, and none should be made
// while other threads run.
class DeviceFiles {
 public:
  struct Entry {
    lut::GainCellDevice device;
    std::string sha256;
  };
  const Entry& read(const std::string& path);

 private:
  std::map<std::string, Entry> entries_;
};

}  // namespace gaincell::cli
