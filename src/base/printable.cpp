#include "base/printable.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>

namespace gaincell {
namespace {

struct Character {
  std::uint32_t code = 0;
  std::size_t bytes = 0;  // 0: this is no UTF-8
};

// The first character; overlong forms, surrogates and what lies beyond U+10FFFF are none.
Character first_of(std::string_view text) {
  const auto byte = [&](std::size_t k) {
    return k < text.size() ? static_cast<unsigned char>(text[k]) : 0u;
  };
  const unsigned lead = byte(0);
  if (lead < 0x80) return {lead, 1};
  const std::size_t bytes = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (lead < 0xc2 || lead > 0xf4) return {};
  std::uint32_t code = lead & (0x7fu >> bytes);
  for (std::size_t k = 1; k < bytes; ++k) {
    if ((byte(k) & 0xc0u) != 0x80u) return {};
    code = code << 6 | (byte(k) & 0x3fu);
  }
  constexpr std::uint32_t kLeast[] = {0, 0, 0x80, 0x800, 0x10000};
  if (code < kLeast[bytes] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) return {};
  return {code, bytes};
}

bool is_shown(std::uint32_t code) {
  const bool control = code < 0x20 || (code >= 0x7f && code < 0xa0);
  const bool line_end = code == 0x2028 || code == 0x2029;
  const bool direction = code == 0x61c || code == 0x200e || code == 0x200f ||
                         (code >= 0x202a && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069);
  return !control && !line_end && !direction && code != 0xfeff;
}

std::string escaped(std::uint32_t code) {
  switch (code) {
    case '\n':
      return "\\n";
    case '\r':
      return "\\r";
    case '\t':
      return "\\t";
    default:
      return code < 0x80 ? fmt::format("\\x{:02x}", code) : fmt::format("\\u{:04x}", code);
  }
}

// Appends what of the text fits into `room` bytes; false where that is not all.
bool add(std::string& line, std::string_view text, std::size_t room) {
  while (!text.empty()) {
    const Character character = first_of(text);
    const std::size_t bytes = std::max<std::size_t>(character.bytes, 1);
    std::string shown(text.substr(0, bytes));
    if (character.bytes == 0) {
      shown = fmt::format("\\x{:02x}", static_cast<unsigned char>(text[0]));
    } else if (!is_shown(character.code)) {
      shown = escaped(character.code);
    }
    if (shown.size() > room) return false;
    room -= shown.size();
    line += shown;
    text.remove_prefix(bytes);
  }
  return true;
}

}  // namespace

std::string printable(std::string_view text, std::size_t most) {
  std::string line;
  if (text.size() <= most && add(line, text, most)) return line;
  // Three quarters from the beginning, an eighth from the end, which escapes may double.
  line.clear();
  add(line, text.substr(0, most), most - most / 4);
  line += " ... ";
  std::string_view end = text.substr(text.size() - std::min(most / 8, text.size()));
  while (!end.empty() && (static_cast<unsigned char>(end[0]) & 0xc0u) == 0x80u)
    end.remove_prefix(1);  // not from within a character
  add(line, end, most / 4);
  return line;
}

std::string printable_lines(std::string_view text) {
  std::string lines;
  while (!text.empty()) {
    const std::size_t feed = std::min(text.find('\n'), text.size());
    add(lines, text.substr(0, feed), std::string_view::npos);
    if (feed < text.size()) lines += '\n';
    text.remove_prefix(std::min(feed + 1, text.size()));
  }
  return lines;
}

}  // namespace gaincell
