#pragma once

#include <map>
#include <string>
#include <vector>

namespace gaincell::sweep {

// What a device was made at: "corner" -> "slow", "v_dd" -> "0.81 V", and its longest pulse,
// "t_max"; conditions that its benches do not share are left out.
std::map<std::string, std::string> conditions_of(const std::string& device_file);

// Whether it states mismatch or noise.
bool states_spread(const std::string& device_file);

// Devices of one circuit, made at other conditions by `gaincell device --at`.
class Family {
 public:
  Family() = default;
  explicit Family(const std::vector<std::string>& files);

  bool empty() const { return members_.empty(); }
  // Conditions in which members differ.
  std::vector<std::string> names() const;
  bool knows(const std::string& name) const;
  // "V" of a condition that is a number with a unit ("" where it has none), none of words.
  bool is_word(const std::string& name) const;
  std::string unit(const std::string& name) const;
  // What there is of it, as the files say: "0.81 V".
  std::vector<std::string> texts(const std::string& name) const;
  // The files that were made at all of these; a text is as texts() has it.
  std::vector<std::string> made_at(const std::map<std::string, std::string>& conditions) const;

 private:
  struct Member {
    std::string file;
    std::map<std::string, std::string> conditions;
  };
  std::vector<Member> members_;
};

// "0.81 V" -> 0.81; NaN for a word.
double number_of(const std::string& text);

}  // namespace gaincell::sweep
