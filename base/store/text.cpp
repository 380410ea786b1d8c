#include "base/store/text.h"

#include <algorithm>
#include <cstdint>

namespace gaincell::store {
namespace {

constexpr std::string_view kReplacement = "\xef\xbf\xbd";

// Length of the UTF-8 character that `bytes` begins with, 0 where it is none (RFC 3629: shortest
// form, no surrogate, at most U+10FFFF).
std::size_t character(std::string_view bytes) {
  const auto at = [&](std::size_t i) { return static_cast<unsigned char>(bytes[i]); };
  const unsigned char first = at(0);
  if (first < 0x80) return 1;
  const std::size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || bytes.size() < length) return 0;
  std::uint32_t code = first & (0x7fu >> length);
  for (std::size_t i = 1; i < length; ++i) {
    if ((at(i) & 0xc0) != 0x80) return 0;
    code = code << 6 | (at(i) & 0x3fu);
  }
  constexpr std::uint32_t kLeast[] = {0, 0, 0x80, 0x800, 0x10000};
  return code < kLeast[length] || code > 0x10ffff || (code >= 0xd800 && code < 0xe000) ? 0 : length;
}

std::string cleaned(std::string_view bytes, std::string_view allowed) {
  std::string text;
  text.reserve(bytes.size());
  while (!bytes.empty()) {
    const std::size_t length = character(bytes);
    const auto first = static_cast<unsigned char>(bytes[0]);
    const bool control = length == 1 && (first < 0x20 || first == 0x7f);
    if (length == 0 || (control && allowed.find(bytes[0]) == std::string_view::npos)) {
      text += kReplacement;
    } else {
      text += bytes.substr(0, length);
    }
    bytes.remove_prefix(std::max<std::size_t>(length, 1));
  }
  return text;
}

}  // namespace

std::string clean_text(std::string_view bytes) { return cleaned(bytes, "\t\n\r"); }
std::string clean_name(std::string_view bytes) { return cleaned(bytes, ""); }

std::string join_path(const std::string& group, const std::string& name) {
  return group == "/" ? "/" + name : group + "/" + name;
}

}  // namespace gaincell::store
