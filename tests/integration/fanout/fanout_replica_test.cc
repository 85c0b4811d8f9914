// Replicas over a real Redis, as processes would run them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/integration/fanout/event_reader.h"
#include "tests/integration/fanout/replica_process.h"
#include "tests/support/redis_server.h"
#include "tests/support/wait_until.h"

namespace gischat::tests {
namespace {

using ::testing::ElementsAre;

class FanoutReplica : public ::testing::Test {
 protected:
  static bool HasSnapshot(const EventReader& reader) {
    return WaitUntil([&] { return reader.snapshots() > 0; });
  }

  RedisServer redis_;
};

TEST_F(FanoutReplica, TwoReplicasShareTheChannel) {
  const ReplicaProcess one(SettingsFor(redis_));
  const ReplicaProcess two(SettingsFor(redis_));
  ASSERT_TRUE(WaitUntil([&] { return one.ready() && two.ready(); }));
  const EventReader at_one(one.channel(), SubscribeTo("QGIS"));
  const EventReader at_two(two.channel(), SubscribeTo("QGIS"));
  ASSERT_TRUE(HasSnapshot(at_one) && HasSnapshot(at_two));

  EXPECT_EQ(one.Publish(PublishTo("QGIS", "edge", 1, {"a"})), grpc::StatusCode::OK);
  EXPECT_EQ(two.Publish(PublishTo("QGIS", "edge", 2, {"b"})), grpc::StatusCode::OK);
  EXPECT_EQ(one.Publish(PublishTo("QGIS", "edge", 2, {"b"})), grpc::StatusCode::OK);  // a retry

  for (const EventReader* reader : {&at_one, &at_two}) {
    ASSERT_TRUE(WaitUntil([&] { return reader->count() == 2; }));
    EXPECT_THAT(reader->messages(), ElementsAre("a", "b"));
  }
}

TEST_F(FanoutReplica, TenThousandEventsReachThreeStreamsOfTwoReplicasInOrder) {
  constexpr uint64_t kEvents = 10'000;
  constexpr uint64_t kBatch = 20;
  const ReplicaProcess one(SettingsFor(redis_));
  const ReplicaProcess two(SettingsFor(redis_));
  ASSERT_TRUE(WaitUntil([&] { return one.ready() && two.ready(); }));
  const EventReader first(one.channel(), SubscribeTo("QGIS"));
  const EventReader second(two.channel(), SubscribeTo("QGIS"));
  const EventReader third(two.channel(), SubscribeTo("QGIS"));
  ASSERT_TRUE(HasSnapshot(first) && HasSnapshot(second) && HasSnapshot(third));

  std::vector<std::string> expected;
  for (uint64_t i = 1; i <= kEvents; i += kBatch) {
    std::vector<std::string> messages;
    for (uint64_t n = i; n < i + kBatch; ++n) messages.push_back("message " + std::to_string(n));
    expected.insert(expected.end(), messages.begin(), messages.end());
    ASSERT_EQ(one.Publish(PublishTo("QGIS", "edge", i, std::move(messages))), grpc::StatusCode::OK);
  }
  for (const EventReader* reader : {&first, &second, &third}) {
    ASSERT_TRUE(WaitUntil([&] { return reader->count() >= kEvents; }));
    EXPECT_EQ(reader->messages(), expected);
    EXPECT_EQ(reader->out_of_order(), 0);
  }
}

TEST_F(FanoutReplica, StreamSurvivesCutConnectionsToRedisWithoutAHole) {
  const ReplicaProcess replica(SettingsFor(redis_));
  const ReplicaProcess other(SettingsFor(redis_));
  ASSERT_TRUE(WaitUntil([&] { return replica.ready() && other.ready(); }));
  const EventReader reader(replica.channel(), SubscribeTo("QGIS"));
  ASSERT_TRUE(HasSnapshot(reader));

  std::vector<std::string> expected;
  for (uint64_t i = 1; i <= 200; ++i) {
    if (i % 50 == 0) redis_.Execute({"CLIENT", "KILL", "TYPE", "pubsub"});
    if (i % 70 == 0) redis_.Execute({"CLIENT", "KILL", "TYPE", "normal"});
    expected.push_back(std::to_string(i));
    ASSERT_TRUE(other.PublishUntilDone(PublishTo("QGIS", "edge", i, {expected.back()})));
  }
  ASSERT_TRUE(WaitUntil([&] { return reader.count() >= 200; }));
  EXPECT_EQ(reader.messages(), expected);
  EXPECT_EQ(reader.snapshots(), 1);
  EXPECT_FALSE(reader.ended());
}

TEST_F(FanoutReplica, ListenerThatRedisCutsForItsOutputBufferReadsWhatItMissed) {
  const ReplicaProcess replica(SettingsFor(redis_));
  ASSERT_TRUE(WaitUntil([&] { return replica.ready(); }));
  const EventReader reader(replica.channel(), SubscribeTo("QGIS"));
  ASSERT_TRUE(HasSnapshot(reader));
  redis_.Execute({"CONFIG", "SET", "client-output-buffer-limit", "pubsub 1mb 1mb 1"});

  std::vector<std::string> expected;
  for (uint64_t i = 1; i <= 60; ++i) {
    expected.push_back(std::to_string(i) + std::string(i % 10 == 0 ? 3 << 20 : 10, 'x'));
    ASSERT_TRUE(replica.PublishUntilDone(PublishTo("QGIS", "edge", i, {expected.back()})));
  }
  ASSERT_TRUE(WaitUntil([&] { return reader.count() >= 60; }));
  EXPECT_TRUE(reader.messages() == expected);
  EXPECT_EQ(reader.out_of_order(), 0);
  EXPECT_EQ(reader.snapshots(), 1);
  EXPECT_GT(replica.Metric("gischat_redis_reconnects_total"), 0);
}

TEST_F(FanoutReplica, StreamSurvivesARestartOfRedisWithoutAHole) {
  const ReplicaProcess replica(SettingsFor(redis_));
  ASSERT_TRUE(WaitUntil([&] { return replica.ready(); }));
  const EventReader reader(replica.channel(), SubscribeTo("QGIS"));
  ASSERT_TRUE(HasSnapshot(reader));
  ASSERT_TRUE(replica.PublishUntilDone(PublishTo("QGIS", "edge", 1, {"before"})));
  ASSERT_TRUE(WaitUntil([&] { return reader.count() == 1; }));

  redis_.Stop();
  ASSERT_TRUE(WaitUntil([&] { return !replica.ready(); }));
  EXPECT_EQ(replica.Publish(PublishTo("QGIS", "edge", 2, {"after"})),
            grpc::StatusCode::UNAVAILABLE);
  const int beats = reader.empty_responses();
  ASSERT_TRUE(WaitUntil([&] { return reader.empty_responses() > beats; }));
  redis_.Start();

  ASSERT_TRUE(replica.PublishUntilDone(PublishTo("QGIS", "edge", 2, {"after"})));
  ASSERT_TRUE(WaitUntil([&] { return reader.count() == 2; }));
  EXPECT_THAT(reader.messages(), ElementsAre("before", "after"));
  EXPECT_EQ(reader.snapshots(), 1);
  EXPECT_EQ(reader.out_of_order(), 0);
}

TEST_F(FanoutReplica, NothingThatIsSaidWhenRedisCameBackEmptyIsMissing) {
  const ReplicaProcess replica(SettingsFor(redis_));
  const ReplicaProcess other(SettingsFor(redis_));
  ASSERT_TRUE(WaitUntil([&] { return replica.ready() && other.ready(); }));
  const EventReader reader(replica.channel(), SubscribeTo("QGIS"));
  ASSERT_TRUE(HasSnapshot(reader));
  ASSERT_TRUE(other.PublishUntilDone(PublishTo("QGIS", "edge", 1, {"before"})));
  ASSERT_TRUE(WaitUntil([&] { return reader.count() == 1; }));

  redis_.Kill();
  redis_.EraseData();
  redis_.Start();
  const absl::Time back = absl::Now();
  std::vector<std::string> expected = {"before"};
  for (uint64_t i = 2; i <= 100; ++i) {
    expected.push_back(std::to_string(i));
    ASSERT_TRUE(other.PublishUntilDone(PublishTo("QGIS", "edge", i, {expected.back()})));
  }
  ASSERT_TRUE(WaitUntil([&] { return reader.count() >= 100; }));
  EXPECT_LT(absl::Now() - back, absl::Seconds(3));
  EXPECT_EQ(reader.messages(), expected);
  EXPECT_EQ(reader.snapshots(), 2);
  EXPECT_GE(replica.Metric("gischat_fanout_epochs_total"), 1);
}

TEST_F(FanoutReplica, StreamBeginsAgainWhenRedisComesBackEmpty) {
  const ReplicaProcess replica(SettingsFor(redis_));
  ASSERT_TRUE(WaitUntil([&] { return replica.ready(); }));
  const EventReader reader(replica.channel(), SubscribeTo("QGIS"));
  ASSERT_TRUE(HasSnapshot(reader));
  ASSERT_TRUE(replica.PublishUntilDone(PublishTo("QGIS", "edge", 1, {"before"}, true)));
  ASSERT_TRUE(WaitUntil([&] { return reader.count() == 1; }));
  const uint64_t epoch = reader.epoch();

  redis_.Kill();
  redis_.EraseData();
  redis_.Start();
  ASSERT_TRUE(WaitUntil([&] { return reader.snapshots() == 2; }));
  ASSERT_TRUE(replica.PublishUntilDone(PublishTo("QGIS", "new", 1, {"after"}, true)));

  ASSERT_TRUE(WaitUntil([&] { return reader.count() == 2; }));
  EXPECT_EQ(reader.messages().back(), "after");
  EXPECT_NE(reader.epoch(), epoch);
  EXPECT_EQ(reader.offset(), 1u);
}

TEST_F(FanoutReplica, ReplicaThatStopsEndsItsStreamsAndTheOtherOneGoesOn) {
  ReplicaProcess one(SettingsFor(redis_));
  const ReplicaProcess two(SettingsFor(redis_));
  ASSERT_TRUE(WaitUntil([&] { return one.ready() && two.ready(); }));
  const EventReader reader(one.channel(), SubscribeTo("QGIS"));
  ASSERT_TRUE(HasSnapshot(reader));
  ASSERT_TRUE(one.PublishUntilDone(PublishTo("QGIS", "edge", 1, {"a"})));
  ASSERT_TRUE(WaitUntil([&] { return reader.count() == 1; }));

  one.Stop();
  ASSERT_TRUE(WaitUntil([&] { return reader.ended(); }));
  EXPECT_EQ(reader.status().error_code(), grpc::StatusCode::UNAVAILABLE);
  ASSERT_TRUE(two.PublishUntilDone(PublishTo("QGIS", "edge", 2, {"b"})));
  const EventReader resumed(two.channel(), SubscribeTo("QGIS", reader.epoch(), reader.offset()));
  ASSERT_TRUE(WaitUntil([&] { return resumed.count() == 1; }));
  EXPECT_THAT(resumed.messages(), ElementsAre("b"));
  EXPECT_EQ(resumed.snapshots(), 0);
}

TEST(FanoutReplicaWithoutRedis, IsNotReadyAndSaysUnavailable) {
  RedisServer redis;
  redis.Stop();
  const ReplicaProcess replica(SettingsFor(redis));
  EXPECT_FALSE(replica.ready());
  EXPECT_EQ(replica.Publish(PublishTo("QGIS", "edge", 1, {"a"})), grpc::StatusCode::UNAVAILABLE);
  const EventReader reader(replica.channel(), SubscribeTo("QGIS"));
  ASSERT_TRUE(WaitUntil([&] { return reader.empty_responses() > 0; }));
  redis.Start();
  ASSERT_TRUE(WaitUntil([&] { return replica.ready(); }));
  ASSERT_TRUE(WaitUntil([&] { return reader.snapshots() == 1; }));
}

}  // namespace
}  // namespace gischat::tests
