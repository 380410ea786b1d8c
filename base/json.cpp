#include "base/json.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "base/error.h"

namespace gaincell {
namespace {

using nlohmann::json;

// Builds the value while it is parsed, with a stack of its own: depth costs no recursion.
class Builder final : public nlohmann::json_sax<json> {
 public:
  bool null() override { return add(nullptr); }
  bool boolean(bool value) override { return add(value); }
  bool number_integer(number_integer_t value) override { return add(value); }
  bool number_unsigned(number_unsigned_t value) override { return add(value); }
  bool number_float(number_float_t value, const string_t&) override { return add(value); }
  bool string(string_t& value) override { return add(std::move(value)); }
  bool binary(binary_t& value) override { return add(std::move(value)); }
  bool start_object(std::size_t) override { return open(json::object()); }
  bool start_array(std::size_t) override { return open(json::array()); }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }
  bool key(string_t& name) override {
    const auto [at, added] = open_.back()->get_ref<json::object_t&>().emplace(name, nullptr);
    value_ = &at->second;
    if (added) return true;
    complaint_ = "the key stands twice in one object";
    key_ = name;
    return false;
  }
  // Position of the offending byte, counted from 1 as the parser does; its own words are not for
  // users.
  bool parse_error(std::size_t position, const std::string& token,
                   const nlohmann::detail::exception& error) override {
    position_ = position;
    token_ = token;
    complaint_ = error.id == 406 ? "is a number that no double holds" : "is not JSON here";
    return false;
  }

  json take() { return std::move(root_); }
  const std::string& complaint() const { return complaint_; }
  const std::string& key() const { return key_; }
  const std::string& token() const { return token_; }
  std::size_t position() const { return position_; }

 private:
  json* place(json&& value) {
    if (open_.empty()) return &(root_ = std::move(value));
    if (open_.back()->is_array()) {
      auto& array = open_.back()->get_ref<json::array_t&>();
      return &array.emplace_back(std::move(value));
    }
    return &(*value_ = std::move(value));
  }
  bool add(json&& value) {
    place(std::move(value));
    return true;
  }
  bool open(json&& container) {
    if (open_.size() == kDeepestJson) {
      complaint_ = fmt::format("more than {} objects and arrays inside each other", kDeepestJson);
      return false;
    }
    open_.push_back(place(std::move(container)));
    return true;
  }
  bool close() {
    open_.pop_back();
    return true;
  }

  json root_;
  std::vector<json*> open_;   // containers around the next value; an array's last element stays put
  json* value_ = nullptr;     // of the key at hand
  std::size_t position_ = 0;  // 0: not known
  std::string complaint_, key_, token_;
};

// "FILE:3:14" of a byte counted from 1.
std::string place_of(const std::string& file, std::string_view text, std::size_t position) {
  const std::string_view before = text.substr(0, position - 1);
  const std::size_t feed = before.rfind('\n');
  return fmt::format("{}:{}:{}", file, std::count(before.begin(), before.end(), '\n') + 1,
                     before.size() - (feed == std::string_view::npos ? 0 : feed + 1) + 1);
}

}  // namespace

json parse_json(std::string_view text, const std::string& place, const std::string& remedy) {
  Builder builder;
  if (json::sax_parse(text, &builder)) return builder.take();
  const std::size_t at = std::min(builder.position(), text.size());
  throw Error({.place = at > 0 ? place_of(place, text, at) : place,
               .key = builder.key(),
               .value = builder.token().substr(0, 40),
               .rule = builder.complaint(),
               .remedy = remedy});
}

json number_or_null(double value) { return std::isfinite(value) ? json(value) : json(); }

std::string brief_json(const json& value) {
  constexpr std::size_t kLongest = 80;
  std::string text = json_text(value);
  if (text.size() > kLongest) text = text.substr(0, kLongest) + "...";
  return text;
}

}  // namespace gaincell
