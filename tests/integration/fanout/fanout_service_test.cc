// The service behind a real gRPC server, over the bus in memory.
#include <gmock/gmock.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <gtest/gtest.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <chrono>
#include <sstream>

#include "common/bus/memory_bus.h"
#include "common/rpc/server.h"
#include "services/fanout/service.h"
#include "tests/integration/fanout/event_reader.h"
#include "tests/support/loop_thread.h"
#include "tests/support/wait_until.h"

namespace gischat::tests {
namespace {

namespace v1 = fanout::v1;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class FanoutService : public ::testing::Test {
 protected:
  FanoutService() { Serve(fanout::Service::kMaxStreamBytes, {}); }
  ~FanoutService() override { End(); }

  void Serve(size_t max_stream_bytes, const bus::Limits& limits) {
    bus_ = std::make_unique<bus::MemoryBus>(loop_.loop(), limits);
    registry_ = std::make_unique<prometheus::Registry>();
    service_ = std::make_unique<fanout::Service>(loop_.loop(), *bus_, *registry_, max_stream_bytes);
    auto server = rpc::Server::Listen({.port = 0}, {service_->grpc_service()});
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
    server_->SetServing(true);
    service_->Start();
    grpc::ChannelArguments arguments;
    arguments.SetMaxReceiveMessageSize(rpc::kMaxMessageBytes);
    channel_ = grpc::CreateCustomChannel("127.0.0.1:" + std::to_string(server_->port()),
                                         grpc::InsecureChannelCredentials(), arguments);
    stub_ = v1::Fanout::NewStub(channel_);
  }

  void End() {
    service_->EndStreams();
    server_->Shutdown(absl::Seconds(5));
    service_->Stop();
  }

  void ServeAgain(size_t max_stream_bytes, const bus::Limits& limits) {
    End();
    server_.reset();
    service_.reset();
    Serve(max_stream_bytes, limits);
  }

  grpc::Status Publish(const v1::PublishRequest& request, v1::PublishResponse* response) {
    grpc::ClientContext context;
    return stub_->Publish(&context, request, response);
  }

  void ExpectPublished(const v1::PublishRequest& request) {
    v1::PublishResponse response;
    const grpc::Status status = Publish(request, &response);
    ASSERT_TRUE(status.ok()) << status.error_message();
    EXPECT_EQ(response.outcome(), v1::PublishResponse::PUBLISHED);
  }

  std::string Metrics() const {
    std::ostringstream text;
    prometheus::TextSerializer().Serialize(text, registry_->Collect());
    return text.str();
  }

  LoopThread loop_;
  std::unique_ptr<bus::MemoryBus> bus_;
  std::unique_ptr<prometheus::Registry> registry_;
  std::unique_ptr<fanout::Service> service_;
  std::unique_ptr<rpc::Server> server_;
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<v1::Fanout::Stub> stub_;
};

TEST_F(FanoutService, StreamBeginsWithASnapshotAndGoesOn) {
  ExpectPublished(PublishTo("QGIS", "edge", 1, {"stored"}, true));
  EventReader reader(channel_, SubscribeTo("QGIS"));
  ASSERT_TRUE(WaitUntil([&] { return reader.snapshots() == 1; }));
  ExpectPublished(PublishTo("QGIS", "edge", 2, {"one", "two"}));

  ASSERT_TRUE(WaitUntil([&] { return reader.count() == 2; }));
  EXPECT_THAT(reader.messages(), ElementsAre("one", "two"));
  EXPECT_EQ(reader.out_of_order(), 0);
  EXPECT_EQ(reader.last_snapshot().offset(), 1u);
  EXPECT_EQ(reader.last_snapshot().history_limit(), 5u);
  ASSERT_EQ(reader.last_snapshot().history_size(), 1);
  const v1::Event event = reader.last_snapshot().history(0);
  EXPECT_EQ(event.message(), "stored");
  EXPECT_TRUE(event.stored());
  EXPECT_EQ(event.publisher(), "edge");
  EXPECT_EQ(event.sequence(), 1u);
  EXPECT_EQ(event.offset(), 1u);
  EXPECT_NE(event.epoch(), 0u);
}

TEST_F(FanoutService, ResumesWhereAnEarlierStreamStood) {
  ExpectPublished(PublishTo("QGIS", "edge", 1, {"one", "two", "three"}));
  uint64_t epoch = 0;
  {
    EventReader reader(channel_, SubscribeTo("QGIS"));
    ASSERT_TRUE(WaitUntil([&] { return reader.snapshots() == 1; }));
    epoch = reader.epoch();
  }
  EventReader resumed(channel_, SubscribeTo("QGIS", epoch, 1));
  ASSERT_TRUE(WaitUntil([&] { return resumed.count() == 2; }));
  ExpectPublished(PublishTo("QGIS", "edge", 4, {"four"}));
  ASSERT_TRUE(WaitUntil([&] { return resumed.count() == 3; }));
  EXPECT_THAT(resumed.messages(), ElementsAre("two", "three", "four"));
  EXPECT_EQ(resumed.snapshots(), 0);
  EXPECT_EQ(resumed.out_of_order(), 0);
}

TEST_F(FanoutService, PositionBeyondTheLogYieldsASnapshot) {
  ServeAgain(1 << 20, {.log_events = 2});
  ExpectPublished(PublishTo("QGIS", "edge", 1, {"one", "two", "three", "four"}, true));
  EventReader fresh(channel_, SubscribeTo("QGIS"));
  ASSERT_TRUE(WaitUntil([&] { return fresh.snapshots() == 1; }));

  EventReader late(channel_, SubscribeTo("QGIS", fresh.epoch(), 1));
  ASSERT_TRUE(WaitUntil([&] { return late.snapshots() == 1; }));
  EXPECT_EQ(late.last_snapshot().history_size(), 4);
  EXPECT_THAT(Metrics(), HasSubstr("gischat_fanout_resets_total 1"));
}

TEST_F(FanoutService, OneStreamCarriesManyChannels) {
  v1::SubscribeRequest request;
  for (int i = 0; i < 50; ++i) request.add_channels()->set_channel("c" + std::to_string(i));
  request.add_channels()->set_channel("c0");  // named twice, heard once
  EventReader reader(channel_, request);
  ASSERT_TRUE(WaitUntil([&] { return reader.snapshots() == 50; }));
  for (int i = 0; i < 50; ++i) {
    ExpectPublished(PublishTo("c" + std::to_string(i), "edge", 1, {"hello"}));
  }
  ASSERT_TRUE(WaitUntil([&] { return reader.count() == 50; }));
  ExpectPublished(PublishTo("c0", "edge", 2, {"last"}));
  ASSERT_TRUE(WaitUntil([&] { return reader.count() > 50 && reader.messages().back() == "last"; }));
  EXPECT_EQ(reader.count(), 51u);
}

TEST_F(FanoutService, HistoryIsTold) {
  ExpectPublished(PublishTo("QGIS", "edge", 1, {"one", "two"}, true));
  ExpectPublished(PublishTo("QGIS", "edge", 3, {"not stored"}));
  grpc::ClientContext context;
  v1::HistoryRequest request;
  request.set_channel("QGIS");
  v1::HistoryResponse response;
  ASSERT_TRUE(stub_->History(&context, request, &response).ok());
  EXPECT_EQ(response.snapshot().offset(), 3u);
  ASSERT_EQ(response.snapshot().history_size(), 2);
  EXPECT_EQ(response.snapshot().history(1).message(), "two");
}

TEST_F(FanoutService, PublishTellsGapsAndRepetitions) {
  v1::PublishResponse response;
  ASSERT_TRUE(Publish(PublishTo("QGIS", "edge", 3, {"three"}), &response).ok());
  EXPECT_EQ(response.outcome(), v1::PublishResponse::GAP);
  EXPECT_EQ(response.next_sequence(), 1u);
  ExpectPublished(PublishTo("QGIS", "edge", 1, {"one"}));
  ASSERT_TRUE(Publish(PublishTo("QGIS", "edge", 1, {"one"}), &response).ok());
  EXPECT_EQ(response.outcome(), v1::PublishResponse::PUBLISHED);
  EXPECT_EQ(response.next_sequence(), 2u);
  EXPECT_THAT(Metrics(), HasSubstr("gischat_fanout_published_total{outcome=\"GAP\"} 1"));
  EXPECT_THAT(Metrics(), HasSubstr("gischat_fanout_published_total{outcome=\"PUBLISHED\"} 2"));
}

TEST_F(FanoutService, RefusesRequestsWithoutSense) {
  v1::PublishResponse response;
  for (const auto& request :
       {PublishTo("", "edge", 1, {"x"}), PublishTo("QGIS", "", 1, {"x"}),
        PublishTo("QGIS", "edge", 0, {"x"}), PublishTo("QGIS", "edge", 1, {})}) {
    EXPECT_EQ(Publish(request, &response).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  }
  grpc::ClientContext context;
  v1::HistoryResponse history;
  EXPECT_EQ(stub_->History(&context, {}, &history).error_code(),
            grpc::StatusCode::INVALID_ARGUMENT);
  EventReader reader(channel_, SubscribeTo(""));
  ASSERT_TRUE(WaitUntil([&] { return reader.ended(); }));
  EXPECT_EQ(reader.status().error_code(), grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_F(FanoutService, SilentStreamIsHeardEverySecond) {
  const absl::Time began = absl::Now();
  EventReader reader(channel_, SubscribeTo("QGIS"));
  ASSERT_TRUE(WaitUntil([&] { return reader.empty_responses() >= 2; }));
  EXPECT_LT(absl::Now() - began, absl::Seconds(3));
  EXPECT_EQ(reader.count(), 0u);
}

TEST_F(FanoutService, TenThousandEventsReachThreeStreamsInOrder) {
  constexpr uint64_t kEvents = 10'000;
  constexpr uint64_t kBatch = 20;
  EventReader one(channel_, SubscribeTo("QGIS"));
  EventReader two(channel_, SubscribeTo("QGIS"));
  EventReader three(channel_, SubscribeTo("QGIS"));
  for (const EventReader* reader : {&one, &two, &three}) {
    ASSERT_TRUE(WaitUntil([&] { return reader->snapshots() == 1; }));
  }
  std::vector<std::string> expected;
  const absl::Time began = absl::Now();
  for (uint64_t i = 1; i <= kEvents; i += kBatch) {
    std::vector<std::string> messages;
    for (uint64_t n = i; n < i + kBatch; ++n) messages.push_back("message " + std::to_string(n));
    expected.insert(expected.end(), messages.begin(), messages.end());
    ExpectPublished(PublishTo("QGIS", "edge", i, std::move(messages)));
  }
  for (const EventReader* reader : {&one, &two, &three}) {
    ASSERT_TRUE(WaitUntil([&] { return reader->count() >= kEvents; }));
    EXPECT_EQ(reader->messages(), expected);
    EXPECT_EQ(reader->out_of_order(), 0);
  }
  RecordProperty("milliseconds", static_cast<int>(absl::ToInt64Milliseconds(absl::Now() - began)));
}

TEST_F(FanoutService, LargeMessagesPassWhole) {
  EventReader reader(channel_, SubscribeTo("QGIS"));
  const std::string large(8 << 20, 'x');
  for (uint64_t i = 1; i <= 4; ++i) {
    ExpectPublished(PublishTo("QGIS", "edge", i, {large + std::to_string(i)}, true));
  }
  ASSERT_TRUE(WaitUntil([&] { return reader.offset() == 4; }));
  EventReader late(channel_, SubscribeTo("QGIS"));
  ASSERT_TRUE(WaitUntil([&] { return late.snapshots() == 1; }));
  EXPECT_EQ(late.last_snapshot().history_size(), 4);
  EXPECT_EQ(late.last_snapshot().history(3).message(), large + "4");
}

TEST_F(FanoutService, SmallAndLargeMessagesKeepTheirOrder) {
  EventReader reader(channel_, SubscribeTo("QGIS"));
  ASSERT_TRUE(WaitUntil([&] { return reader.snapshots() == 1; }));
  std::vector<std::string> expected;
  for (uint64_t round = 0; round < 20; ++round) {
    std::vector<std::string> messages;
    messages.reserve(30);
    for (int i = 0; i < 30; ++i) {
      messages.push_back(std::to_string(i) + std::string(i % 3 == 0 ? 20'000 : 20, 'x'));
    }
    expected.insert(expected.end(), messages.begin(), messages.end());
    ExpectPublished(PublishTo("QGIS", "edge", 1 + 30 * round, std::move(messages)));
  }
  ASSERT_TRUE(WaitUntil([&] { return reader.count() >= expected.size(); }));
  EXPECT_EQ(reader.out_of_order(), 0);
  EXPECT_TRUE(reader.messages() == expected);
}

TEST_F(FanoutService, ReaderThatIsTooSlowIsEndedAndCanResume) {
  ServeAgain(4 << 20, {});
  grpc::ClientContext context;
  const auto stalled = stub_->Subscribe(&context, SubscribeTo("QGIS"));
  v1::SubscribeResponse response;
  while (response.items().empty()) ASSERT_TRUE(stalled->Read(&response));
  const v1::Snapshot start = response.items(0).snapshot();

  const std::string message(1 << 20, 'x');
  for (uint64_t i = 1; i <= 20; ++i) ExpectPublished(PublishTo("QGIS", "edge", i, {message}));
  ASSERT_TRUE(WaitUntil(
      [&] { return Metrics().find("gischat_fanout_slow_streams_total 1") != std::string::npos; }));
  uint64_t last = start.offset();
  while (stalled->Read(&response)) {
    for (const v1::Item& item : response.items()) EXPECT_EQ(item.event().offset(), ++last);
  }
  EXPECT_EQ(stalled->Finish().error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_LT(last, 20u);

  EventReader resumed(channel_, SubscribeTo("QGIS", start.epoch(), 18));
  ASSERT_TRUE(WaitUntil([&] { return resumed.offset() == 20; }));
  EXPECT_EQ(resumed.snapshots(), 0);
}

TEST_F(FanoutService, StreamsThatAreGoneLeaveNothingBehind) {
  {
    EventReader one(channel_, SubscribeTo("QGIS"));
    EventReader two(channel_, SubscribeTo("QGIS"));
    ASSERT_TRUE(WaitUntil([&] { return one.snapshots() + two.snapshots() == 2; }));
    EXPECT_THAT(Metrics(), HasSubstr("gischat_fanout_streams 2"));
  }
  ASSERT_TRUE(
      WaitUntil([&] { return Metrics().find("gischat_fanout_streams 0") != std::string::npos; }));
  ExpectPublished(PublishTo("QGIS", "edge", 1, {"nobody listens"}));
  EXPECT_THAT(Metrics(), HasSubstr("gischat_fanout_stream_bytes 0"));
}

TEST_F(FanoutService, EndingStreamsTellsReadersToGoElsewhere) {
  EventReader reader(channel_, SubscribeTo("QGIS"));
  ASSERT_TRUE(WaitUntil([&] { return reader.snapshots() == 1; }));
  service_->EndStreams();
  ASSERT_TRUE(WaitUntil([&] { return reader.ended(); }));
  EXPECT_EQ(reader.status().error_code(), grpc::StatusCode::UNAVAILABLE);
  EventReader late(channel_, SubscribeTo("QGIS"));
  ASSERT_TRUE(WaitUntil([&] { return late.ended(); }));
  EXPECT_EQ(late.status().error_code(), grpc::StatusCode::UNAVAILABLE);
  ExpectPublished(PublishTo("QGIS", "edge", 1, {"still taken"}));
}

}  // namespace
}  // namespace gischat::tests
