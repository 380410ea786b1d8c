#include "base/json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "base/error.h"

namespace gaincell {
namespace {

using ::testing::HasSubstr;

std::string complaint(const std::string& text) {
  try {
    parse_json(text, "f.json", "mend it");
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("f.json"));
    EXPECT_THAT(error.what(), HasSubstr("; mend it"));
    return error.what();
  }
  ADD_FAILURE() << "accepted: " << text.substr(0, 80);
  return {};
}

std::string nested(std::size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); }

TEST(ParseJson, TakesWhatJsonIs) {
  const std::string text = R"({"a": [1, -2, 2.5, {"b": null}, []], "c": {"d": true}, "e": "x"})";
  EXPECT_EQ(parse_json(text, "f"), nlohmann::json::parse(text));
  EXPECT_EQ(parse_json("3", "f"), 3);
  EXPECT_NO_THROW(parse_json(nested(kDeepestJson), "f"));
}

TEST(ParseJson, RefusesDepthBeforeItCostsAnything) {
  EXPECT_THAT(complaint(nested(kDeepestJson + 1)), HasSubstr("more than 64"));
  std::string deep;
  for (int i = 0; i < 2'000'000; ++i) deep += "{\"a\":";
  EXPECT_THAT(complaint(deep + "1"), HasSubstr("more than 64"));
}

TEST(ParseJson, NamesThePlaceAndTheKey) {
  EXPECT_THAT(complaint("{\"a\": 1,\n \"b\": @}"), HasSubstr("f.json:2:7"));
  EXPECT_THAT(complaint("{\"a\": 1e400}"), HasSubstr("1e400: is a number that no double holds"));
  EXPECT_THAT(complaint("{\"a\": 1, \"a\": 2}"), HasSubstr("a: the key stands twice"));
  EXPECT_THAT(complaint("{\"a\": [{\"b\": 1, \"b\": 2}]}"), HasSubstr("b: the key stands twice"));
  for (const char* broken : {"", "{", "nul", "[1,]", "{\"a\"}", "1 2", "\"\xFF\"", "\"\x01\""})
    EXPECT_THAT(complaint(broken), HasSubstr("is not JSON"));
}

TEST(JsonText, WritesNamesThatAreNotUtf8AndNumbersThatAreNone) {
  const nlohmann::ordered_json json{{"file", "a\xFF.txt"},
                                    {"energy_j", std::numeric_limits<double>::quiet_NaN()}};
  EXPECT_EQ(json_text(json), "{\"file\":\"a\xEF\xBF\xBD.txt\",\"energy_j\":null}");
  EXPECT_TRUE(number_or_null(std::numeric_limits<double>::infinity()).is_null());
  EXPECT_EQ(number_or_null(1.5), 1.5);
}

}  // namespace
}  // namespace gaincell
