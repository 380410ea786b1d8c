#include "base/utf8.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"

namespace gaincell {
namespace {

using ::testing::HasSubstr;
using namespace std::string_literals;

std::string complaint(const std::string& bytes, const std::string& encoding = {}) {
  try {
    decode_text(bytes, "t.txt", encoding);
  } catch (const Error& error) {
    return error.what();
  }
  ADD_FAILURE() << "accepted";
  return {};
}

// Code units of both kinds.
std::string utf16(const std::u16string& text, bool little) {
  std::string bytes;
  for (const char16_t unit : text)
    for (const int shift : {little ? 0 : 8, little ? 8 : 0})
      bytes += static_cast<char>(unit >> shift & 0xFF);
  return bytes;
}

TEST(DecodeText, GoesByTheByteOrderMark) {
  const std::string text = "µ, 東京 and 😀\n";
  const std::u16string wide = u"µ, 東京 and 😀\n";
  EXPECT_EQ(decode_text(text, "t").text, text);
  EXPECT_EQ(decode_text("\xEF\xBB\xBF" + text, "t").text, text);
  EXPECT_EQ(decode_text("\xFF\xFE" + utf16(wide, true), "t").text, text);
  EXPECT_EQ(decode_text("\xFE\xFF" + utf16(wide, false), "t").text, text);
  EXPECT_EQ(decode_text("\xFE\xFF" + utf16(wide, false), "t").encoding, "utf-16be");
  EXPECT_EQ(decode_text(utf16(wide, true), "t", "utf-16le").text, text);
  EXPECT_EQ(decode_text("\xB5", "t", "latin-1").text, "µ");
  EXPECT_EQ(decode_text("", "t").text, "");
}

TEST(DecodeText, NamesThePlaceOfWhatIsForeign) {
  EXPECT_THAT(complaint("ab\nc\xE9"
                        "d"),
              HasSubstr("t.txt:2:2: byte = 0xE9: the text is not UTF-8"));
  EXPECT_THAT(complaint("ab\xE9"), HasSubstr("--encoding latin-1"));
  EXPECT_THAT(complaint(utf16(u"V_store,V_in,I", true)), HasSubstr("give --encoding utf-16le"));
  EXPECT_THAT(complaint(utf16(u"V_store,V_in,I", false)), HasSubstr("give --encoding utf-16be"));
  EXPECT_THAT(complaint("\xFF\xFE\0\0a\0\0\0"s), HasSubstr("utf-32"));
  EXPECT_THAT(complaint("\xFF\xFE"
                        "a\0b"s),
              HasSubstr("byte = 2"));  // half a unit
  EXPECT_THAT(complaint("\xFF\xFE\x00\xD8"
                        "a\0"s),
              HasSubstr("byte = 0"));  // half a pair
  EXPECT_THAT(complaint("a", "cp437"), HasSubstr("--encoding = cp437")) << "";
}

// Zeros alone do not make a text UTF-16.
TEST(DecodeText, KeepsZerosOfTextInUtf8) {
  EXPECT_EQ(decode_text("a long line of text\0 and more\n"s, "t").text.size(), 30u);
}

}  // namespace
}  // namespace gaincell
