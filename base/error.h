#pragma once

#include <stdexcept>
#include <string>

namespace gaincell {

// What a user reads when an input is refused. The message is
//   place: key = value: rule; remedy
// with the empty parts left out, e.g.
//   read.yaml:14: conditions.v_read.points = 1: a table axis needs at least 2; raise it or drop the
//   axis
struct Complaint {
  std::string place{};   // file, file:line, or the option's name
  std::string key{};     // path of the key inside the place, "conditions.v_read.points"
  std::string value{};   // the offending value as the user wrote it
  std::string rule{};    // what must hold
  std::string remedy{};  // what to do about it
};

// Bad input or an unusable environment. The program prints what() and exits with code 2; nothing
// was left half-written. A simulation that fails is data, not an Error; a bug is an assert.
class Error : public std::runtime_error {
 public:
  explicit Error(Complaint complaint);
  const Complaint& complaint() const { return complaint_; }

 private:
  Complaint complaint_;
};

}  // namespace gaincell
