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

TEST(RedisSettings, SentinelsAloneAreEnough) {
  Settings settings;
  config::Table table("test", "Tests.");
  settings.DeclareRequired(table);
  EXPECT_TRUE(table.Read({{"REDIS_SENTINELS", "one, two:7000 ,[::1]:7001"}}).empty());
  EXPECT_TRUE(settings.configured());
  const Options options = settings.options();
  ASSERT_EQ(options.sentinels.size(), 3u);
  EXPECT_EQ(options.sentinels[0].ToString(), "one:26379");
  EXPECT_EQ(options.sentinels[1].ToString(), "two:7000");
  EXPECT_EQ(options.sentinels[2].ToString(), "[::1]:7001");
  EXPECT_EQ(options.master_name, "mymaster");
  EXPECT_EQ(options.password, "");
}

TEST(RedisSettings, CredentialsAndDatabaseOfTheMasterComeFromTheUrl) {
  Settings settings;
  config::Table table("test", "Tests.");
  settings.Declare(table);
  EXPECT_TRUE(table
                  .Read({{"REDIS_SENTINELS", "one"},
                         {"REDIS_URL", "redis://ada:secret@unused:1/3"},
                         {"REDIS_MASTER_NAME", "chat"},
                         {"REDIS_SENTINEL_PASSWORD", "hidden"}})
                  .empty());
  const Options options = settings.options();
  EXPECT_EQ(options.user, "ada");
  EXPECT_EQ(options.password, "secret");
  EXPECT_EQ(options.database, 3u);
  EXPECT_EQ(options.master_name, "chat");
  EXPECT_EQ(options.sentinel_password, "hidden");
  EXPECT_EQ(options.sentinels.size(), 1u);
}

TEST(RedisSettings, BadSentinelsAreAMistakeByName) {
  Settings settings;
  config::Table table("test", "Tests.");
  settings.Declare(table);
  const auto mistakes = table.Read({{"REDIS_SENTINELS", "one:x,two:26379,:5,three:70000"}});
  ASSERT_EQ(mistakes.size(), 1u);
  EXPECT_EQ(mistakes[0],
            "REDIS_SENTINELS: 'one:x,two:26379,:5,three:70000' has 'one:x', which must have a port "
            "from 1 to 65535; has ':5', which must name a host; has 'three:70000', which must have "
            "a port from 1 to 65535");
}

TEST(RedisSettings, NoneAtAllIsAMistakeWhereOneIsNeeded) {
  Settings settings;
  config::Table table("test", "Tests.");
  settings.DeclareRequired(table);
  const auto mistakes = table.Read({{"REDIS_PORT", "6380"}, {"REDIS_HOST", ""}});
  ASSERT_EQ(mistakes.size(), 1u);
  EXPECT_EQ(
      mistakes[0],
      "REDIS_URL, REDIS_HOST, REDIS_SENTINELS: one must be set: the store that replicas share");
  EXPECT_TRUE(table.Read({{"REDIS_HOST", "one"}}).empty());
  // A faulty one is one mistake, not two.
  EXPECT_EQ(table.Read({{"REDIS_URL", "nonsense"}}).size(), 1u);
}

}  // namespace
}  // namespace gischat::redis
