#include "common/config/table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>

#include "common/base/utf8.h"

namespace gischat::config {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class TableTest : public testing::Test {
 protected:
  Table table_{"gischat", "Does things."};
};

TEST_F(TableTest, KeepsDefaultsWhenNothingIsSet) {
  uint16_t port = 8000;
  std::vector<std::string> channels = {"QGIS"};
  table_.Number("GISCHAT_PORT", &port, {}, "").List("CHANNELS", &channels, "");
  EXPECT_THAT(table_.Read({}), IsEmpty());
  EXPECT_EQ(port, 8000);
  EXPECT_THAT(channels, ElementsAre("QGIS"));
}

TEST_F(TableTest, TakesAnEmptyValueAsNotSet) {
  uint16_t port = 8000;
  table_.Number("GISCHAT_PORT", &port, {}, "");
  EXPECT_THAT(table_.Read({{"GISCHAT_PORT", ""}}), IsEmpty());
  EXPECT_EQ(port, 8000);
}

TEST_F(TableTest, ReadsIntegersWithUnderscoresAndBlanks) {
  const std::vector<std::pair<std::string, int64_t>> readable = {
      {"0", 0}, {"5_000_000", 5'000'000}, {" 12 ", 12}, {"-3", -3}, {"+4", 4}};
  for (const auto& [text, number] : readable) {
    int64_t value = 99;
    Table table("gischat", "");
    table.Number("N", &value, {.min = -10}, "");
    EXPECT_THAT(table.Read({{"N", text}}), IsEmpty()) << text;
    EXPECT_EQ(value, number) << text;
  }
}

TEST_F(TableTest, RefusesWhatIsNoInteger) {
  for (const char* text :
       {"80x", "x", "1.0", "0x10", "1__0", "_1", "1_", "1 2", "99999999999999999999", "-"}) {
    int32_t value = 7;
    Table table("gischat", "");
    table.Number("N", &value, {}, "");
    EXPECT_THAT(table.Read({{"N", text}}), testing::SizeIs(1)) << text;
    EXPECT_EQ(value, 7) << text;
  }
}

TEST_F(TableTest, NamesVariableValueAndRangeOfAFaultyNumber) {
  uint16_t port = 8000;
  table_.Number("GISCHAT_PORT", &port, {}, "");
  EXPECT_THAT(table_.Read({{"GISCHAT_PORT", "80x"}}),
              ElementsAre("GISCHAT_PORT: '80x' must be an integer from 0 to 65535"));
}

TEST_F(TableTest, CutsTheRangeToWhatTheTargetHolds) {
  uint16_t port = 8000;
  uint64_t bytes = 1;
  table_.Number("PORT", &port, {.min = 1, .max = 100'000}, "").Number("BYTES", &bytes, {}, "");
  EXPECT_THAT(table_.Read({{"PORT", "65536"}, {"BYTES", "-1"}}),
              ElementsAre("PORT: '65536' must be an integer from 1 to 65535",
                          "BYTES: '-1' must be an integer from 0"));
  EXPECT_THAT(table_.Read({{"PORT", "65535"}, {"BYTES", "9223372036854775807"}}), IsEmpty());
  EXPECT_EQ(port, 65535);
  EXPECT_EQ(bytes, 9223372036854775807u);
}

TEST_F(TableTest, ReadsDurationsInTheirUnit) {
  absl::Duration interval = absl::Milliseconds(100);
  table_.Duration("GISCHAT_COUNT_INTERVAL_MS", &interval, absl::Milliseconds(1), {.max = 1000}, "");
  EXPECT_THAT(table_.Read({{"GISCHAT_COUNT_INTERVAL_MS", "250"}}), IsEmpty());
  EXPECT_EQ(interval, absl::Milliseconds(250));
  EXPECT_THAT(table_.Help(), HasSubstr("[integer from 0 to 1000, ms; default: 100]"));
}

TEST_F(TableTest, PrefersTheFirstNameThatIsSet) {
  std::vector<std::string> channels;
  table_.List({"CHANNELS", "ROOMS"}, &channels, "");
  EXPECT_THAT(table_.Read({{"ROOMS", "old"}}), IsEmpty());
  EXPECT_THAT(channels, ElementsAre("old"));
  EXPECT_THAT(table_.Read({{"ROOMS", "old"}, {"CHANNELS", "new"}}), IsEmpty());
  EXPECT_THAT(channels, ElementsAre("new"));
}

TEST_F(TableTest, TrimsListElementsAndDropsEmptyOnes) {
  std::vector<std::string> channels;
  table_.List("CHANNELS", &channels, "");
  EXPECT_THAT(table_.Read({{"CHANNELS", " QGIS , ,Geo tribu,"}}), IsEmpty());
  EXPECT_THAT(channels, ElementsAre("QGIS", "Geo tribu"));
}

TEST_F(TableTest, NamesEachFaultyListElement) {
  std::vector<std::string> channels = {"QGIS"};
  table_.List("CHANNELS", &channels, "", [](const std::string& name) {
    return name.find('/') == std::string::npos ? absl::OkStatus()
                                               : absl::InvalidArgumentError("must not contain '/'");
  });
  EXPECT_THAT(table_.Read({{"CHANNELS", "a/b,ok,/"}}),
              ElementsAre("CHANNELS: 'a/b,ok,/' has 'a/b', which must not contain '/'; "
                          "has '/', which must not contain '/'"));
  EXPECT_THAT(channels, ElementsAre("QGIS"));
}

TEST_F(TableTest, RefusesAListWithoutElements) {
  std::vector<std::string> channels = {"QGIS"};
  table_.List("CHANNELS", &channels, "");
  EXPECT_THAT(table_.Read({{"CHANNELS", " , "}}),
              ElementsAre("CHANNELS: ' , ' must hold at least one element"));
}

TEST_F(TableTest, OffersTheWordsOfAChoice) {
  std::string format = "text";
  table_.Choice("GISCHAT_LOG_FORMAT", &format, {"text", "json"}, "");
  EXPECT_THAT(table_.Read({{"GISCHAT_LOG_FORMAT", "xml"}}),
              ElementsAre("GISCHAT_LOG_FORMAT: 'xml' must be one of text, json"));
  EXPECT_THAT(table_.Read({{"GISCHAT_LOG_FORMAT", "json"}}), IsEmpty());
  EXPECT_EQ(format, "json");
}

TEST_F(TableTest, ReportsAllMistakesTogether) {
  uint16_t port = 0;
  uint32_t size = 0;
  table_.Number("GISCHAT_PORT", &port, {}, "").Number("MAX_IMAGE_SIZE", &size, {.min = 1}, "");
  EXPECT_THAT(table_.Read({{"GISCHAT_PORT", "x"}, {"MAX_IMAGE_SIZE", "0"}, {"GISCHAT_X_Y", "1"}}),
              testing::SizeIs(3));
}

TEST_F(TableTest, NeverRepeatsSecrets) {
  const auto refuse = [](const std::string&) { return absl::InvalidArgumentError("is wrong"); };
  table_.Custom("REDIS_URL", "", "", refuse).Custom("DB_PASSWORD", "", "", refuse);
  EXPECT_THAT(table_.Read({{"REDIS_URL", "redis://:s3cret@h"}, {"DB_PASSWORD", "s3cret"}}),
              ElementsAre("REDIS_URL: is wrong", "DB_PASSWORD: is wrong"));
}

TEST_F(TableTest, ShowsStrangeBytesOnOneLine) {
  std::string format = "text";
  table_.Choice("FORMAT", &format, {"text"}, "");
  EXPECT_THAT(table_.Read({{"FORMAT", "a\nb\xff"}}),
              ElementsAre(R"(FORMAT: 'a\nb\xff' must be one of text)"));
}

TEST_F(TableTest, RefusesUnknownVariablesOfTheSuiteWithAHint) {
  EXPECT_THAT(table_.Read({{"GISCHAT_PROT", "1"}}),
              ElementsAre("GISCHAT_PROT: unknown variable (did you mean GISCHAT_PORT?)"));
  EXPECT_THAT(table_.Read({{"GISCHAT_SOMETHING_ELSE", "1"}}),
              ElementsAre("GISCHAT_SOMETHING_ELSE: unknown variable"));
}

TEST_F(TableTest, IgnoresVariablesOfOtherProcessesAndOtherPrograms) {
  EXPECT_THAT(
      table_.Read({{"GISCHAT_QUEUE_BYTES", "x"}, {"SENTRY_DSN", "x"}, {"MATRIX_TOKEN", "x"}}),
      IsEmpty());
}

TEST_F(TableTest, HelpNamesEveryVariableInOrderWithin100Columns) {
  uint16_t port = 8000;
  std::string rules = std::string("Be friendly. ") + std::string(20, 'x') + " " +
                      std::string(70, 'y') + " and éèà " + std::string(30, 'z');
  std::vector<std::string> channels = {"QGIS", "Geotribu"};
  std::string none;
  std::string url = "https://" + std::string(80, 'u');
  table_.Number("GISCHAT_PORT", &port, {.unit = "port"}, "Where clients connect.")
      .List({"CHANNELS", "ROOMS"}, &channels, "Names of the channels.")
      .Text("RULES", &rules, "Shown to people.")
      .Text("A_NAME_THAT_IS_LONGER_THAN_ANY_OTHER_NAME", &none, "Long.")
      .Text("PLUGIN_URL", &url, "Where the plugin is.");
  const std::string help = table_.Help();
  EXPECT_THAT(help, testing::StartsWith("Usage: gischat [--help | --version | --check-config]\n"));
  EXPECT_THAT(help, HasSubstr("  GISCHAT_PORT     Where clients connect.\n"
                              "                   [integer from 0 to 65535, port; default: 8000]\n"
                              "  CHANNELS, ROOMS  Names of the channels.\n"
                              "                   [comma separated; default: QGIS, Geotribu]\n"
                              "  RULES            Shown to people.\n"));
  EXPECT_THAT(help, HasSubstr("  A_NAME_THAT_IS_LONGER_THAN_ANY_OTHER_NAME\n"
                              "                   Long.\n"
                              "                   [text; default: none]\n"));
  std::istringstream lines(help);
  for (std::string line; std::getline(lines, line);)
    EXPECT_LE(base::CountCodePoints(line), 100u) << line;
}

TEST(SuiteVariables, AreSortedAndBeginWithThePrefix) {
  const auto& variables = SuiteVariables();
  EXPECT_TRUE(std::is_sorted(variables.begin(), variables.end()));
  for (const std::string_view name : variables) EXPECT_TRUE(name.starts_with("GISCHAT_")) << name;
}

}  // namespace
}  // namespace gischat::config
