#pragma once

#include <initializer_list>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace gaincell::scores {

// A line of a file with one JSON object a line. Each accessor throws Error with file, line, key and
// value.
struct JsonLine {
  nlohmann::json object;
  std::string place;  // file:line

  std::string text(const std::string& key) const { return text_at(object, key, key); }
  // Of an object inside; `name` is its key in messages.
  std::string text_at(const nlohmann::json& inside, const std::string& key,
                      const std::string& name) const;
  const nlohmann::json& list(const nlohmann::json& inside, const std::string& key,
                             const std::string& name) const;
  // An object inside.
  const nlohmann::json& inside(const std::string& key) const;
  std::vector<std::string> texts_at(const nlohmann::json& inside, const std::string& key,
                                    const std::string& name) const;
  // Whole number, also as text: the public files have both.
  int number(const std::string& key) const;
  void only(std::initializer_list<const char*> keys) const;
};

// Blank lines are passed over. Error where there is no object at all.
std::vector<JsonLine> read_json_lines(const std::string& path);

}  // namespace gaincell::scores
