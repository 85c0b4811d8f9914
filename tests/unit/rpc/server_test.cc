#include "common/rpc/server.h"

#include <gmock/gmock.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/security/credentials.h>
#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <thread>

#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "tests/unit/rpc/fake_services.h"

namespace gischat::rpc {
namespace {

using presence::v1::Presence;
using testing::HasSubstr;

std::chrono::system_clock::time_point In(absl::Duration patience) {
  return absl::ToChronoTime(absl::Now() + patience);
}

std::unique_ptr<Server> ListenOnFreePort(grpc::Service* service) {
  auto server = Server::Listen({.port = 0}, {service});
  EXPECT_TRUE(server.ok()) << server.status();
  return *std::move(server);
}

std::shared_ptr<grpc::Channel> ConnectTo(const Server& server) {
  return grpc::CreateChannel("127.0.0.1:" + std::to_string(server.port()),
                             grpc::InsecureChannelCredentials());
}

grpc::Status ListUsers(const std::shared_ptr<grpc::Channel>& channel, const std::string& name = "",
                       presence::v1::ListUsersResponse* response = nullptr) {
  presence::v1::ListUsersResponse ignored;
  presence::v1::ListUsersRequest request;
  request.set_channel(name);
  grpc::ClientContext context;
  context.set_deadline(In(absl::Seconds(20)));
  return Presence::NewStub(channel)->ListUsers(&context, request,
                                               response != nullptr ? response : &ignored);
}

// What grpc.health.v1.Health/Check says about a service: SERVING 1, NOT_SERVING 2; the status code
// negated on errors. Written without generated code, which Debian does not ship.
int Health(const std::shared_ptr<grpc::Channel>& channel, const std::string& service) {
  std::string request_bytes;
  if (!service.empty()) {
    request_bytes = std::string("\x0a") + static_cast<char>(service.size()) + service;
  }
  const grpc::Slice request_slice(request_bytes);
  grpc::ByteBuffer request(&request_slice, 1);
  grpc::ByteBuffer response;
  grpc::ClientContext context;
  context.set_deadline(In(absl::Seconds(20)));
  absl::Notification done;
  grpc::Status status;
  grpc::GenericStub stub(channel);
  stub.UnaryCall(&context, "/grpc.health.v1.Health/Check", {}, &request, &response,
                 [&](const grpc::Status& result) {
                   status = result;
                   done.Notify();
                 });
  done.WaitForNotification();
  if (!status.ok()) return -status.error_code();
  grpc::Slice slice;
  if (!response.DumpToSingleSlice(&slice).ok() || slice.size() != 2) return 0;
  return slice.begin()[1];
}

TEST(Server, ServesItsServices) {
  FakePresence presence("here ");
  const auto server = ListenOnFreePort(&presence);
  presence::v1::ListUsersResponse response;
  EXPECT_TRUE(ListUsers(ConnectTo(*server), "QGIS", &response).ok());
  EXPECT_EQ(response.nicknames(0), "here QGIS");
}

TEST(Server, ListensOnIpv6) {
  FakePresence presence;
  const auto server = Server::Listen({.address = "::1", .port = 0}, {&presence});
  ASSERT_TRUE(server.ok()) << server.status();
  EXPECT_TRUE(ListUsers(grpc::CreateChannel("[::1]:" + std::to_string((*server)->port()),
                                            grpc::InsecureChannelCredentials()))
                  .ok());
}

TEST(Server, RefusesAPortThatAnotherServerHas) {
  FakePresence presence;
  const auto first = ListenOnFreePort(&presence);
  const auto port = static_cast<uint16_t>(first->port());
  FakePresence other;
  const auto second = Server::Listen({.port = port}, {&other});
  EXPECT_EQ(second.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(second.status().message(), "gRPC port 127.0.0.1:" + std::to_string(port) + " is taken");
  const auto everywhere = Server::Listen({.address = "0.0.0.0", .port = port}, {&other});
  EXPECT_EQ(everywhere.status().code(), absl::StatusCode::kUnavailable);
}

TEST(Server, RefusesAPortThatSomebodyOffersToShare) {
  boost::asio::io_context context;
  boost::asio::ip::tcp::acceptor shared(context, boost::asio::ip::tcp::v4());
  const int yes = 1;
  ASSERT_EQ(setsockopt(shared.native_handle(), SOL_SOCKET, SO_REUSEPORT, &yes, sizeof yes), 0);
  shared.bind({boost::asio::ip::make_address("127.0.0.1"), 0});
  shared.listen();
  FakePresence presence;
  const auto server = Server::Listen({.port = shared.local_endpoint().port()}, {&presence});
  EXPECT_EQ(server.status().code(), absl::StatusCode::kUnavailable);
}

TEST(Server, RefusesAnAddressOfAnotherMachine) {
  FakePresence presence;
  const auto server = Server::Listen({.address = "192.0.2.1", .port = 0}, {&presence});
  EXPECT_EQ(server.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(server.status().message()), HasSubstr("192.0.2.1:0"));
}

TEST(Server, IsNotServingUntilItIsTold) {
  FakePresence presence;
  const auto server = ListenOnFreePort(&presence);
  const auto channel = ConnectTo(*server);
  EXPECT_EQ(Health(channel, ""), 2);
  EXPECT_EQ(Health(channel, "gischat.presence.v1.Presence"), 2);
  server->SetServing(true);
  EXPECT_EQ(Health(channel, ""), 1);
  EXPECT_EQ(Health(channel, "gischat.presence.v1.Presence"), 1);
  server->SetServing(false);
  EXPECT_EQ(Health(channel, ""), 2);
  EXPECT_EQ(Health(channel, "gischat.presence.v1.Presence"), 2);
  EXPECT_EQ(Health(channel, "no.such.Service"), -grpc::StatusCode::NOT_FOUND);
}

TEST(Server, CarriesMessagesFarAboveTheDefaultLimit) {
  FakePresence presence;
  const auto server = ListenOnFreePort(&presence);
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(-1);
  const auto channel = grpc::CreateCustomChannel("127.0.0.1:" + std::to_string(server->port()),
                                                 grpc::InsecureChannelCredentials(), arguments);
  const std::string large(20 << 20, 'x');
  presence::v1::ListUsersResponse response;
  EXPECT_TRUE(ListUsers(channel, large, &response).ok());
  EXPECT_EQ(response.nicknames(0).size(), large.size());
}

TEST(Server, IsReachedInProcessWithoutAPort) {
  FakePresence presence;
  const auto server = Server::InProcess({&presence});
  EXPECT_EQ(server->port(), 0);
  const std::string large(20 << 20, 'x');
  presence::v1::ListUsersResponse response;
  EXPECT_TRUE(ListUsers(server->InProcessChannel(), large, &response).ok());
  EXPECT_EQ(response.nicknames(0).size(), large.size());
}

TEST(Server, ShutdownRefusesNewCallsAndFreesThePort) {
  FakePresence presence;
  const auto server = ListenOnFreePort(&presence);
  const auto channel = ConnectTo(*server);
  EXPECT_TRUE(ListUsers(channel).ok());
  server->Shutdown(absl::Seconds(20));
  EXPECT_EQ(ListUsers(channel).error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_TRUE(Server::Listen({.port = static_cast<uint16_t>(server->port())}, {&presence}).ok());
}

TEST(Server, ShutdownCutsCallsAfterTheGrace) {
  FakePresence presence;
  const auto server = ListenOnFreePort(&presence);
  const auto channel = ConnectTo(*server);
  ASSERT_TRUE(ListUsers(channel).ok());
  grpc::ClientContext context;
  presence::v1::DetachRequest request;
  presence::v1::DetachResponse response;
  absl::Notification done;
  grpc::Status status;
  const auto stub = Presence::NewStub(channel);
  stub->async()->Detach(&context, &request, &response, [&](const grpc::Status& result) {
    status = result;
    done.Notify();
  });
  ASSERT_TRUE(presence.detaching.WaitForNotificationWithTimeout(absl::Seconds(20)));
  const absl::Time began = absl::Now();
  server->Shutdown(absl::Milliseconds(200));
  EXPECT_GE(absl::Now() - began, absl::Milliseconds(200));
  ASSERT_TRUE(done.WaitForNotificationWithTimeout(absl::Seconds(10)));
  EXPECT_FALSE(status.ok());
}

TEST(Server, AnswersReflection) {
  FakePresence presence;
  const auto server = ListenOnFreePort(&presence);
  const auto channel = ConnectTo(*server);
  grpc::GenericStub stub(channel);
  grpc::ClientContext context;
  context.set_deadline(In(absl::Seconds(20)));

  // A request with `list_services` (field 7) set to an empty string.
  class ListServices : public grpc::ClientBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer> {
   public:
    void Begin() {
      StartRead(&response_);
      StartWriteLast(&request_, {});
      StartCall();
    }
    void OnDone(const grpc::Status& /*status*/) override { done_.Notify(); }
    std::string Answer() {
      done_.WaitForNotification();
      grpc::Slice slice;
      if (!response_.DumpToSingleSlice(&slice).ok()) return "";
      return {reinterpret_cast<const char*>(slice.begin()), slice.size()};
    }

   private:
    const grpc::Slice bytes_{std::string("\x3a\x00", 2)};
    grpc::ByteBuffer request_{&bytes_, 1};
    grpc::ByteBuffer response_;
    absl::Notification done_;
  };
  ListServices call;
  stub.PrepareBidiStreamingCall(
      &context, "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", {}, &call);
  call.Begin();
  EXPECT_THAT(call.Answer(), HasSubstr("gischat.presence.v1.Presence"));
}

}  // namespace
}  // namespace gischat::rpc
