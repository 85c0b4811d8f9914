#include "common/trace/trace.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "common/log/log.h"

namespace gischat::trace {
namespace {

constexpr char kTraceId[] = "4bf92f3577b34da6a3ce929d0e0e4736";
constexpr char kHeader[] = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

TEST(Trace, ReadsTheHeader) {
  const auto parent = ParseTraceparent(kHeader);
  ASSERT_TRUE(parent);
  EXPECT_EQ(parent->trace_high, 0x4bf92f3577b34da6u);
  EXPECT_EQ(parent->trace_low, 0xa3ce929d0e0e4736u);
  EXPECT_EQ(parent->span, 0x00f067aa0ba902b7u);
  EXPECT_EQ(parent->flags, 1);
}

TEST(Trace, ReadsWhatItKnowsOfALaterVersion) {
  for (const char* tail : {"", "-", "-what-the-future-will-bring"}) {
    const std::string header = "cc" + std::string(kHeader).substr(2) + tail;
    EXPECT_TRUE(ParseTraceparent(header)) << header;
  }
  EXPECT_FALSE(ParseTraceparent("cc" + std::string(kHeader).substr(2) + ".more"));
}

TEST(Trace, TakesAnInvalidHeaderForNone) {
  for (const char* header : {
           "",
           "00",
           "hello",
           "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0",
           "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-",
           "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
           "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
           "0x-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
           "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
           "00-4bf92f3577b34da6a3ce929d0e0e473g-00f067aa0ba902b7-01",
           "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
           "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
           "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-xx",
           "00_4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
           "00-4bf92f3577b34da6a3ce929d0e0e4736_00f067aa0ba902b7-01",
           "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7_01",
       }) {
    EXPECT_FALSE(ParseTraceparent(header)) << header;
  }
}

TEST(Trace, MessagesOfAConnectionShareTheTraceAndDifferInTheRequest) {
  Source source(*ParseTraceparent(kHeader));
  const Trace first = source.Next();
  const Trace second = source.Next();
  EXPECT_EQ(first.trace_high(), second.trace_high());
  EXPECT_NE(first.request(), second.request());
  EXPECT_NE(first.request(), 0x00f067aa0ba902b7u);
  EXPECT_EQ(FormatTraceparent(first).substr(0, 36), std::string(kHeader).substr(0, 36));
  EXPECT_TRUE(FormatTraceparent(first).ends_with("-01"));
  EXPECT_EQ(ParseTraceparent(FormatTraceparent(second))->span, second.request());
}

TEST(Trace, WithoutAHeaderEachConnectionHasItsOwn) {
  const Trace one = Source().Next();
  const Trace other = Source().Next();
  EXPECT_NE(one.trace_low(), other.trace_low());
  EXPECT_TRUE(ParseTraceparent(FormatTraceparent(one)));
}

TEST(Trace, AStepIsOneObjectWithItsIds) {
  const auto logged = [](const char* format, const char* level) {
    testing::internal::CaptureStderr();
    log::Configure("gischat-edge", format, level);
    LogStep(Source(*ParseTraceparent(kHeader)).Next(), "reviewed", {{"verdict", "ac\"cepted"}});
    return testing::internal::GetCapturedStderr();
  };
  const std::string line = logged("json", "debug");
  const auto json = nlohmann::json::parse(line, nullptr, false);
  ASSERT_TRUE(json.is_object()) << line;
  EXPECT_EQ(json["step"], "reviewed");
  EXPECT_EQ(json["trace_id"], kTraceId);
  EXPECT_EQ(json["request"].get<std::string>().size(), 16u);
  EXPECT_EQ(json["verdict"], "ac\"cepted");
  EXPECT_EQ(json["level"], "debug");
  EXPECT_EQ(json.size(), 8u);
  EXPECT_THAT(logged("text", "debug"),
              testing::HasSubstr(std::string(" step=reviewed trace_id=") + kTraceId + " request="));
  EXPECT_EQ(logged("json", "info"), "");
}

}  // namespace
}  // namespace gischat::trace
