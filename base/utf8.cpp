#include "base/utf8.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"

namespace gaincell {

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

namespace {

// The first byte that is not UTF-8, or the size.
std::size_t first_foreign(std::string_view text) {
  std::size_t at = 0;
  while (at < text.size()) {
    const int length = utf8_length(text.substr(at));
    if (length == 0) break;
    at += static_cast<std::size_t>(length);
  }
  return at;
}

void require_utf8(std::string_view text, const std::string& file, const char* remedy) {
  const std::size_t at = first_foreign(text);
  if (at == text.size()) return;
  throw Error({.place = text_place(file, text, at),
               .key = "byte",
               .value = fmt::format("0x{:02X}", static_cast<unsigned char>(text[at])),
               .rule = "the text is not UTF-8",
               .remedy = remedy});
}

std::string latin1(std::string_view bytes) {
  std::string text;
  for (const char byte : bytes) append_utf8(static_cast<unsigned char>(byte), text);
  return text;
}

std::string utf16(std::string_view bytes, bool little, const std::string& file) {
  std::string text;
  const auto unit = [&](std::size_t at) {
    const auto low = static_cast<unsigned char>(bytes[at + (little ? 0 : 1)]);
    const auto high = static_cast<unsigned char>(bytes[at + (little ? 1 : 0)]);
    return static_cast<std::uint32_t>(high << 8 | low);
  };
  const auto refuse = [&](std::size_t at) {
    return Error({.place = file,
                  .key = "byte",
                  .value = std::to_string(at),
                  .rule = "the text is not UTF-16 here",
                  .remedy = "convert it to UTF-8, or say --encoding"});
  };
  for (std::size_t at = 0; at < bytes.size(); at += 2) {
    if (bytes.size() - at < 2) throw refuse(at);
    std::uint32_t code = unit(at);
    if (code >= 0xDC00 && code < 0xE000) throw refuse(at);
    if (code >= 0xD800 && code < 0xDC00) {
      const std::uint32_t low = bytes.size() - at < 4 ? 0 : unit(at + 2);
      if (low < 0xDC00 || low >= 0xE000) throw refuse(at);
      code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
      at += 2;
    }
    append_utf8(code, text);
  }
  return text;
}

// UTF-16 of western text has a zero in every second byte; UTF-8 text has none at all.
const char* unmarked_utf16(std::string_view bytes) {
  const std::size_t looked_at = std::min<std::size_t>(bytes.size(), 4096) / 2 * 2;
  std::size_t zeros[2] = {0, 0};
  for (std::size_t i = 0; i < looked_at; ++i) zeros[i % 2] += bytes[i] == 0 ? 1 : 0;
  if (looked_at < 4 || (zeros[0] == 0) == (zeros[1] == 0)) return nullptr;
  if (4 * std::max(zeros[0], zeros[1]) < looked_at) return nullptr;
  return zeros[1] > 0 ? "utf-16le" : "utf-16be";
}

}  // namespace

bool is_utf8(std::string_view text) { return first_foreign(text) == text.size(); }

void require_utf8(std::string_view text, const std::string& file) {
  require_utf8(text, file, "convert it, e.g. iconv -f latin1 -t utf8");
}

void append_utf8(std::uint32_t code, std::string& to) {
  const auto tail = [&](int shift) { to += static_cast<char>(0x80 | (code >> shift & 0x3F)); };
  if (code < 0x80) {
    to += static_cast<char>(code);
  } else if (code < 0x800) {
    to += static_cast<char>(0xC0 | code >> 6);
    tail(0);
  } else if (code < 0x10000) {
    to += static_cast<char>(0xE0 | code >> 12);
    tail(6), tail(0);
  } else {
    to += static_cast<char>(0xF0 | code >> 18);
    tail(12), tail(6), tail(0);
  }
}

DecodedText decode_text(std::string_view bytes, const std::string& file,
                        const std::string& encoding) {
  struct Mark {
    std::string_view bytes;
    const char* encoding;
  };
  using namespace std::string_view_literals;
  constexpr Mark kMarks[] = {{"\xFF\xFE\0\0"sv, "utf-32"},
                             {"\0\0\xFE\xFF"sv, "utf-32"},
                             {"\xEF\xBB\xBF"sv, "utf-8"},
                             {"\xFF\xFE"sv, "utf-16le"},
                             {"\xFE\xFF"sv, "utf-16be"}};
  std::string found = encoding;
  for (const Mark& mark : kMarks) {
    if (!bytes.starts_with(mark.bytes) || (!encoding.empty() && encoding != mark.encoding))
      continue;
    found = mark.encoding;
    bytes.remove_prefix(mark.bytes.size());
    break;
  }
  if (found.empty()) {
    if (const char* likely = unmarked_utf16(bytes))
      throw Error({.place = file,
                   .rule = "every second byte is zero, as in UTF-16 without a byte order mark",
                   .remedy = fmt::format("give --encoding {}, or convert it to UTF-8", likely)});
    found = "utf-8";
  }
  if (found == "utf-8") {
    require_utf8(bytes, file, "give --encoding latin-1, or convert it to UTF-8");
    return {std::string(bytes), found};
  }
  if (found == "utf-16le" || found == "utf-16be")
    return {utf16(bytes, found == "utf-16le", file), found};
  if (found == "latin-1") return {latin1(bytes), found};
  const bool asked = found == encoding;
  throw Error({.place = asked ? "" : file,
               .key = asked ? "--encoding" : "byte order mark",
               .value = found,
               .rule = "must be utf-8, utf-16le, utf-16be or latin-1",
               .remedy = "convert the text to UTF-8"});
}

}  // namespace gaincell
