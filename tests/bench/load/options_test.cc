#include "tests/bench/load/options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace gischat::bench {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr const char* kUrl = "ws://127.0.0.1:8000/channel/QGIS/ws";

absl::StatusOr<Options> Parse(std::vector<const char*> words) {
  words.insert(words.begin(), "gischat-load");
  return ParseOptions(static_cast<int>(words.size()), words.data());
}

TEST(ParseOptions, TakesEveryFlag) {
  const auto options = Parse({"--url",    kUrl,        "--url",      "ws://b:1/x", "--clients",
                              "100",      "--senders", "7",          "--window",   "3",
                              "--rate",   "12.5",      "--payload",  "200",        "--newcomers",
                              "--warmup", "0.5",       "--duration", "2",          "--patience",
                              "4",        "--pid",     "11",         "--pid",      "12"});
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_THAT(options->urls, ElementsAre(kUrl, "ws://b:1/x"));
  EXPECT_EQ(options->clients, 100U);
  EXPECT_EQ(options->senders, 7U);
  EXPECT_EQ(options->window, 3U);
  EXPECT_EQ(options->rate, 12.5);
  EXPECT_EQ(options->payload_bytes, 200U);
  EXPECT_TRUE(options->newcomers);
  EXPECT_EQ(options->warmup, absl::Milliseconds(500));
  EXPECT_EQ(options->duration, absl::Seconds(2));
  EXPECT_EQ(options->patience, absl::Seconds(4));
  EXPECT_THAT(options->pids, ElementsAre(11, 12));
}

TEST(ParseOptions, LetsEverybodyWriteInASmallChannelAndTenInALargeOne) {
  EXPECT_EQ(Parse({"--url", kUrl, "--clients", "3"})->senders, 3U);
  EXPECT_EQ(Parse({"--url", kUrl, "--clients", "300"})->senders, 10U);
}

TEST(ParseOptions, SaysWhichFlagIsWrong) {
  const auto complaint = [](std::vector<const char*> words) {
    return std::string(Parse(std::move(words)).status().message());
  };
  EXPECT_THAT(complaint({}), HasSubstr("--url"));
  EXPECT_THAT(complaint({"--url"}), HasSubstr("--url needs"));
  EXPECT_THAT(complaint({"--url", kUrl, "--clients", "many"}), HasSubstr("--clients"));
  EXPECT_THAT(complaint({"--url", kUrl, "--clients", "0"}), HasSubstr("--clients"));
  EXPECT_THAT(complaint({"--url", kUrl, "--clients", "5", "--senders", "6"}),
              HasSubstr("--senders"));
  EXPECT_THAT(complaint({"--url", kUrl, "--rate", "nan"}), HasSubstr("--rate"));
  EXPECT_THAT(complaint({"--url", kUrl, "--duration", "0"}), HasSubstr("--duration"));
  EXPECT_THAT(complaint({"--url", kUrl, "--colour"}), HasSubstr("--colour"));
}

TEST(ParseOptions, TreatsHelpAsNoFault) {
  EXPECT_TRUE(absl::IsCancelled(Parse({"--help"}).status()));
  EXPECT_THAT(Usage(), HasSubstr("--newcomers"));
}

}  // namespace
}  // namespace gischat::bench
