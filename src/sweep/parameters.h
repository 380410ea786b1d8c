#pragma once

#include <span>
#include <string>

namespace gaincell::sweep {

// Something that an inference can be given otherwise, and how `gaincell infer` is told.
struct Parameter {
  enum class Kind { kWhole, kNumber, kWords, kDevice };
  // --window 64; or one of the NAME=VALUE words of --hardware or --spread.
  enum class As { kOption, kHardware, kSpread };
  std::string name;
  std::string unit;  // "1" without
  std::string what;
  Kind kind = Kind::kNumber;
  double least = 0, most = 0;  // of numbers
  As as = As::kOption;
  std::string option;  // "--window"
  // Whether `gaincell adapt` has the same option and heeds it.
  bool of_circuit = false;
};

std::span<const Parameter> parameters();
// Null where there is none of this name.
const Parameter* find_parameter(const std::string& name);

}  // namespace gaincell::sweep
