#pragma once

#include <span>

namespace gaincell::energy {

// What no item of EnergyModel holds, with what is known of its size for one token and head at a
// window of 1,024 and heads of 64: joules a token, or watts that are there all the time. Both ends
// are NaN where nothing is known.
struct NotCounted {
  const char* what;
  const char* unit;  // J or W
  double low, high;
  const char* source;
};
std::span<const NotCounted> not_counted();

}  // namespace gaincell::energy
