#pragma once

#include <yaml-cpp/yaml.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "characterize/schema/expression.h"
#include "characterize/schema/form.h"

namespace gaincell::characterize {

// A node of a bench with the path that leads to it.
class Item {
 public:
  Item(const YAML::Node& node, std::string file, std::string key)
      : node_(node), file_(std::move(file)), key_(std::move(key)), line_(line_of(node_)) {}

  Where where() const;
  const std::string& key() const { return key_; }
  const YAML::Node& node() const { return node_; }
  bool has(const std::string& name) const { return node_.IsMap() && node_[name]; }
  bool is_scalar() const { return node_.IsScalar(); }
  bool is_list() const { return node_.IsSequence(); }
  bool is_map() const { return node_.IsMap(); }
  Item operator[](const std::string& name) const;
  std::vector<Item> list() const;  // a scalar or mapping counts as a list of one
  std::vector<std::pair<std::string, Item>> map() const;  // in the order of the file
  std::string text() const;
  std::string text(const std::string& name, const std::string& otherwise = {}) const;
  long integer() const;
  bool boolean() const;
  double constant(std::string_view unit) const;
  // Throws Error at this item.
  [[noreturn]] void refuse(std::string rule, std::string remedy = {}) const;

 private:
  static int line_of(const YAML::Node& node) { return node.Mark().line; }
  // The entry of a mapping stands where its key does: a value may begin lines below.
  Item entry(const YAML::Node& name, const YAML::Node& value) const;

  YAML::Node node_;
  std::string file_;
  std::string key_;
  int line_;  // from 0; below 0 where it is not known
};

// Reads a YAML file of at most 4 MB. Throws Error with file:line where it is not YAML, nests too
// deeply or names a key twice.
Item read_yaml(const std::string& path);
Item parse_yaml(const std::string& text, const std::string& path);

// Throws Error at the first key that is unknown, missing or of another form.
void validate(const Item& item, const Form& form);

}  // namespace gaincell::characterize
