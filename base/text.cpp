#include "base/text.h"

#include <fmt/format.h>

#include "base/utf8.h"

namespace gaincell {

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = lower(c);
  return out;
}

std::string odd_character(std::string_view text, bool lines_allowed) {
  for (std::size_t k = 0; k < text.size();) {
    const auto c = static_cast<unsigned char>(text[k]);
    if (c == '\n' && !lines_allowed) return "a line break";
    if ((c < ' ' && c != '\t' && c != '\n') || c == 0x7f)
      return fmt::format("the control character U+{:04X}", c);
    const auto length = static_cast<std::size_t>(utf8_length(text.substr(k)));
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

}  // namespace gaincell
