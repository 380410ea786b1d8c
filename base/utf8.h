#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace gaincell {

// Length in bytes (1-4) of the well-formed UTF-8 character at the start of `text` (not empty); 0
// where the bytes are not UTF-8 (overlong, surrogate, beyond U+10FFFF, cut off).
int utf8_length(std::string_view text);

// Code point of one well-formed character.
std::uint32_t code_point(std::string_view character);

// "FILE:12:3", line and column (in characters) of byte `offset`, both from 1.
std::string text_place(const std::string& file, std::string_view text, std::size_t offset);

// Throws Error at the first byte that is not UTF-8.
void require_utf8(std::string_view text, const std::string& file);
bool is_utf8(std::string_view text);

// The code point as UTF-8; it must be one (no surrogate, at most U+10FFFF).
void append_utf8(std::uint32_t code, std::string& to);

// Text of a file, as UTF-8 and without a byte order mark.
struct DecodedText {
  std::string text;
  std::string encoding;  // that was found or asked for: utf-8, utf-16le, utf-16be, latin-1
};
// `encoding`: one of these, or empty for what the byte order mark says, UTF-8 where there is none.
// Throws Error where the bytes are not in it (at the first that is not), where they are UTF-16
// without a mark, and for another word.
DecodedText decode_text(std::string_view bytes, const std::string& file,
                        const std::string& encoding = {});

}  // namespace gaincell
