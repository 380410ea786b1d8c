// The text of a Liberty file.
#include "liberty/group.h"

#include <gtest/gtest.h>

namespace gaincell::liberty {
namespace {

TEST(LibertyGroup, HoldsAttributesAndGroupsInTheirOrder) {
  Group root("library", "x");
  root.add("cell", "INV").set("area", 0.5).add("pin", "A").set("direction", "input");
  root.quote("time_unit", "1ps").call("technology", "cmos");
  EXPECT_EQ(root.text(),
            "library (x) {\n"
            "  cell (INV) {\n"
            "    area : 0.5;\n"
            "    pin (A) {\n"
            "      direction : input;\n"
            "    }\n"
            "  }\n"
            "  time_unit : \"1ps\";\n"
            "  technology (cmos);\n"
            "}\n");
}

TEST(LibertyGroup, RowsAreOneTextEach) {
  Group table("cell_rise", "delay");
  table.rows("values", {{1, 2.5}, {1e-9, 1234567}});
  EXPECT_EQ(table.text(),
            "cell_rise (delay) {\n  values (\"1, 2.5\", \"1e-09, 1.23457e+06\");\n}\n");
}

TEST(LibertyGroup, ZeroHasNoSign) { EXPECT_EQ(number_text(-0.0), "0"); }

}  // namespace
}  // namespace gaincell::liberty
