#include "base/units.h"

#include <gtest/gtest.h>

#include "base/si_prefix.h"

namespace gaincell {

TEST(Units, ReadsSpiceSuffixesWhereCapitalMIsMilli) {
  EXPECT_EQ(parse_quantity("15n", "s"), 15e-9);
  EXPECT_EQ(parse_quantity("15ns", "s"), 15e-9);
  EXPECT_EQ(parse_quantity("5f", "F"), 5e-15);
  EXPECT_EQ(parse_quantity("5fF", "F"), 5e-15);
  EXPECT_EQ(parse_quantity("5F", "F"), 5e-15);
  EXPECT_EQ(parse_quantity("5 F", "F"), 5.0);
  EXPECT_EQ(parse_quantity("1M", "V"), 1e-3);
  for (const char* mega : {"1MOhm", "1 MOhm", "2.5Mohm"})
    EXPECT_EQ(parse_quantity(mega, "Ohm"), std::nullopt) << mega;
  EXPECT_EQ(parse_quantity("5MHz", "Hz"), std::nullopt);
  EXPECT_EQ(parse_quantity("5mHz", "Hz"), 5e-3);
  EXPECT_EQ(parse_quantity("5MEGHz", "Hz"), 5e6);
  EXPECT_EQ(parse_quantity("512M", "B"), 512e6);
  EXPECT_EQ(parse_quantity("512 MB", "B"), 512e6);
  EXPECT_EQ(parse_quantity("2G", "B"), 2e9);
  EXPECT_EQ(parse_quantity("1meg", ""), 1e6);
  EXPECT_EQ(parse_quantity(" -0.9 V ", "V"), -0.9);
  EXPECT_EQ(parse_quantity("27", "degC"), 27.0);
  EXPECT_EQ(parse_quantity("1e-15", "C"), 1e-15);
}

TEST(Units, RefusesWhatIsNotANumberOfThatUnit) {
  for (const char* text : {"", "volt", "1 q", "3V3", "1mil", "nan", "inf", "0.9 A"}) {
    EXPECT_FALSE(parse_quantity(text, "V").has_value()) << text;
  }
}

TEST(Units, PrintsEngineeringNotation) {
  EXPECT_EQ(format_si(1.5e-8, "s"), "15 ns");
  EXPECT_EQ(format_si(1.12e-9, "J"), "1.12 nJ");
  EXPECT_EQ(format_si(0, "V"), "0 V");
  EXPECT_EQ(format_si(-2.5e-13, "C"), "-250 fC");
  // What rounds to a thousand has the next prefix.
  EXPECT_EQ(format_si(999.96e-9, "s", 3), "1 us");
}

TEST(Units, TellsWithoutAPrefixWhatTakesNone) {
  EXPECT_EQ(told(-40, "degC"), "-40 degC");
  EXPECT_EQ(told(0.97116, "1"), "0.9712");
  EXPECT_EQ(told(1.5e-8, "s"), "15 ns");
}

TEST(Units, ExactTextReadsBackAsTheSameNumber) {
  for (const double x : {0.1, 1.0 / 3, 6.62607015e-34, -15e-9, 1e300}) {
    EXPECT_EQ(std::stod(format_exact(x)), x);
  }
}

}  // namespace gaincell
