// Replicas over a real Redis, as processes would run them.
#include <gmock/gmock.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <gtest/gtest.h>
#include <prometheus/registry.h>

#include <atomic>

#include "services/fanout/replica.h"
#include "tests/integration/fanout/event_reader.h"
#include "tests/support/loop_thread.h"
#include "tests/support/redis_server.h"
#include "tests/support/wait_until.h"

namespace gischat::tests {
namespace {

namespace v1 = fanout::v1;
using ::testing::ElementsAre;

// One replica with a loop of its own.
class ReplicaProcess {
 public:
  explicit ReplicaProcess(const RedisServer& redis) {
    fanout::ReplicaSettings settings;
    settings.server.port = 0;
    settings.redis.url = redis.url();
    replica_ = std::make_unique<fanout::Replica>(settings, loop_.loop(), registry_);
    EXPECT_TRUE(replica_->Start().ok());
    channel_ = grpc::CreateChannel("127.0.0.1:" + std::to_string(replica_->port()),
                                   grpc::InsecureChannelCredentials());
    stub_ = v1::Fanout::NewStub(channel_);
  }
  ~ReplicaProcess() { replica_->Stop(); }

  bool ready() const { return replica_->Readiness().ok(); }
  void Stop() { replica_->Stop(); }
  const std::shared_ptr<grpc::Channel>& channel() const { return channel_; }

  grpc::StatusCode Publish(const v1::PublishRequest& request) const {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(1));
    v1::PublishResponse response;
    const grpc::Status status = stub_->Publish(&context, request, &response);
    if (status.ok() && response.outcome() != v1::PublishResponse::PUBLISHED) {
      return grpc::StatusCode::ABORTED;
    }
    return status.error_code();
  }

  // As an edge does: again, until it is published.
  bool PublishUntilDone(const v1::PublishRequest& request) const {
    return WaitUntil([&] { return Publish(request) == grpc::StatusCode::OK; });
  }

 private:
  prometheus::Registry registry_;
  LoopThread loop_;
  std::unique_ptr<fanout::Replica> replica_;
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<v1::Fanout::Stub> stub_;
};

class FanoutReplica : public ::testing::Test {
 protected:
  static bool HasSnapshot(const EventReader& reader) {
    return WaitUntil([&] { return reader.snapshots() > 0; });
  }

  RedisServer redis_;
};

TEST_F(FanoutReplica, TwoReplicasShareTheChannel) {
  const ReplicaProcess one(redis_);
  const ReplicaProcess two(redis_);
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
  const ReplicaProcess one(redis_);
  const ReplicaProcess two(redis_);
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
  const ReplicaProcess replica(redis_);
  const ReplicaProcess other(redis_);
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

TEST_F(FanoutReplica, StreamSurvivesARestartOfRedisWithoutAHole) {
  const ReplicaProcess replica(redis_);
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

TEST_F(FanoutReplica, StreamBeginsAgainWhenRedisComesBackEmpty) {
  const ReplicaProcess replica(redis_);
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
  ReplicaProcess one(redis_);
  const ReplicaProcess two(redis_);
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
  const ReplicaProcess replica(redis);
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
