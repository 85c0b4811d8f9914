#include "common/config/reload.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "tests/support/temporary_folder.h"

namespace gischat::config {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

struct Settings {
  std::string rules = "be kind";
  uint16_t port = 8000;
  uint32_t length = 255;
  std::vector<std::string> channels = {"QGIS"};

  void Declare(Table& table) {
    table.Text("RULES", &rules, "")
        .Number("GISCHAT_PORT", &port, {}, "")
        .Number("LENGTH", &length, {.max = 1000}, "")
        .List({"CHANNELS", "ROOMS"}, &channels, "")
        .Changeable({"RULES", "LENGTH", "CHANNELS"});
  }
};

class ReloadTest : public testing::Test {
 protected:
  ReloadTest() { settings_.Declare(table_); }

  std::vector<std::string> Start(const std::string& text) {
    Write(text);
    return table_.Read(environment_, ReadConfigFile(environment_));
  }
  void Write(const std::string& text) { std::ofstream(path_) << text; }
  std::optional<Settings> Again(const std::string& text) {
    Write(text);
    report_ = {};
    return ReadAgain<Settings>(table_, environment_, &report_);
  }

  const tests::TemporaryFolder folder_{"gischat-reload"};
  const std::string path_ = folder_.path() + "/settings";
  Environment environment_ = {{"GISCHAT_CONFIG", path_}};
  Settings settings_;
  Table table_{"gischat", "Does things."};
  Reload report_;
};

TEST_F(ReloadTest, TheFileIsReadAndTheEnvironmentWins) {
  environment_["RULES"] = "from outside";
  environment_["ROOMS"] = "Outside";
  EXPECT_THAT(Start("RULES=inside\nLENGTH=7\nCHANNELS=Inside"), IsEmpty());
  EXPECT_EQ(settings_.rules, "from outside");
  EXPECT_EQ(settings_.length, 7u);
  EXPECT_THAT(settings_.channels, ElementsAre("Outside"));
  EXPECT_THAT(table_.overridden(), ElementsAre("RULES", "CHANNELS"));
}

TEST_F(ReloadTest, AnEmptyVariableOfTheEnvironmentLetsTheFileSpeak) {
  environment_["RULES"] = "";
  EXPECT_THAT(Start("RULES=inside"), IsEmpty());
  EXPECT_EQ(settings_.rules, "inside");
  EXPECT_THAT(table_.overridden(), IsEmpty());
}

TEST_F(ReloadTest, MistakesAreToldTogetherWithWhereTheyStand) {
  environment_["LENGTH"] = "x";
  EXPECT_THAT(
      Start("nonsense\nGISCHAT_PORT=99999\nGISCHAT_PROT=1"),
      ElementsAre(path_ + ":1: must be NAME=VALUE, or a comment that begins with #",
                  path_ + ":2: GISCHAT_PORT: '99999' must be an integer from 0 to 65535",
                  "LENGTH: 'x' must be an integer from 0 to 1000",
                  path_ + ":3: GISCHAT_PROT: unknown variable (did you mean GISCHAT_PORT?)"));
}

TEST_F(ReloadTest, TakesWhatHasChanged) {
  ASSERT_THAT(Start("RULES=old\nLENGTH=7"), IsEmpty());
  const auto again = Again("RULES=new\nCHANNELS=A,B");
  ASSERT_TRUE(again);
  EXPECT_EQ(again->rules, "new");
  EXPECT_EQ(again->length, 255u);  // the default, since it is not there any more
  EXPECT_THAT(again->channels, ElementsAre("A", "B"));
  EXPECT_THAT(report_.changed, ElementsAre("RULES", "LENGTH", "CHANNELS"));
  EXPECT_THAT(report_.need_restart, IsEmpty());
  ASSERT_TRUE(Again("RULES=new\nCHANNELS=A,B"));
  EXPECT_THAT(report_.changed, IsEmpty());
}

TEST_F(ReloadTest, KeepsWhatCanNotChangeWhileItRuns) {
  ASSERT_THAT(Start("GISCHAT_PORT=8080"), IsEmpty());
  for (int i = 0; i < 2; ++i) {
    const auto again = Again("GISCHAT_PORT=9090\nRULES=new");
    ASSERT_TRUE(again);
    EXPECT_EQ(again->port, 8080);
    EXPECT_EQ(again->rules, "new");
    EXPECT_THAT(report_.need_restart, ElementsAre("GISCHAT_PORT"));
  }
  const auto back = Again("");
  EXPECT_EQ(back->port, 8080);
  EXPECT_THAT(report_.need_restart, ElementsAre("GISCHAT_PORT"));
}

TEST_F(ReloadTest, OneMistakeChangesNothing) {
  ASSERT_THAT(Start("RULES=old"), IsEmpty());
  EXPECT_FALSE(Again("RULES=new\nLENGTH=1001"));
  EXPECT_THAT(report_.mistakes,
              ElementsAre(path_ + ":2: LENGTH: '1001' must be an integer from 0 to 1000"));
  EXPECT_FALSE(Again("RULES=new\nGISCHAT_PORT=x"));  // it could not be used at the next start
  const auto again = Again("RULES=new");
  ASSERT_TRUE(again);
  EXPECT_THAT(report_.changed, ElementsAre("RULES"));
}

TEST_F(ReloadTest, AFileThatIsGoneChangesNothing) {
  ASSERT_THAT(Start("RULES=old"), IsEmpty());
  std::remove(path_.c_str());
  EXPECT_FALSE(ReadAgain<Settings>(table_, environment_, &report_));
  EXPECT_EQ(report_.mistakes.size(), 1u);
}

}  // namespace
}  // namespace gischat::config
