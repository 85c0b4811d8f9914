#include "edge/net/listener.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <memory>
#include <thread>
#include <vector>

#include "tests/support/run_until.h"
#include "tests/support/tcp_client.h"

namespace gischat::edge::net {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using testing::HasSubstr;

// Somebody else who listens on a free port of 127.0.0.1.
class Holder {
 public:
  Holder(asio::io_context& context, bool shares) : acceptor_(context) {
    acceptor_.open(tcp::v4());
    acceptor_.set_option(tcp::acceptor::reuse_address(true));
    if (shares) {
      const int on = 1;
      EXPECT_EQ(setsockopt(acceptor_.native_handle(), SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)),
                0);
    }
    acceptor_.bind({asio::ip::make_address("127.0.0.1"), 0});
    acceptor_.listen();
  }
  uint16_t port() const { return acceptor_.local_endpoint().port(); }

 private:
  tcp::acceptor acceptor_;
};

bool IsRefused(uint16_t port) {
  asio::io_context context;
  tcp::socket socket(context);
  boost::system::error_code error;
  socket.connect({asio::ip::make_address("127.0.0.1"), port}, error);
  return error == asio::error::connection_refused;
}

TEST(Listener, PicksAFreePortAndAcceptsOnEveryContext) {
  constexpr size_t kClients = 64;
  std::array<asio::io_context, 2> contexts;
  auto listener = Listener::Open("127.0.0.1", 0, {&contexts[0], &contexts[1]});
  ASSERT_TRUE(listener.ok()) << listener.status();
  ASSERT_NE((*listener)->port(), 0);
  std::array<std::vector<Socket>, 2> accepted;
  (*listener)->Start([&](size_t i, Socket socket) {
    EXPECT_TRUE(contexts[i].get_executor().running_in_this_thread());
    accepted[i].push_back(std::move(socket));
  });
  asio::io_context loop;
  std::vector<std::unique_ptr<tests::TcpClient>> clients;
  for (size_t i = 0; i < kClients; ++i) {
    clients.push_back(std::make_unique<tests::TcpClient>(loop, (*listener)->port()));
  }
  ASSERT_TRUE(tests::RunUntil(contexts[0], [&] {
    tests::Settle(contexts[1]);
    return accepted[0].size() + accepted[1].size() == kClients;
  }));
  EXPECT_FALSE(accepted[0].empty());
  EXPECT_FALSE(accepted[1].empty());
}

TEST(Listener, RefusesAPortThatSomebodyElseHolds) {
  asio::io_context context;
  for (const bool shares : {false, true}) {
    const Holder holder(context, shares);
    const auto listener = Listener::Open("127.0.0.1", holder.port(), {&context});
    ASSERT_EQ(listener.status().code(), absl::StatusCode::kUnavailable) << shares;
    EXPECT_THAT(std::string(listener.status().message()),
                HasSubstr("127.0.0.1:" + std::to_string(holder.port()) + " is taken"));
  }
}

TEST(Listener, RefusesAPortThatAnotherListenerHolds) {
  asio::io_context context;
  const auto first = Listener::Open("127.0.0.1", 0, {&context});
  ASSERT_TRUE(first.ok());
  EXPECT_EQ(Listener::Open("127.0.0.1", (*first)->port(), {&context}).status().code(),
            absl::StatusCode::kUnavailable);
}

TEST(Listener, TakesAPortThatIsFreeAgain) {
  asio::io_context context;
  uint16_t port = 0;
  {
    const auto first = Listener::Open("127.0.0.1", 0, {&context});
    ASSERT_TRUE(first.ok());
    port = (*first)->port();
  }
  const auto second = Listener::Open("127.0.0.1", port, {&context});
  ASSERT_TRUE(second.ok()) << second.status();
  EXPECT_EQ((*second)->port(), port);
}

TEST(Listener, RefusesWhatIsNoAddress) {
  asio::io_context context;
  for (const char* address : {"localhost", "", "127.0.0.1:80", "::1::"}) {
    const auto listener = Listener::Open(address, 0, {&context});
    EXPECT_EQ(listener.status().code(), absl::StatusCode::kInvalidArgument) << address;
    EXPECT_THAT(std::string(listener.status().message()),
                HasSubstr("'" + std::string(address) + "'"));
  }
}

TEST(Listener, RefusesAnAddressThatIsNotOfThisMachine) {
  asio::io_context context;
  EXPECT_EQ(Listener::Open("192.0.2.1", 0, {&context}).status().code(),
            absl::StatusCode::kUnavailable);
}

TEST(Listener, AcceptsNobodyAfterItWasStopped) {
  asio::io_context context;
  auto listener = Listener::Open("127.0.0.1", 0, {&context});
  ASSERT_TRUE(listener.ok());
  size_t accepted = 0;
  (*listener)->Start([&](size_t, Socket) { ++accepted; });
  const tests::TcpClient client(context, (*listener)->port());
  ASSERT_TRUE(tests::RunUntil(context, [&] { return accepted == 1; }));
  (*listener)->Stop();
  tests::Settle(context);
  EXPECT_TRUE(IsRefused((*listener)->port()));
  EXPECT_EQ(accepted, 1u);
}

TEST(Listener, MayBeStoppedFromAnotherThread) {
  asio::io_context context;
  auto listener = Listener::Open("127.0.0.1", 0, {&context});
  ASSERT_TRUE(listener.ok());
  (*listener)->Start([](size_t, Socket) {});
  std::thread runner([&] { context.run(); });
  (*listener)->Stop();
  runner.join();  // nothing is left to do
  EXPECT_TRUE(IsRefused((*listener)->port()));
}

}  // namespace
}  // namespace gischat::edge::net
