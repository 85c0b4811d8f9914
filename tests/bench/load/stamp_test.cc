#include "tests/bench/load/stamp.h"

#include <gtest/gtest.h>

#include <string>

namespace gischat::bench {
namespace {

std::string Message(const std::string& before, const std::string& stamp) {
  return R"({"type":"text",)" + before + R"("text":")" + stamp + R"(xxx"})";
}

TEST(StampCodec, FindsWhatItWrote) {
  StampCodec codec("run1");
  const std::string text = codec.Write({17, 4'000'000'000U, 9'000'000'000'000'000'000});
  const std::optional<Stamp> stamp = codec.Find(Message("", text));
  ASSERT_TRUE(stamp.has_value());
  EXPECT_EQ(stamp->sender, 17U);
  EXPECT_EQ(stamp->sequence, 4'000'000'000U);
  EXPECT_EQ(stamp->due_ns, 9'000'000'000'000'000'000);
}

TEST(StampCodec, FindsItWhereverItStands) {
  StampCodec codec("run1");
  for (const char* before : {"", "\"author\":\"a\",", "", "\"author\":\"abc\","}) {
    EXPECT_TRUE(codec.Find(Message(before, codec.Write({1, 2, 3}))).has_value()) << before;
  }
}

TEST(StampCodec, OverlooksOtherRunsAndOtherMessages) {
  StampCodec codec("run1");
  EXPECT_FALSE(codec.Find(Message("", StampCodec("run2").Write({1, 1, 1}))).has_value());
  EXPECT_FALSE(codec.Find(R"({"type":"nb_users","nb_users":3})").has_value());
  EXPECT_FALSE(codec.Find(R"({"text":"@run1:1:x:1:"})").has_value());
  EXPECT_FALSE(codec.Find(R"({"text":"@run1:1:1:"})").has_value());
  EXPECT_FALSE(codec.Find(R"({"text":"@run1:5000000000:1:1:"})").has_value());
  EXPECT_FALSE(codec.Find(R"({"text":"@run1:)").has_value());
}

}  // namespace
}  // namespace gischat::bench
