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

TEST(ParseOptions, TakesEveryFlagOfTheCrowd) {
  const auto options =
      Parse({"--url", kUrl, "--url", "ws://b:1/x", "--clients", "100", "--processes", "3",
             "--addresses", "4", "--handshakes", "9", "--newcomers"});
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_THAT(options->urls, ElementsAre(kUrl, "ws://b:1/x"));
  EXPECT_EQ(options->clients, 100U);
  EXPECT_EQ(options->processes, 3U);
  EXPECT_EQ(options->addresses, 4U);
  EXPECT_EQ(options->handshakes, 9U);
  EXPECT_TRUE(options->newcomers);
}

TEST(ParseOptions, TakesEveryFlagOfTheMessages) {
  const auto options =
      Parse({"--url", kUrl, "--senders", "7", "--window", "3", "--rate", "12.5", "--payload", "200",
             "--kind", "image", "--file", "a.jpg", "--features", "12"});
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_EQ(options->senders, 7U);
  EXPECT_EQ(options->window, 3U);
  EXPECT_EQ(options->rate, 12.5);
  EXPECT_EQ(options->payload_bytes, 200U);
  EXPECT_EQ(options->kind, "image");
  EXPECT_EQ(options->file, "a.jpg");
  EXPECT_EQ(options->features, 12U);
}

TEST(ParseOptions, TakesEveryFlagOfTheRun) {
  const auto options =
      Parse({"--url", kUrl, "--joins", "11", "--join-rate", "5", "--stalled", "10", "--warmup",
             "0.5", "--duration", "2", "--patience", "4", "--pid", "11", "--pid", "12"});
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_EQ(options->joins, 11U);
  EXPECT_EQ(options->join_rate, 5);
  EXPECT_EQ(options->stalled, 10);
  EXPECT_EQ(options->warmup, absl::Milliseconds(500));
  EXPECT_EQ(options->duration, absl::Seconds(2));
  EXPECT_EQ(options->patience, absl::Seconds(4));
  EXPECT_THAT(options->pids, ElementsAre(11, 12));
  EXPECT_EQ(Parse({"--url", kUrl, "--idle", "1.5"})->idle, absl::Seconds(1.5));
}

TEST(ParseOptions, SendsAModelWhenATextWouldBeTooLong) {
  EXPECT_EQ(Parse({"--url", kUrl, "--payload", "255"})->kind, "text");
  EXPECT_EQ(Parse({"--url", kUrl, "--payload", "256"})->kind, "model");
}

TEST(ParseOptions, TakesAsManyProcessesAndAddressesAsAreNeeded) {
  EXPECT_EQ(Parse({"--url", kUrl, "--clients", "1000"})->processes, 1U);
  EXPECT_EQ(Parse({"--url", kUrl, "--clients", "1000"})->addresses, 1U);
  EXPECT_EQ(Parse({"--url", kUrl, "--clients", "30000", "--joins", "20000"})->addresses, 3U);
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
  EXPECT_THAT(complaint({"--url", kUrl, "--kind", "song"}), HasSubstr("--kind"));
  EXPECT_THAT(complaint({"--url", kUrl, "--kind", "image"}), HasSubstr("--file"));
  EXPECT_THAT(complaint({"--url", kUrl, "--stalled", "100"}), HasSubstr("--stalled"));
  EXPECT_THAT(complaint({"--url", kUrl, "--joins", "5", "--idle", "1"}), HasSubstr("--joins"));
  EXPECT_THAT(complaint({"--url", kUrl, "--clients", "9000000", "--senders", "1", "--processes",
                         "2", "--addresses", "9"}),
              HasSubstr("--processes"));
  EXPECT_THAT(complaint({"--url", kUrl, "--colour"}), HasSubstr("--colour"));
}

TEST(ParseOptions, TreatsHelpAsNoFault) {
  EXPECT_TRUE(absl::IsCancelled(Parse({"--help"}).status()));
  EXPECT_THAT(Usage(), HasSubstr("--newcomers"));
}

}  // namespace
}  // namespace gischat::bench
