#include "liberty/group.h"

#include <fmt/format.h>

namespace gaincell::liberty {

std::string number_text(double value) {
  // A zero has no sign, and what rounds to it is one.
  const std::string text = fmt::format("{:.6g}", value);
  return text == "-0" ? "0" : text;
}

Group& Group::set(std::string_view attribute, std::string_view value) {
  lines_.push_back(fmt::format("{} : {};", attribute, value));
  return *this;
}

Group& Group::set(std::string_view attribute, double value) {
  return set(attribute, number_text(value));
}

Group& Group::quote(std::string_view attribute, std::string_view value) {
  lines_.push_back(fmt::format("{} : \"{}\";", attribute, value));
  return *this;
}

Group& Group::call(std::string_view attribute, std::string_view value) {
  lines_.push_back(fmt::format("{} ({});", attribute, value));
  return *this;
}

Group& Group::rows(std::string_view attribute, const std::vector<std::vector<double>>& rows) {
  std::string text;
  for (const std::vector<double>& row : rows) {
    std::string numbers;
    for (const double value : row) numbers += (numbers.empty() ? "" : ", ") + number_text(value);
    text += fmt::format("{}\"{}\"", text.empty() ? "" : ", ", numbers);
  }
  return call(attribute, text);
}

Group& Group::add(std::string name, std::string arguments) {
  add(Group(std::move(name), std::move(arguments)));
  return groups_.back();
}

void Group::add(Group group) {
  lines_.emplace_back();
  groups_.push_back(std::move(group));
}

std::string Group::text(int depth) const {
  const std::string indent(static_cast<std::size_t>(depth) * 2, ' ');
  std::string text = fmt::format("{}{} ({}) {{\n", indent, name_, arguments_);
  auto group = groups_.begin();
  for (const std::string& line : lines_)
    text += line.empty() ? (group++)->text(depth + 1) : fmt::format("{}  {}\n", indent, line);
  return text + indent + "}\n";
}

}  // namespace gaincell::liberty
