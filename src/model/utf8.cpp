#include "model/utf8.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"

namespace gaincell::model {

int utf8_length(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned first = byte(0);
  if (first < 0x80) return 1;
  int length = 0;
  if (first >= 0xC2 && first <= 0xDF) length = 2;
  if (first >= 0xE0 && first <= 0xEF) length = 3;
  if (first >= 0xF0 && first <= 0xF4) length = 4;
  if (length == 0 || text.size() < static_cast<std::size_t>(length)) return 0;
  // The second byte's range excludes overlong forms, surrogates and what lies beyond U+10FFFF.
  const unsigned low = first == 0xE0 ? 0xA0 : first == 0xF0 ? 0x90 : 0x80;
  const unsigned high = first == 0xED ? 0x9F : first == 0xF4 ? 0x8F : 0xBF;
  if (byte(1) < low || byte(1) > high) return 0;
  for (int i = 2; i < length; ++i)
    if (byte(i) < 0x80 || byte(i) > 0xBF) return 0;
  return length;
}

std::uint32_t code_point(std::string_view character) {
  const auto first = static_cast<unsigned char>(character[0]);
  if (character.size() == 1) return first;
  std::uint32_t code = first & (0x7Fu >> character.size());
  for (std::size_t i = 1; i < character.size(); ++i)
    code = code << 6 | (static_cast<unsigned char>(character[i]) & 0x3Fu);
  return code;
}

std::string text_place(const std::string& file, std::string_view text, std::size_t offset) {
  const std::string_view before = text.substr(0, offset);
  const auto line = std::count(before.begin(), before.end(), '\n') + 1;
  const std::size_t feed = before.rfind('\n');
  const std::string_view in_line = before.substr(feed == std::string_view::npos ? 0 : feed + 1);
  const auto column =
      std::count_if(in_line.begin(), in_line.end(),
                    [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }) +
      1;
  return fmt::format("{}:{}:{}", file, line, column);
}

void require_utf8(std::string_view text, const std::string& file) {
  std::size_t at = 0;
  while (at < text.size()) {
    const int length = utf8_length(text.substr(at));
    if (length == 0) {
      throw Error({.place = text_place(file, text, at),
                   .key = "byte",
                   .value = fmt::format("0x{:02X}", static_cast<unsigned char>(text[at])),
                   .rule = "the text is not UTF-8",
                   .remedy = "convert it, e.g. iconv -f latin1 -t utf8"});
    }
    at += static_cast<std::size_t>(length);
  }
}

}  // namespace gaincell::model
