#include "tests/bench/load/stamp.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/bench/load/options.h"

namespace gischat::bench {
namespace {

TEST(StampCodec, FindsWhatItWrote) {
  const StampCodec codec("run1");
  const std::string message = codec.MakeMessage({17, 4'000'000'000U}, 0);
  const std::optional<Stamp> stamp = codec.Find(message);
  ASSERT_TRUE(stamp.has_value());
  EXPECT_EQ(stamp->sender, 17U);
  EXPECT_EQ(stamp->sequence, 4'000'000'000U);
}

TEST(StampCodec, OverlooksOtherRunsAndOtherMessages) {
  const StampCodec codec("run1");
  EXPECT_FALSE(codec.Find(StampCodec("run2").MakeMessage({1, 1}, 0)).has_value());
  EXPECT_FALSE(codec.Find(R"({"type":"nb_users","nb_users":3})").has_value());
  EXPECT_FALSE(codec.Find(R"({"text":"@run1:1:x"})").has_value());
  EXPECT_FALSE(codec.Find(R"({"text":"@run1:)").has_value());
}

TEST(StampCodec, FillsTheTextUpToThePayload) {
  const StampCodec codec("run1");
  EXPECT_NE(codec.MakeMessage({1, 1}, 200).find(std::string(150, 'x')), std::string::npos);
  EXPECT_EQ(codec.MakeMessage({1, 1}, kLongestText).rfind(R"({"type":"text")", 0), 0U);
}

TEST(StampCodec, SendsAModelWhenATextWouldBeTooLong) {
  const StampCodec codec("run1");
  const std::string message = codec.MakeMessage({1, 1}, 5000);
  EXPECT_EQ(message.rfind(R"({"type":"model")", 0), 0U);
  EXPECT_GT(message.size(), 5000U);
  EXPECT_TRUE(codec.Find(message).has_value());
}

}  // namespace
}  // namespace gischat::bench
