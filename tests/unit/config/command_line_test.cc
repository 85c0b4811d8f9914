#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "common/base/version.h"
#include "common/config/table.h"

namespace gischat::config {
namespace {

using testing::HasSubstr;
using testing::Optional;

class CommandLineTest : public testing::Test {
 protected:
  CommandLineTest() { table_.Number("GISCHAT_PORT", &port_, {}, "Where clients connect."); }

  std::optional<int> Read(std::vector<const char*> arguments, const Environment& environment = {}) {
    arguments.insert(arguments.begin(), "bin/gischat");
    testing::internal::CaptureStdout();
    testing::internal::CaptureStderr();
    const std::optional<int> status =
        ReadCommandLine(table_, static_cast<int>(arguments.size()), arguments.data(), environment);
    out_ = testing::internal::GetCapturedStdout();
    err_ = testing::internal::GetCapturedStderr();
    return status;
  }

  uint16_t port_ = 8000;
  Table table_{"gischat", "Does things."};
  std::string out_;
  std::string err_;
};

TEST_F(CommandLineTest, GoesOnWithoutArguments) {
  EXPECT_EQ(Read({}, {{"GISCHAT_PORT", "81"}}), std::nullopt);
  EXPECT_EQ(port_, 81);
  EXPECT_EQ(out_ + err_, "");
}

TEST_F(CommandLineTest, PrintsHelp) {
  EXPECT_THAT(Read({"--help"}, {{"GISCHAT_PORT", "wrong"}}), Optional(0));
  EXPECT_EQ(out_, table_.Help());
}

TEST_F(CommandLineTest, PrintsVersion) {
  EXPECT_THAT(Read({"--version"}), Optional(0));
  EXPECT_EQ(out_, "gischat " + std::string(base::Version()) + "\n");
}

TEST_F(CommandLineTest, ConfirmsAValidConfiguration) {
  EXPECT_THAT(Read({"--check-config"}), Optional(0));
  EXPECT_EQ(out_, "gischat: configuration is valid\n");
}

TEST_F(CommandLineTest, PrintsEveryMistakeAndEndsWithTwo) {
  const Environment wrong = {{"GISCHAT_PORT", "80x"}, {"GISCHAT_PROT", "1"}};
  const std::string expected =
      "gischat: GISCHAT_PORT: '80x' must be an integer from 0 to 65535\n"
      "gischat: GISCHAT_PROT: unknown variable (did you mean GISCHAT_PORT?)\n";
  EXPECT_THAT(Read({"--check-config"}, wrong), Optional(2));
  EXPECT_EQ(err_, expected);
  EXPECT_THAT(Read({}, wrong), Optional(2));
  EXPECT_EQ(err_, expected);
  EXPECT_EQ(out_, "");
}

TEST_F(CommandLineTest, DoesWhatAnOptionOfTheTableSays) {
  table_.Option("--double", "twice the port", [this] { return 2 * port_; });
  EXPECT_THAT(Read({"--double"}, {{"GISCHAT_PORT", "21"}}), Optional(42));
  EXPECT_EQ(out_ + err_, "");
  EXPECT_THAT(Read({"--double"}, {{"GISCHAT_PORT", "x"}}), Optional(2));
  EXPECT_THAT(Read({"--help"}), Optional(0));
  EXPECT_THAT(out_, HasSubstr("--check-config | --double]\n"));
  EXPECT_THAT(out_, HasSubstr("\n  --double        twice the port\n"));
}

TEST_F(CommandLineTest, RefusesOtherArguments) {
  EXPECT_THAT(Read({"--port=1"}), Optional(2));
  EXPECT_EQ(err_, "gischat: unknown argument '--port=1' (see --help)\n");
  EXPECT_THAT(Read({"--help", "me"}), Optional(2));
  EXPECT_THAT(err_, HasSubstr("'me'"));
  EXPECT_THAT(Read({""}), Optional(2));
}

TEST(CurrentEnvironment, HoldsWhatIsSet) {
  setenv("GISCHAT_TEST_ONLY", "a=b", 1);
  const Environment environment = CurrentEnvironment();
  unsetenv("GISCHAT_TEST_ONLY");
  EXPECT_EQ(environment.at("GISCHAT_TEST_ONLY"), "a=b");
}

}  // namespace
}  // namespace gischat::config
