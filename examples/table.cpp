// Writes a device file, reads it back, and looks up a current with its slope.
#include <cstdio>

#include "lut/device_file.h"
#include "lut/ideal_device.h"

int main() {
  gaincell::lut::published_device().write("published.h5");
  const auto device = gaincell::lut::DeviceFile::read("published.h5");
  const gaincell::lut::Table& current = device.table("cell_static_current");
  constexpr double kStored = 0.9, kBitline = 0.45;  // V
  std::printf("%s at %g V: %.3g A, slope %.3g A/V\n", current.name().c_str(), kStored,
              current.at(kStored, kBitline), current.derivative(0, kStored - 0.1, kBitline));
}
