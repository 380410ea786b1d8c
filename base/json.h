#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace gaincell {

// The one way that JSON from outside is read: strict (no comments, no key twice in one object), at
// most kDeepestJson objects and arrays inside each other, numbers that a double holds. A violation
// is an Error with `place`, line and column, which ends with `remedy`.
inline constexpr std::size_t kDeepestJson = 64;
nlohmann::json parse_json(std::string_view text, const std::string& place,
                          const std::string& remedy = {});

// The one way that JSON is written: bytes that are not UTF-8 (names of files) become U+FFFD, a
// number that is not finite becomes null. `indent` -1 = in one line.
template <typename Json>
std::string json_text(const Json& json, int indent = -1) {
  return json.dump(indent, ' ', false, Json::error_handler_t::replace);
}

// Null for what is not known (NaN) and what no JSON can say.
nlohmann::json number_or_null(double value);

// A value as a message shows it: in one line, cut after 80 bytes.
std::string brief_json(const nlohmann::json& value);

}  // namespace gaincell
