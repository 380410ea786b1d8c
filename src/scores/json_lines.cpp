#include "scores/json_lines.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>

#include "base/error.h"
#include "base/files.h"
#include "base/json.h"
#include "base/utf8.h"

namespace gaincell::scores {
namespace {

[[noreturn]] void refuse(const std::string& place, const std::string& key,
                         const nlohmann::json& inside, const std::string& own_key,
                         const std::string& rule) {
  const bool there = inside.is_object() && inside.contains(own_key);
  throw Error({.place = place,
               .key = key,
               .value = there ? brief_json(inside[own_key]) : "",
               .rule = there ? rule : "is missing: " + rule,
               .remedy = "give the task's public file as it comes"});
}

}  // namespace

std::string JsonLine::text_at(const nlohmann::json& inside, const std::string& key,
                              const std::string& name) const {
  if (!inside.is_object() || !inside.contains(key) || !inside[key].is_string())
    refuse(place, name, inside, key, "must be a text");
  return inside[key].get<std::string>();
}

const nlohmann::json& JsonLine::list(const nlohmann::json& inside, const std::string& key,
                                     const std::string& name) const {
  if (!inside.is_object() || !inside.contains(key) || !inside[key].is_array() ||
      inside[key].empty())
    refuse(place, name, inside, key, "must be a list with something in it");
  return inside[key];
}

const nlohmann::json& JsonLine::inside(const std::string& key) const {
  if (!object.contains(key) || !object[key].is_object())
    refuse(place, key, object, key, "must be an object");
  return object[key];
}

std::vector<std::string> JsonLine::texts_at(const nlohmann::json& inside, const std::string& key,
                                            const std::string& name) const {
  std::vector<std::string> texts;
  for (const auto& value : list(inside, key, name)) {
    if (!value.is_string()) refuse(place, name, inside, key, "must be a list of texts");
    texts.push_back(value.get<std::string>());
  }
  return texts;
}

int JsonLine::number(const std::string& key) const {
  if (object.contains(key)) {
    const nlohmann::json& value = object[key];
    const std::string digits = value.is_string()           ? value.get<std::string>()
                               : value.is_number_integer() ? value.dump()
                                                           : "";
    int result = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), result);
    if (!digits.empty() && error == std::errc() && end == digits.data() + digits.size())
      return result;
  }
  refuse(place, key, object, key, "must be a whole number");
}

void JsonLine::only(std::initializer_list<const char*> keys) const {
  for (const auto& [key, value] : object.items()) {
    if (std::find(keys.begin(), keys.end(), key) != keys.end()) continue;
    throw Error({.place = place,
                 .key = key,
                 .value = brief_json(value),
                 .rule = "has no effect here",
                 .remedy = fmt::format("keys are {}", fmt::join(keys, ", "))});
  }
}

std::vector<JsonLine> read_json_lines(const std::string& path) {
  const std::string bytes = read_file(path);
  require_utf8(bytes, path);
  std::vector<JsonLine> lines;
  int number = 0;
  for (std::size_t at = 0; at < bytes.size();) {
    const std::size_t end = std::min(bytes.find('\n', at), bytes.size());
    const std::string_view line(bytes.data() + at, end - at);
    at = end + 1;
    ++number;
    if (line.find_first_not_of(" \t\r") == std::string_view::npos) continue;
    const std::string place = fmt::format("{}:{}", path, number);
    JsonLine& fresh = lines.emplace_back(
        JsonLine{parse_json(line, place, "every line is one JSON object"), place});
    if (!fresh.object.is_object())
      throw Error({.place = place,
                   .value = brief_json(fresh.object),
                   .rule = "must be a JSON object, one a line"});
  }
  if (lines.empty())
    throw Error({.place = path, .rule = "holds no JSON object", .remedy = "one a line is read"});
  return lines;
}

}  // namespace gaincell::scores
