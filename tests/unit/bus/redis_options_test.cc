#include <gtest/gtest.h>

#include "common/redis/options.h"
#include "common/redis/settings.h"

namespace gischat::redis {
namespace {

TEST(RedisUrl, HasAddressCredentialsAndDatabase) {
  const auto options = ParseUrl("redis://alice:s%40crE%3Ft@cache.example:6380/3");
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_EQ(options->host, "cache.example");
  EXPECT_EQ(options->port, 6380);
  EXPECT_EQ(options->user, "alice");
  EXPECT_EQ(options->password, "s@crE?t");
  EXPECT_EQ(options->database, 3u);
}

TEST(RedisUrl, NeedsOnlyAHost) {
  for (const std::string url : {"redis://cache", "redis://cache/", "redis://cache:6379/0"}) {
    const auto options = ParseUrl(url);
    ASSERT_TRUE(options.ok()) << url << options.status();
    EXPECT_EQ(options->host, "cache");
    EXPECT_EQ(options->port, 6379);
    EXPECT_EQ(options->user, "");
    EXPECT_EQ(options->database, 0u);
  }
}

TEST(RedisUrl, TakesIpv6AndPasswordsWithoutUser) {
  const auto options = ParseUrl("redis://:p@ss@[::1]:7000");
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_EQ(options->host, "::1");
  EXPECT_EQ(options->port, 7000);
  EXPECT_EQ(options->user, "");
  EXPECT_EQ(options->password, "p@ss");
}

TEST(RedisUrl, RefusesAnythingElseWithoutRepeatingThePassword) {
  for (const std::string url :
       {"", "cache", "http://cache", "rediss://cache", "redis://", "redis://:6379",
        "redis://cache:0", "redis://cache:70000", "redis://cache:", "redis://cache:12a",
        "redis://cache/one", "redis://cache:6379/1/2", "redis://geheim@cache",
        "redis://u:geheim%zz@cache", "redis://u:geheim%2@cache", "redis://[::1", "redis://[::1]x",
        "redis://u:geheim@cache:x"}) {
    const auto options = ParseUrl(url);
    EXPECT_EQ(options.status().code(), absl::StatusCode::kInvalidArgument) << url;
    EXPECT_EQ(options.status().message().find("geheim"), absl::string_view::npos) << url;
  }
}

TEST(RedisSettings, UrlCountsBeforeHostAndPort) {
  Settings settings;
  config::Table table("test", "Tests.");
  settings.Declare(table);
  EXPECT_FALSE(settings.configured());
  EXPECT_TRUE(table.Read({{"REDIS_HOST", "one"}, {"REDIS_PORT", "7001"}}).empty());
  EXPECT_TRUE(settings.configured());
  EXPECT_EQ(settings.options().host, "one");
  EXPECT_EQ(settings.options().port, 7001);
  EXPECT_TRUE(table.Read({{"REDIS_URL", "redis://two"}}).empty());
  EXPECT_EQ(settings.options().host, "two");
  EXPECT_EQ(settings.options().port, 6379);
}

TEST(RedisSettings, BadUrlIsAMistakeByName) {
  Settings settings;
  config::Table table("test", "Tests.");
  settings.Declare(table);
  const auto mistakes = table.Read({{"REDIS_URL", "http://u:geheim@two"}});
  ASSERT_EQ(mistakes.size(), 1u);
  EXPECT_NE(mistakes[0].find("REDIS_URL"), std::string::npos);
  EXPECT_EQ(mistakes[0].find("geheim"), std::string::npos);
}

}  // namespace
}  // namespace gischat::redis
