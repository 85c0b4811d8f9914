// How the connections to Redis find and follow the master by sentinels.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>
#include <optional>

#include "common/redis/master_finder.h"
#include "tests/integration/bus/bus_fixture.h"
#include "tests/support/redis_sentinel.h"
#include "tests/support/wait_until.h"

namespace gischat::tests {
namespace {

using bus::Receipt;
using redis::Endpoint;
using redis::Options;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

Endpoint PlaceOf(const RedisServer& server) { return {"127.0.0.1", server.port()}; }

bool IsAt(RedisBusProcess& process, const RedisServer& server) {
  return WaitUntil(
      [&] {
        return process.client().ready() && process.subscriber().ready() &&
               process.client().server() == PlaceOf(server);
      },
      absl::Seconds(20));
}

bool PublishUntilDone(RedisBusProcess& process, const bus::Batch& batch) {
  return WaitUntil(
      [&] {
        const auto receipt = Publish(process.bus(), "QGIS", batch);
        return receipt.ok() && receipt->outcome == Receipt::Outcome::kPublished;
      },
      absl::Seconds(20));
}

// Asks as a link would, and waits.
absl::StatusOr<Endpoint> FindMaster(const Options& options) {
  LoopThread loop;
  auto answer = std::make_shared<std::promise<absl::StatusOr<Endpoint>>>();
  auto finder = std::make_shared<redis::MasterFinder>(loop.loop(), options);
  boost::asio::post(loop.loop(), [finder, answer] {
    finder->Find([answer](absl::StatusOr<Endpoint> found) { answer->set_value(std::move(found)); });
  });
  return answer->get_future().get();
}

// A sentinel that names `server` and never thinks of anything better.
RedisSentinel::Config Stubborn(const RedisServer& server) {
  return {.master_port = server.port(), .quorum = 9, .down_after = absl::Hours(1)};
}

TEST(MasterFinder, SaysOfEachSentinelWhatIsWrong) {
  RedisServer server;
  RedisSentinel asks_for_password({.master_port = server.port(), .password = "secret"});
  RedisSentinel knows_others({.master_port = server.port(), .master_name = "another"});
  RedisSentinel hangs({.master_port = server.port()});
  RedisSentinel is_away({.master_port = server.port()});
  hangs.Pause();
  is_away.Kill();

  Options options;
  options.sentinels = {asks_for_password.endpoint(), knows_others.endpoint(), hangs.endpoint(),
                       is_away.endpoint()};
  options.sentinel_timeout = absl::Milliseconds(100);
  const auto found = FindMaster(options);
  EXPECT_EQ(found.status().code(), absl::StatusCode::kUnavailable);
  const std::string words(found.status().message());
  EXPECT_THAT(words, HasSubstr(asks_for_password.endpoint().ToString() + ": NOAUTH"));
  EXPECT_THAT(words, HasSubstr(knows_others.endpoint().ToString() + ": knows no master mymaster"));
  EXPECT_THAT(words, HasSubstr(hangs.endpoint().ToString() + ": no answer"));
  EXPECT_THAT(words, HasSubstr(is_away.endpoint().ToString() + ": connection refused"));
}

TEST(MasterFinder, AsksOnUntilOneKnowsAndGivesThePassword) {
  RedisServer server;
  RedisSentinel knows_others({.master_port = server.port(), .master_name = "another"});
  RedisSentinel knows({.master_port = server.port(), .master_name = "chat", .password = "secret"});
  Options options;
  options.sentinels = {knows_others.endpoint(), knows.endpoint()};
  options.master_name = "chat";
  options.sentinel_password = "secret";
  const auto found = FindMaster(options);
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_EQ(*found, PlaceOf(server));
}

TEST(RedisBehindSentinels, FailoverIsFollowed) {
  RedisGroup group;
  RedisBusProcess process(group.options(), {});
  ASSERT_TRUE(IsAt(process, group.server(0)));
  auto heard = std::make_shared<Recorder>();
  auto subscription = process.bus().Subscribe("QGIS", heard);
  ASSERT_TRUE(WaitUntil([&] { return heard->resumed() == 1; }));
  ASSERT_TRUE(PublishUntilDone(process, MakeBatch("edge", 1, {"before"}, true)));
  ASSERT_TRUE(WaitUntil([&] { return heard->count() == 1; }));

  group.server(0).Kill();
  ASSERT_TRUE(PublishUntilDone(process, MakeBatch("edge", 2, {"after"}, true)));
  RedisServer* const master = group.FindMaster();
  ASSERT_NE(master, nullptr);
  EXPECT_TRUE(IsAt(process, *master));
  EXPECT_NE(master, &group.server(0));

  EXPECT_THAT(Payloads(ReadHistory(process.bus(), "QGIS")->history),
              ElementsAre("before", "after"));
  ASSERT_TRUE(PublishUntilDone(process, MakeBatch("edge", 3, {"live"})));
  ASSERT_TRUE(WaitUntil([&] { return heard->payloads().back() == "live"; }));
}

TEST(RedisBehindSentinels, OldMasterThatComesBackIsNotGoneBackTo) {
  RedisGroup group;
  RedisBusProcess process(group.options(), {});
  ASSERT_TRUE(PublishUntilDone(process, MakeBatch("edge", 1, {"one"})));
  group.server(0).Pause();
  ASSERT_TRUE(PublishUntilDone(process, MakeBatch("edge", 2, {"two"})));
  const Endpoint master = process.client().server();
  EXPECT_NE(master, PlaceOf(group.server(0)));
  // It takes itself for the master until a sentinel tells it otherwise.
  group.server(0).Continue();
  ASSERT_TRUE(WaitUntil([&] { return group.server(0).Follows(); }, absl::Seconds(30)));
  ASSERT_TRUE(PublishUntilDone(process, MakeBatch("edge", 3, {"three"})));
  EXPECT_EQ(process.client().server(), master);
}

TEST(RedisBehindSentinels, SentinelsMayComeLater) {
  RedisServer server;
  RedisSentinel sentinel({.master_port = server.port()});
  sentinel.Kill();
  Options options;
  options.sentinels = {sentinel.endpoint()};
  RedisBusProcess process(options, {});
  const auto early = Publish(process.bus(), "QGIS", MakeBatch("edge", 1, {"early"}));
  EXPECT_EQ(early.status().code(), absl::StatusCode::kUnavailable) << early.status();
  EXPECT_EQ(process.client().server().port, 0);

  sentinel.Start();
  EXPECT_TRUE(IsAt(process, server));
}

TEST(RedisBehindSentinels, ConnectionsOutliveTheSentinels) {
  RedisServer server;
  RedisSentinel sentinel({.master_port = server.port()});
  Options options;
  options.sentinels = {sentinel.endpoint()};
  RedisBusProcess process(options, {});
  ASSERT_TRUE(IsAt(process, server));
  sentinel.Kill();
  EXPECT_TRUE(Publish(process.bus(), "QGIS", MakeBatch("edge", 1, {"one"})).ok());
}

TEST(RedisBehindSentinels, SentinelThatNamesADeadMasterIsPassedOver) {
  RedisServer dead;
  RedisServer server;
  const RedisSentinel cut_off(Stubborn(dead));
  const RedisSentinel knows(Stubborn(server));
  dead.Kill();
  Options options;
  options.sentinels = {cut_off.endpoint(), knows.endpoint()};
  RedisBusProcess process(options, {});
  EXPECT_TRUE(IsAt(process, server));
}

TEST(RedisBehindSentinels, SentinelThatNamesAReplicaIsPassedOver) {
  RedisServer server;
  RedisServer replica({.master = &server});
  const RedisSentinel wrong(Stubborn(replica));
  const RedisSentinel right(Stubborn(server));
  Options options;
  options.sentinels = {wrong.endpoint(), right.endpoint()};
  RedisBusProcess process(options, {});
  EXPECT_TRUE(IsAt(process, server));
}

TEST(RedisBehindSentinels, MasterThatIsDemotedIsLeft) {
  RedisServer one;
  RedisServer two({.master = &one});
  ASSERT_TRUE(WaitUntil([&] { return two.Follows(); }));
  const RedisSentinel sentinel(Stubborn(one));
  Options options;
  options.sentinels = {sentinel.endpoint()};
  RedisBusProcess process(options, {});
  ASSERT_TRUE(IsAt(process, one));
  auto heard = std::make_shared<Recorder>();
  auto subscription = process.bus().Subscribe("QGIS", heard);
  ASSERT_TRUE(WaitUntil([&] { return heard->resumed() == 1; }));

  // By hand: no connection is cut, and what is published at the new master is heard at the old one.
  two.Execute({"REPLICAOF", "NO", "ONE"});
  one.Execute({"REPLICAOF", "127.0.0.1", std::to_string(two.port())});
  sentinel.Execute({"SENTINEL", "REMOVE", "mymaster"});
  sentinel.Execute(
      {"SENTINEL", "MONITOR", "mymaster", "127.0.0.1", std::to_string(two.port()), "9"});

  EXPECT_TRUE(IsAt(process, two));
  EXPECT_TRUE(WaitUntil([&] { return heard->resumed() == 2; }));
  one.Kill();
  ASSERT_TRUE(PublishUntilDone(process, MakeBatch("edge", 1, {"one"})));
  EXPECT_TRUE(WaitUntil([&] { return heard->count() == 1; }));
}

TEST(RedisBehindSentinels, PasswordsOfServersAndSentinelsAreGiven) {
  RedisGroup group({.password = "secret", .sentinel_password = "hidden"});
  RedisBusProcess process(group.options(), {});
  ASSERT_TRUE(IsAt(process, group.server(0)));
  group.server(0).Kill();
  EXPECT_TRUE(PublishUntilDone(process, MakeBatch("edge", 1, {"one"})));
}

}  // namespace
}  // namespace gischat::tests
