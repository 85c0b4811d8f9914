#include "services/presence/replica.h"

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <gtest/gtest.h>
#include <prometheus/registry.h>

#include <algorithm>
#include <string>
#include <thread>
#include <vector>

#include "common/bus/redis_bus.h"
#include "common/redis/subscriber.h"
#include "common/rpc/channel.h"
#include "gischat/presence/v1/presence.grpc.pb.h"
#include "tests/integration/presence/channel_ear.h"
#include "tests/support/loop_thread.h"
#include "tests/support/redis_server.h"
#include "tests/support/wait_until.h"

namespace gischat::presence {
namespace {

// One replica, and an edge's connection to it.
class ReplicaProcess {
 public:
  explicit ReplicaProcess(const ReplicaSettings& settings)
      : replica_(settings, loop_.loop(), registry_) {
    EXPECT_TRUE(replica_.Start().ok());
    stub_ = v1::Presence::NewStub(rpc::MakeChannel(
        "ipv4:127.0.0.1:" + std::to_string(replica_.port()), v1::Presence::service_full_name()));
  }
  ~ReplicaProcess() {
    replica_.Stop();
    loop_.Stop();
  }

  uint16_t port() const { return static_cast<uint16_t>(replica_.port()); }
  bool ready() const { return replica_.Readiness().ok(); }

  grpc::Status Report(const std::string& lease, uint64_t sequence, uint64_t connections,
                      v1::ReportResponse* response) {
    v1::ReportRequest request;
    request.set_lease(lease);
    request.set_sequence(sequence);
    request.set_announce(sequence == 1);
    request.add_holdings()->set_channel("QGIS");
    request.mutable_holdings(0)->set_connections(connections);
    grpc::ClientContext context;
    context.set_deadline(absl::ToChronoTime(absl::Now() + absl::Milliseconds(500)));
    return stub_->Report(&context, request, response);
  }
  bool Reports(const std::string& lease, uint64_t sequence, uint64_t connections) {
    v1::ReportResponse response;
    return Report(lease, sequence, connections, &response).ok() && response.counts(0).known();
  }
  v1::RegisterResponse::Outcome Register(const std::string& lease, const std::string& nickname) {
    v1::RegisterRequest request;
    request.set_lease(lease);
    request.set_channel("QGIS");
    request.set_connection(1);
    request.set_request_id("r1");
    request.set_nickname(nickname);
    grpc::ClientContext context;
    v1::RegisterResponse response;
    EXPECT_TRUE(stub_->Register(&context, request, &response).ok());
    return response.outcome();
  }

 private:
  tests::LoopThread loop_;
  prometheus::Registry registry_;
  Replica replica_;
  std::unique_ptr<v1::Presence::Stub> stub_;
};

class ReplicaTest : public testing::Test {
 protected:
  ReplicaTest()
      : client_(loop_.loop(), redis_.options(), "bus", bus::RedisBus::Scripts(), registry_),
        subscriber_(loop_.loop(), redis_.options(), "ear", client_, registry_),
        bus_(loop_.loop(), client_, subscriber_, settings_.bus.instance, bus::Limits()) {
    client_.Start();
    subscriber_.Start();
    ear_ = std::make_unique<ChannelEar>(bus_, "QGIS");
    settings_.server.port = 0;
    settings_.redis.url = redis_.url();
    settings_.presence.time_to_live = absl::Seconds(1);
    settings_.presence.sweep_interval = absl::Milliseconds(50);
    settings_.presence.sweep_patience = absl::Milliseconds(500);
  }
  ~ReplicaTest() override { loop_.Stop(); }

  std::vector<std::string> Heard() { return ear_->Heard(); }
  bool HasHeard(const std::string& line) {
    const std::vector<std::string> heard = Heard();
    return std::find(heard.begin(), heard.end(), line) != heard.end();
  }

  tests::RedisServer redis_;
  tests::LoopThread loop_;
  prometheus::Registry registry_;
  ReplicaSettings settings_;
  redis::Client client_;
  redis::Subscriber subscriber_;
  bus::RedisBus bus_;
  std::unique_ptr<ChannelEar> ear_;
};

TEST_F(ReplicaTest, EdgeThatDiesIsOutAndIsToldOnceByAllReplicasTogether) {
  ReplicaProcess one(settings_);
  ReplicaProcess two(settings_);
  ASSERT_TRUE(tests::WaitUntil([&] { return one.ready() && two.ready(); }));
  uint64_t sequence = 1;
  ASSERT_TRUE(one.Reports("living", sequence, 1));
  ASSERT_TRUE(one.Reports("dead", 1, 3));
  ASSERT_TRUE(two.Reports("dead", 2, 3)) << "now both replicas have heard of the channel";
  ASSERT_EQ(two.Register("dead", "ada"), v1::RegisterResponse::REGISTERED);
  ASSERT_TRUE(tests::WaitUntil([&] {
    ++sequence;
    EXPECT_TRUE((sequence % 2 == 0 ? one : two).Reports("living", sequence, 1));
    return Heard().back() == "nb_users 1" && HasHeard("exiter ada");
  }));
  const std::vector<std::string> heard = Heard();
  EXPECT_EQ(std::count(heard.begin(), heard.end(), "exiter ada"), 1);
  EXPECT_EQ(one.Register("living", "ada"), v1::RegisterResponse::REGISTERED);
}

TEST_F(ReplicaTest, CountsThatComeThroughTwoReplicasAreRightAndToldNoMoreOftenThanByOne) {
  constexpr uint64_t kJoins = 300;
  constexpr uint64_t kEdges = 3;
  settings_.presence.time_to_live = absl::Seconds(60);
  ReplicaProcess one(settings_);
  ReplicaProcess two(settings_);
  ASSERT_TRUE(tests::WaitUntil([&] { return one.ready() && two.ready(); }));
  const absl::Time began = absl::Now();
  std::vector<std::thread> edges;
  for (uint64_t edge = 0; edge < kEdges; ++edge) {
    edges.emplace_back([&, lease = "edge " + std::to_string(edge)] {
      for (uint64_t joined = 1; joined <= kJoins; ++joined) {  // as round_robin does
        EXPECT_TRUE((joined % 2 == 0 ? one : two).Reports(lease, joined, joined));
      }
    });
  }
  for (std::thread& edge : edges) edge.join();
  const std::string last = "nb_users " + std::to_string(kEdges * kJoins);
  ASSERT_TRUE(tests::WaitUntil([&] { return HasHeard(last); }));
  const absl::Duration took = absl::Now() - began;
  const std::vector<std::string> heard = Heard();
  EXPECT_EQ(heard.back(), last);
  EXPECT_LE(static_cast<double>(heard.size()), took / settings_.presence.count_interval + 2);
  std::printf("%zu counts told in %s\n", heard.size(), absl::FormatDuration(took).c_str());
}

TEST_F(ReplicaTest, WhoAnnouncesAgainAfterRedisWasEmptiedIsCountedByBothReplicas) {
  settings_.presence.time_to_live = absl::Seconds(60);
  ReplicaProcess one(settings_);
  ReplicaProcess two(settings_);
  ASSERT_TRUE(tests::WaitUntil([&] { return one.ready() && two.ready(); }));
  ASSERT_TRUE(one.Reports("a", 1, 3));
  ASSERT_TRUE(two.Reports("b", 1, 4));
  ASSERT_EQ(one.Register("a", "ada"), v1::RegisterResponse::REGISTERED);
  ASSERT_TRUE(tests::WaitUntil([&] { return HasHeard("nb_users 7"); }));
  const std::vector<std::string> before = Heard();
  redis_.Execute({"FLUSHALL"});
  EXPECT_FALSE(two.Reports("a", 2, 3));
  EXPECT_FALSE(one.Reports("b", 2, 4));
  EXPECT_TRUE(two.Reports("a again", 1, 3));
  EXPECT_TRUE(one.Reports("b again", 1, 4));
  EXPECT_EQ(two.Register("a again", "ada"), v1::RegisterResponse::REGISTERED);
  // The channel hears the number anew, in whatever order with the name.
  EXPECT_TRUE(tests::WaitUntil([&] {
    const std::vector<std::string> heard = Heard();
    const auto flushed = heard.begin() + static_cast<std::ptrdiff_t>(before.size());
    return std::find(flushed, heard.end(), "nb_users 7") != heard.end();
  }));
}

TEST_F(ReplicaTest, RedisThatIsAwayMakesItUnreadyAndCallsUnavailable) {
  ReplicaProcess replica(settings_);
  ASSERT_TRUE(tests::WaitUntil([&] { return replica.ready(); }));
  ASSERT_TRUE(replica.Reports("a", 1, 1));
  redis_.Kill();
  ASSERT_TRUE(tests::WaitUntil([&] { return !replica.ready(); }));
  v1::ReportResponse response;
  EXPECT_FALSE(replica.Report("a", 2, 1, &response).ok());
  redis_.Start();
  ASSERT_TRUE(tests::WaitUntil([&] { return replica.ready(); }));
  EXPECT_TRUE(tests::WaitUntil([&] { return replica.Reports("a", 3, 1); }));
}

TEST_F(ReplicaTest, NobodyIsEvictedWhenRedisComesBackAfterALongPause) {
  ReplicaProcess replica(settings_);
  ASSERT_TRUE(tests::WaitUntil([&] { return replica.ready(); }));
  ASSERT_TRUE(replica.Reports("a", 1, 3));
  ASSERT_EQ(replica.Register("a", "ada"), v1::RegisterResponse::REGISTERED);
  redis_.Pause();
  ASSERT_TRUE(tests::WaitUntil([&] { return !replica.ready(); })) << "longer than the lease lives";
  redis_.Continue();
  uint64_t sequence = 1;
  ASSERT_TRUE(tests::WaitUntil([&] { return replica.Reports("a", ++sequence, 3); }));
  ASSERT_TRUE(replica.Reports("b", 1, 0));
  EXPECT_EQ(replica.Register("b", "ada"), v1::RegisterResponse::TAKEN);
}

TEST_F(ReplicaTest, TakenPortIsAnError) {
  ReplicaProcess one(settings_);
  tests::LoopThread loop;
  prometheus::Registry registry;
  ReplicaSettings taken = settings_;
  taken.server.port = one.port();
  Replica two(taken, loop.loop(), registry);
  const absl::Status status = two.Start();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  loop.Stop();
}

}  // namespace
}  // namespace gischat::presence
