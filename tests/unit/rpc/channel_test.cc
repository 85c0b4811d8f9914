#include "common/rpc/channel.h"

#include <gmock/gmock.h>
#include <grpcpp/channel.h>
#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <set>

#include "absl/time/clock.h"
#include "common/rpc/server.h"
#include "tests/unit/rpc/fake_services.h"

namespace gischat::rpc {
namespace {

constexpr absl::Duration kPatience = absl::Seconds(20);

std::unique_ptr<Server> Serve(grpc::Service* service, uint16_t port = 0) {
  auto server = Server::Listen({.port = port}, {service});
  EXPECT_TRUE(server.ok()) << server.status();
  (*server)->SetServing(true);
  return *std::move(server);
}

std::string Target(const std::vector<int>& ports) {
  std::string target = "ipv4:";
  for (const int port : ports) target += "127.0.0.1:" + std::to_string(port) + ",";
  target.pop_back();
  return target;
}

class Client {
 public:
  explicit Client(const std::string& target)
      : presence_(
            presence::v1::Presence::NewStub(MakeChannel(target, "gischat.presence.v1.Presence"))) {}

  // The name of the server that answered, or the words of the status code.
  std::string Call() {
    grpc::ClientContext context;
    context.set_deadline(absl::ToChronoTime(absl::Now() + kPatience));
    presence::v1::ListUsersResponse response;
    const grpc::Status status = presence_->ListUsers(&context, {}, &response);
    if (status.ok()) return response.nicknames(0);
    return "error " + std::to_string(status.error_code());
  }

  std::set<std::string> Call(int times) {
    std::set<std::string> answers;
    for (int i = 0; i < times; ++i) answers.insert(Call());
    return answers;
  }

  // Until `times` calls in a row were answered by exactly these servers.
  bool CallsReach(const std::set<std::string>& servers, int times = 10) {
    const absl::Time end = absl::Now() + kPatience;
    while (absl::Now() < end) {
      if (Call(times) == servers) return true;
    }
    return false;
  }

 private:
  const std::unique_ptr<presence::v1::Presence::Stub> presence_;
};

const std::string kUnavailable = "error 14";

TEST(Channel, GoesRoundRobinOverAllAddresses) {
  FakePresence a("a");
  FakePresence b("b");
  const auto server_a = Serve(&a);
  const auto server_b = Serve(&b);
  Client client(Target({server_a->port(), server_b->port()}));
  ASSERT_TRUE(client.CallsReach({"a", "b"}));
  const int before = a.answers.calls();
  client.Call(20);
  EXPECT_EQ(a.answers.calls(), before + 10);
}

TEST(Channel, AvoidsAServerThatIsNotServing) {
  FakePresence a("a");
  FakePresence b("b");
  const auto server_a = Serve(&a);
  const auto server_b = Serve(&b);
  Client client(Target({server_a->port(), server_b->port()}));
  ASSERT_TRUE(client.CallsReach({"a", "b"}));
  server_a->SetServing(false);
  ASSERT_TRUE(client.CallsReach({"b"}));
  EXPECT_EQ(client.Call(50), std::set<std::string>{"b"});
  server_a->SetServing(true);
  EXPECT_TRUE(client.CallsReach({"a", "b"}));
}

TEST(Channel, HasNobodyToCallWhenNoServerIsServing) {
  FakePresence a("a");
  const auto server = Serve(&a);
  server->SetServing(false);
  Client client(Target({server->port()}));
  EXPECT_EQ(client.Call(), kUnavailable);
  EXPECT_EQ(a.answers.calls(), 0);
}

TEST(Channel, GoesOnWhenOneServerEnds) {
  FakePresence a("a");
  FakePresence b("b");
  auto server_a = Serve(&a);
  const auto server_b = Serve(&b);
  Client client(Target({server_a->port(), server_b->port()}));
  ASSERT_TRUE(client.CallsReach({"a", "b"}));
  server_a.reset();
  EXPECT_EQ(client.Call(50), std::set<std::string>{"b"});
}

TEST(Channel, FindsAServerThatCameBack) {
  FakePresence a("a");
  auto server = Serve(&a);
  const auto port = static_cast<uint16_t>(server->port());
  Client client(Target({port}));
  EXPECT_EQ(client.Call(), "a");
  server.reset();
  EXPECT_EQ(client.Call(), kUnavailable);
  server = Serve(&a, port);
  const absl::Time back = absl::Now();
  EXPECT_TRUE(client.CallsReach({"a"}, 1));
  EXPECT_LT(absl::Now() - back, absl::Seconds(3));
}

TEST(Channel, DoesNotKeepAServerFromShuttingDown) {
  FakePresence a("a");
  const auto server = Serve(&a);
  Client client(Target({server->port()}));
  EXPECT_EQ(client.Call(), "a");
  const absl::Time began = absl::Now();
  server->Shutdown(kPatience);
  EXPECT_LT(absl::Now() - began, kPatience / 4);
}

TEST(Channel, GivesUpConnectingToASilentAddress) {
  boost::asio::io_context context;
  const boost::asio::ip::tcp::acceptor silent(
      context, {boost::asio::ip::make_address("127.0.0.1"), 0}, false);
  Client client(Target({silent.local_endpoint().port()}));
  const absl::Time began = absl::Now();
  EXPECT_EQ(client.Call(), kUnavailable);
  EXPECT_LT(absl::Now() - began, absl::Seconds(5));
}

// Unavailable, cancelled by a server that ends, then fine.
grpc::Status ThirdTimeLucky(int calls_before) {
  if (calls_before == 0) return {grpc::StatusCode::UNAVAILABLE, "later"};
  if (calls_before == 1) return {grpc::StatusCode::CANCELLED, "the server ends"};
  return grpc::Status::OK;
}

TEST(Channel, RepeatsCallsToPresenceThatAreUnavailable) {
  FakePresence presence("a");
  presence.answers.judge = ThirdTimeLucky;
  const auto server = Serve(&presence);
  EXPECT_EQ(Client(Target({server->port()})).Call(), "a");
  EXPECT_EQ(presence.answers.calls(), 3);
}

TEST(Channel, RepeatsNoCallThatFailedOtherwise) {
  FakePresence presence("a");
  presence.answers.judge = [](int) { return grpc::Status(grpc::StatusCode::INTERNAL, "no"); };
  const auto server = Serve(&presence);
  EXPECT_EQ(Client(Target({server->port()})).Call(), "error 13");
  EXPECT_EQ(presence.answers.calls(), 1);
}

TEST(Channel, RepeatsReviewsOfLargeImages) {
  FakeModeration moderation;
  moderation.reviews.judge = ThirdTimeLucky;
  const auto server = Serve(&moderation);
  const auto stub = moderation::v1::Moderation::NewStub(
      MakeChannel(Target({server->port()}), "gischat.moderation.v1.Moderation"));
  moderation::v1::ReviewRequest request;
  request.mutable_message()->mutable_image()->set_image_data(std::string(5'000'000, 'x'));
  moderation::v1::ReviewResponse response;
  grpc::ClientContext context;
  EXPECT_TRUE(stub->Review(&context, request, &response).ok());
  EXPECT_EQ(moderation.reviews.calls(), 3);
}

TEST(Channel, RepeatsHistoryButNeverPublish) {
  FakeFanout fanout;
  fanout.publishes.judge = ThirdTimeLucky;
  fanout.histories.judge = ThirdTimeLucky;
  const auto server = Serve(&fanout);
  const auto stub = fanout::v1::Fanout::NewStub(
      MakeChannel(Target({server->port()}), "gischat.fanout.v1.Fanout"));
  grpc::ClientContext history_context;
  fanout::v1::HistoryResponse history;
  EXPECT_TRUE(stub->History(&history_context, {}, &history).ok());
  EXPECT_EQ(fanout.histories.calls(), 3);
  grpc::ClientContext publish_context;
  fanout::v1::PublishResponse published;
  EXPECT_EQ(stub->Publish(&publish_context, {}, &published).error_code(),
            grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(fanout.publishes.calls(), 1);
}

}  // namespace
}  // namespace gischat::rpc
