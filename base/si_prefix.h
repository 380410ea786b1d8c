#pragma once

#include <string>
#include <string_view>

namespace gaincell {

// What a value is best told in: {1e-9, "n"} for 1.5e-8. Beyond atto and tera the ends of these.
struct SiPrefix {
  double factor;
  std::string_view letter;
};
SiPrefix si_prefix(double value);

// A quantity for people: "15 ns" as format_si() has it, and without a prefix what takes none, such
// as "27 degC", "0.97" (unit "1" or none) and "3 dB".
std::string told(double value, std::string_view unit, int digits = 4);
bool takes_prefix(std::string_view unit);

}  // namespace gaincell
