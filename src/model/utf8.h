#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace gaincell::model {

// Length in bytes (1-4) of the well-formed UTF-8 character at the start of `text` (not empty); 0
// where the bytes are not UTF-8 (overlong, surrogate, beyond U+10FFFF, cut off).
int utf8_length(std::string_view text);

// Code point of one well-formed character.
std::uint32_t code_point(std::string_view character);

// "FILE:12:3", line and column (in characters) of byte `offset`, both from 1.
std::string text_place(const std::string& file, std::string_view text, std::size_t offset);

// Throws Error at the first byte that is not UTF-8.
void require_utf8(std::string_view text, const std::string& file);

}  // namespace gaincell::model
