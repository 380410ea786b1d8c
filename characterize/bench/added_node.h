#pragma once

#include <string>

namespace gaincell::characterize {

// A value that a swept condition has beside those of the bench's text.
struct AddedNode {
  std::string bench, condition;  // empty bench: whichever is read
  double value = 0;              // in the condition's unit
  bool operator==(const AddedNode&) const = default;
};

}  // namespace gaincell::characterize
