#include "edge/codec/lax_numbers.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>
#include <utility>
#include <vector>

namespace gischat::edge::codec {
namespace {

TEST(LaxFloat, ReadsEverySpellingThatPythonReads) {
  const std::vector<std::pair<std::string, double>> table = {
      {"1", 1},           {"+1", 1},
      {"-1", -1},         {"  1.5\t", 1.5},
      {"\n\r\v\f2 ", 2},  {".5", 0.5},
      {"-.5", -0.5},      {"1.", 1},
      {"1.e2", 100},      {"1e3", 1000},
      {"1E+3", 1000},     {"1e-3", 0.001},
      {"007", 7},         {"1_000", 1000},
      {"1_0.0_1", 10.01}, {"1e1_0", 1e10},
      {"0.1", 0.1},       {"1.7976931348623157e308", std::numeric_limits<double>::max()},
      {"5e-324", 5e-324},
  };
  for (const auto& [text, number] : table) {
    EXPECT_EQ(ReadLaxFloat(text), std::optional<double>(number)) << text;
  }
}

TEST(LaxFloat, RoundsWhatIsTooSmallToZero) {
  EXPECT_EQ(ReadLaxFloat("1e-400"), 0.0);
  EXPECT_EQ(ReadLaxFloat("0." + std::string(400, '0') + "1"), 0.0);
  const auto negative = ReadLaxFloat("-1e-400");
  ASSERT_TRUE(negative);
  EXPECT_TRUE(std::signbit(*negative));
}

TEST(LaxFloat, RefusesWhatIsTooLarge) {
  EXPECT_EQ(ReadLaxFloat("1e309"), std::nullopt);
  EXPECT_EQ(ReadLaxFloat("-1e309"), std::nullopt);
  EXPECT_EQ(ReadLaxFloat(std::string(400, '9')), std::nullopt);
  EXPECT_EQ(ReadLaxFloat("1" + std::string(400, '0') + "e-10"), std::nullopt);
}

TEST(LaxFloat, RefusesEverythingElse) {
  for (const char* text :
       {"",     " ",    "+",    "-",    ".",   "e5",       "1e",    "1e+",  "1,5",  "1 2", "0x10",
        "1f",   "nan",  "NaN",  "-nan", "inf", "Infinity", "-inf",  "1__0", "_1",   "1_",  "1_.0",
        "1._0", "1_e5", "1e_5", "+-1",  "--1", "++1",      "1.2.3", "1-2",  "true", "١"}) {
    EXPECT_EQ(ReadLaxFloat(text), std::nullopt) << text;
  }
  EXPECT_EQ(ReadLaxFloat(std::string_view("1\0", 2)), std::nullopt);
}

TEST(LaxInteger, ReadsDecimalNumbersOfSixtyFourBits) {
  const std::vector<std::pair<std::string, int64_t>> table = {
      {"0", 0},
      {"-0", 0},
      {"12", 12},
      {" +12 ", 12},
      {"-12", -12},
      {"0012", 12},
      {"1_700_000_000", 1'700'000'000},
      {"9223372036854775807", std::numeric_limits<int64_t>::max()},
      {"-9223372036854775808", std::numeric_limits<int64_t>::min()},
  };
  for (const auto& [text, number] : table) {
    EXPECT_EQ(ReadLaxInteger(text), std::optional<int64_t>(number)) << text;
  }
}

TEST(LaxInteger, RefusesEverythingElse) {
  for (const char* text : {"", " ", "+", "-", "1.5", "1e3", "0x10", "1__0", "_1", "1_", "+-1",
                           "1 2", "x", "9223372036854775808", "-9223372036854775809"}) {
    EXPECT_EQ(ReadLaxInteger(text), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace gischat::edge::codec
