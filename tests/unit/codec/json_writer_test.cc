#include "edge/codec/json_writer.h"

#include <gtest/gtest.h>

#include <limits>
#include <string>
#include <utility>
#include <vector>

namespace gischat::edge::codec {
namespace {

std::string Quoted(std::string_view text) {
  std::string out;
  AppendJsonString(text, &out);
  return out;
}

std::string Spelt(double number) {
  std::string out;
  AppendJsonFloat(number, &out);
  return out;
}

TEST(JsonWriter, LeavesUtf8AsItIs) {
  EXPECT_EQ(Quoted("Zürich 東京 🗺 \x7f /"), "\"Zürich 東京 🗺 \x7f /\"");
  EXPECT_EQ(Quoted(""), "\"\"");
}

TEST(JsonWriter, EscapesQuotesBackslashesAndControls) {
  EXPECT_EQ(Quoted("a\"b\\c"), R"("a\"b\\c")");
  EXPECT_EQ(Quoted("\b\f\n\r\t"), R"("\b\f\n\r\t")");
  EXPECT_EQ(Quoted(std::string_view("\0\x01\x1f", 3)), R"("\u0000\u0001\u001f")");
  EXPECT_EQ(Quoted("\n\n"), R"("\n\n")");
}

TEST(JsonWriter, SpellsFloatsAsPythonDoes) {
  const std::vector<std::pair<double, std::string>> table = {
      {1.0, "1.0"},
      {0.0, "0.0"},
      {-0.0, "-0.0"},
      {0.1, "0.1"},
      {-2.5, "-2.5"},
      {100.0, "100.0"},
      {1234567.0, "1234567.0"},
      {1.0 / 3, "0.3333333333333333"},
      {0.1 + 0.2, "0.30000000000000004"},
      {0.0001, "0.0001"},
      {0.00012345, "0.00012345"},
      {0.00001, "1e-05"},
      {0.00001234, "1.234e-05"},
      {9007199254740993.0, "9007199254740992.0"},
      {9999999999999998.0, "9999999999999998.0"},
      {1e15, "1000000000000000.0"},
      {1e16, "1e+16"},
      {-1e16, "-1e+16"},
      {123456789012345680.0, "1.2345678901234568e+17"},
      {1e100, "1e+100"},
      {5e-324, "5e-324"},
      {2.2250738585072014e-308, "2.2250738585072014e-308"},
      {std::numeric_limits<double>::max(), "1.7976931348623157e+308"},
      {std::numeric_limits<double>::lowest(), "-1.7976931348623157e+308"},
  };
  for (const auto& [number, spelling] : table) EXPECT_EQ(Spelt(number), spelling);
}

TEST(JsonWriter, WritesMembersInTheOrderOfTheCalls) {
  std::string out = "before ";
  JsonObjectWriter(&out)
      .String("s", "a\"b")
      .Float("f", 2)
      .Integer("i", std::numeric_limits<int64_t>::min())
      .Null("n")
      .Raw("r", "[1, 2]")
      .End();
  EXPECT_EQ(out, R"(before {"s":"a\"b","f":2.0,"i":-9223372036854775808,"n":null,"r":[1, 2]})");
}

TEST(JsonWriter, WritesAnEmptyObject) {
  std::string out;
  JsonObjectWriter(&out).End();
  EXPECT_EQ(out, "{}");
}

}  // namespace
}  // namespace gischat::edge::codec
