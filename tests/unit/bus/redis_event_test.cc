#include "common/bus/redis_event.h"

#include <gtest/gtest.h>

#include <random>

namespace gischat::bus {
namespace {

TEST(RedisEvent, HasEveryField) {
  const auto event = ParseRedisEvent("g1 18446744073709551615 7 1 42 4:edgepay:load");
  ASSERT_TRUE(event.has_value());
  EXPECT_EQ(event->position, (Position{18446744073709551615u, 7}));
  EXPECT_TRUE(event->stored);
  EXPECT_EQ(event->sequence, 42u);
  EXPECT_EQ(event->publisher, "edge");
  EXPECT_EQ(event->payload, "pay:load");
}

TEST(RedisEvent, PublisherAndPayloadMayBeEmptyOrBinary) {
  const auto empty = ParseRedisEvent("g1 1 1 0 0 0:");
  ASSERT_TRUE(empty.has_value());
  EXPECT_EQ(empty->publisher, "");
  EXPECT_EQ(empty->payload, "");
  EXPECT_FALSE(empty->stored);

  using namespace std::string_view_literals;
  const auto binary = ParseRedisEvent("g1 1 1 0 0 2:\0\n\xff\0"sv);
  ASSERT_TRUE(binary.has_value());
  EXPECT_EQ(binary->publisher, "\0\n"sv);
  EXPECT_EQ(binary->payload, "\xff\0"sv);
}

TEST(RedisEvent, AnythingElseIsRefused) {
  for (const std::string_view packed :
       {"", "g1", "g1 ", "g2 1 1 0 0 0:", "g1 1 1 0 0 0", "g1 1 1 0 0 1:", "g1 1 1 0 0 :",
        "g1 1 1 2 0 0:", "g1 0 1 0 0 0:", "g1 1 0 0 0 0:", "g1 -1 1 0 0 0:", "g1 1  1 0 0 0:",
        "g1 1 1 0 0 99999999999999999999:", "g1 18446744073709551616 1 0 0 0:",
        "g1 1 1 0 0 18446744073709551615:x", "g1 a 1 0 0 0:", "g1 1 1 0 0 5:four"}) {
    EXPECT_FALSE(ParseRedisEvent(packed).has_value()) << packed;
  }
}

TEST(RedisEvent, NeitherCutNorChangedBytesDoHarm) {
  const std::string whole = "g1 18446744073709551615 123 1 42 4:edgepayload";
  for (size_t length = 0; length < whole.size(); ++length) {
    const std::string cut = whole.substr(0, length);  // its own memory, for the sanitizer
    const auto event = ParseRedisEvent(cut);
    if (event) {
      EXPECT_LE(event->payload.size() + event->publisher.size(), cut.size());
    }
  }
  std::minstd_rand random(7);
  for (int round = 0; round < 20'000; ++round) {
    std::string changed = whole;
    for (int i = 0; i < 3; ++i) changed[random() % changed.size()] = static_cast<char>(random());
    const auto event = ParseRedisEvent(changed);
    if (event) {
      EXPECT_LE(event->payload.size() + event->publisher.size(), changed.size());
    }
  }
}

}  // namespace
}  // namespace gischat::bus
