#include "base/printable.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"

namespace gaincell {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

TEST(Printable, PlainTextOfAnyLanguageStaysAsItIs) {
  for (const char* text : {"", "v(out)", "Spannung µV, größer", "電圧", "𝛺", "a ... b", "1\\n2"})
    EXPECT_EQ(printable(text, 100), text);
}

TEST(Printable, ControlCharactersAreNamedAndNotPrinted) {
  EXPECT_EQ(printable("a\nb\r\tc", 100), "a\\nb\\r\\tc");
  EXPECT_EQ(printable("\x1b[2J", 100), "\\x1b[2J");
  EXPECT_EQ(printable(std::string("a\0b", 3), 100), "a\\x00b");
  EXPECT_EQ(printable("\x7f", 100), "\\x7f");
  EXPECT_EQ(printable("\u009b31m", 100), "\\u009b31m");  // a terminal's sequence in one character
  EXPECT_EQ(printable("a\u202eb\u2028c", 100), "a\\u202eb\\u2028c");
}

TEST(Printable, LinesStayLinesHoweverLong) {
  const std::string wide(5000, 'x');
  EXPECT_EQ(printable_lines("a\x1b[2J\n\nb\xff\n"), "a\\x1b[2J\n\nb\\xff\n");
  EXPECT_EQ(printable_lines(wide + "\nend"), wide + "\nend");
  EXPECT_EQ(printable_lines(""), "");
}

TEST(Printable, BytesThatAreNoUtf8AreNamedEachForItself) {
  EXPECT_EQ(printable("gr\xf6\xdf"
                      "er",
                      100),
            "gr\\xf6\\xdfer");                                   // Latin-1
  EXPECT_EQ(printable("\xc3", 100), "\\xc3");                    // cut within a character
  EXPECT_EQ(printable("\xc0\xaf", 100), "\\xc0\\xaf");           // overlong
  EXPECT_EQ(printable("\xed\xa0\x80", 100), "\\xed\\xa0\\x80");  // surrogate
  EXPECT_EQ(printable("\xf5\x80\x80\x80", 100), "\\xf5\\x80\\x80\\x80");
}

TEST(Printable, LongTextIsCutInItsMiddleAndNeverWithinACharacter) {
  EXPECT_EQ(printable(std::string(100, 'a'), 100), std::string(100, 'a'));
  const std::string cut = printable(std::string(1000, 'a') + "end", 100);
  EXPECT_THAT(cut, StartsWith("aaaa"));
  EXPECT_THAT(cut, HasSubstr("a ... a"));
  EXPECT_THAT(cut, EndsWith("end"));
  std::string umlauts;
  for (int k = 0; k < 500; ++k) umlauts += "ü";
  for (std::size_t most = 40; most < 60; ++most) {
    for (const std::string& text : {umlauts, std::string(500, '\n'), std::string(500, '\xff')}) {
      const std::string line = printable(text, most);
      EXPECT_LE(line.size(), most + 5);
      EXPECT_EQ(printable(line, 200), line) << "is not UTF-8 throughout";
    }
  }
}

TEST(Error, IsOneLineOfBoundedLengthWhateverItQuotes) {
  const std::string hostile = std::string(300'000, 'x') + "\n\x1b[31m\xff";
  const Error error(
      {.place = hostile, .key = hostile, .value = hostile, .rule = hostile, .remedy = hostile});
  const std::string text = error.what();
  EXPECT_LT(text.size(), 4000u);
  EXPECT_EQ(text.find('\n'), std::string::npos);
  EXPECT_EQ(text.find('\x1b'), std::string::npos);
  EXPECT_EQ(error.complaint().value, hostile);  // for programs
}

}  // namespace
}  // namespace gaincell
