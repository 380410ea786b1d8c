#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace gaincell::liberty {

// A group of a Liberty file: name (arguments) { attributes and groups }, in the order in which they
// are added: a reader knows a group's name only behind it.
class Group {
 public:
  explicit Group(std::string name, std::string arguments = {})
      : name_(std::move(name)), arguments_(std::move(arguments)) {}

  // name : value;
  Group& set(std::string_view attribute, std::string_view value);
  Group& set(std::string_view attribute, double value);
  // name : "value";
  Group& quote(std::string_view attribute, std::string_view value);
  // name (value);
  Group& call(std::string_view attribute, std::string_view value);
  // name ("1, 2", "3, 4");
  Group& rows(std::string_view attribute, const std::vector<std::vector<double>>& rows);
  // Stays where it is until the next of its siblings is added.
  Group& add(std::string name, std::string arguments = {});
  void add(Group group);

  const std::string& name() const { return name_; }
  std::string text(int depth = 0) const;

 private:
  std::string name_, arguments_;
  std::vector<std::string> lines_;  // an empty one stands for the next group
  std::vector<Group> groups_;
};

// As Liberty files have it: six digits.
std::string number_text(double value);

}  // namespace gaincell::liberty
