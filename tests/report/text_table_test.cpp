#include "report/text_table.h"

#include <gtest/gtest.h>

namespace gaincell::report {
namespace {

TEST(TextTable, AlignsColumnsAndDropsTrailingBlanks) {
  TextTable table({{"name"}, {"value", TextTable::Align::kRight}, {"what"}});
  table.row({"a", "1", "first"});
  table.row({"long", "100"});
  EXPECT_EQ(table.text(),
            "name  value  what\n"
            "a         1  first\n"
            "long    100\n");
  EXPECT_EQ(TextTable({{"x"}}).text(2), "  x\n");
}

TEST(TextTable, CountsCharactersNotBytes) {
  TextTable table({{"\xc2\xb5"}, {"b"}});
  table.row({"aa", "c"});
  EXPECT_EQ(table.text(), "\xc2\xb5   b\naa  c\n");
}

}  // namespace
}  // namespace gaincell::report
