#include "characterize/schema/text.h"

#include <fmt/format.h>

namespace gaincell::characterize {

std::size_t utf8_length(std::string_view text) {
  const auto byte = [&](std::size_t k) { return static_cast<unsigned char>(text[k]); };
  const unsigned char first = byte(0);
  if (first < 0x80) return 1;
  const std::size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || text.size() < length) return 0;
  for (std::size_t k = 1; k < length; ++k) {
    if (byte(k) < 0x80 || byte(k) > 0xbf) return 0;
  }
  const bool overlong = (first == 0xe0 && byte(1) < 0xa0) || (first == 0xf0 && byte(1) < 0x90);
  const bool no_character = (first == 0xed && byte(1) > 0x9f) || (first == 0xf4 && byte(1) > 0x8f);
  return overlong || no_character ? 0 : length;
}

std::string odd_character(std::string_view text, bool lines_allowed) {
  for (std::size_t k = 0; k < text.size();) {
    const auto c = static_cast<unsigned char>(text[k]);
    if (c == '\n' && !lines_allowed) return "a line break";
    if ((c < ' ' && c != '\t' && c != '\n') || c == 0x7f)
      return fmt::format("the control character U+{:04X}", c);
    const std::size_t length = utf8_length(text.substr(k));
    if (length == 0) return "a byte that is not UTF-8";
    const std::string_view character = text.substr(k, length);
    if (c == 0xc2 && static_cast<unsigned char>(character[1]) < 0xa0)
      return fmt::format("the control character U+{:04X}",
                         static_cast<unsigned char>(character[1]));
    if (character == "\u2028" || character == "\u2029") return "a line separator";
    k += length;
  }
  return {};
}

}  // namespace gaincell::characterize
