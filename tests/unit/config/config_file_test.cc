#include "common/config/config_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "tests/support/temporary_folder.h"

namespace gischat::config {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

TEST(ConfigFile, ReadsNamesAndValues) {
  const ConfigFile file = ParseConfigFile(
      "f", "# a comment\n\nRULES=Be kind # always\n  CHANNELS = QGIS, Field trip \r\nEMPTY=\n");
  EXPECT_THAT(file.mistakes, IsEmpty());
  EXPECT_EQ(file.entries.at("RULES").value, "Be kind # always");
  EXPECT_EQ(file.entries.at("RULES").line, 3);
  EXPECT_EQ(file.entries.at("CHANNELS").value, "QGIS, Field trip");
  EXPECT_EQ(file.entries.at("EMPTY").value, "");
  EXPECT_EQ(file.entries.size(), 3u);
}

TEST(ConfigFile, TakesQuotesOffAndKeepsWhatIsInThem) {
  const ConfigFile file =
      ParseConfigFile("f", "A=\" x=1 \"\nB='it is \"so\"'\nC=\"\"\nD=don't\nE=a\"b\"");
  EXPECT_THAT(file.mistakes, IsEmpty());
  EXPECT_EQ(file.entries.at("A").value, " x=1 ");
  EXPECT_EQ(file.entries.at("B").value, "it is \"so\"");
  EXPECT_EQ(file.entries.at("C").value, "");
  EXPECT_EQ(file.entries.at("D").value, "don't");
  EXPECT_EQ(file.entries.at("E").value, "a\"b\"");
}

TEST(ConfigFile, ReportsEveryLineThatCanNotBeRead) {
  const ConfigFile file = ParseConfigFile(
      "/etc/f", "RULES\n=x\n1A=x\nA B=x\nQ=\"open\nS=\"\nA=1\nA=2\nGISCHAT_CONFIG=/etc/g\n");
  EXPECT_THAT(
      file.mistakes,
      ElementsAre(HasSubstr("/etc/f:1: must be NAME=VALUE"), StartsWith("/etc/f:2: must begin"),
                  StartsWith("/etc/f:3: must begin"), StartsWith("/etc/f:4: must begin"),
                  "/etc/f:5: Q: its quote is not closed at the end of the line",
                  StartsWith("/etc/f:6: S: "), "/etc/f:8: A: stands in line 7 already",
                  "/etc/f:9: GISCHAT_CONFIG: can be set in the environment only"));
}

TEST(ConfigFile, IsTheOneThatTheEnvironmentNames) {
  const tests::TemporaryFolder folder("gischat-config");
  const std::string path = folder.path() + "/settings";
  EXPECT_THAT(ReadConfigFile({}).entries, IsEmpty());
  EXPECT_THAT(ReadConfigFile({}).mistakes, IsEmpty());
  EXPECT_THAT(ReadConfigFile({{"GISCHAT_CONFIG", ""}}).mistakes, IsEmpty());
  EXPECT_THAT(ReadConfigFile({{"GISCHAT_CONFIG", path}}).mistakes,
              ElementsAre("GISCHAT_CONFIG: \"" + path +
                          "\" can't be read: No such file or "
                          "directory"));
  std::ofstream(path) << "RULES=x";
  EXPECT_EQ(ReadConfigFile({{"GISCHAT_CONFIG", path}}).entries.at("RULES").value, "x");
  EXPECT_THAT(ReadConfigFile({{"GISCHAT_CONFIG", folder.path()}}).mistakes,
              ElementsAre(HasSubstr("can't be read")));
}

}  // namespace
}  // namespace gischat::config
