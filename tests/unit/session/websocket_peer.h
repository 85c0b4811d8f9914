#pragma once

#include <gtest/gtest.h>

#include <boost/asio/ip/tcp.hpp>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "edge/session/websocket_connection.h"
#include "tests/support/deflate.h"
#include "tests/support/edge_parts.h"
#include "tests/support/tcp_client.h"

namespace gischat::edge::session {

// The client's end of a WebSocketConnection, byte by byte.
class Peer {
 public:
  Peer(boost::asio::io_context& loop, std::unique_ptr<tests::TcpClient> tcp)
      : loop_(loop), tcp_(std::move(tcp)) {}

  tests::TcpClient& tcp() { return *tcp_; }
  void Send(int opcode, std::string_view payload, bool final = true) {
    tcp_->Send(tests::ClientFrame(opcode, payload, final));
  }
  void SendText(std::string_view text) { Send(1, text); }
  void SendDeflated(std::string_view text) { Send(1 | tests::kDeflatedBit, tests::Deflated(text)); }

  // Runs the loop until that holds, taking frames as they come.
  template <typename Condition>
  bool Await(Condition holds, absl::Duration patience = absl::Seconds(20)) {
    return tests::RunUntil(
        loop_,
        [&] {
          TakeFrames();
          return holds();
        },
        patience);
  }
  bool AwaitSeen(const std::string& last) {
    return Await([&] { return !seen.empty() && seen.back() == last; });
  }
  // The close code of the server; 0 when the connection ends without.
  int AwaitClose(absl::Duration patience = absl::Seconds(20)) {
    EXPECT_TRUE(Await([&] { return close_code != 0 || tcp_->ended(); }, patience));
    return close_code;
  }
  bool AwaitEnd(absl::Duration patience = absl::Seconds(20)) {
    return Await([&] { return tcp_->ended(); }, patience);
  }

  std::string head;                // the answer to the handshake
  std::vector<std::string> seen;   // text frames in short
  int deflated = 0;                // how many of them came compressed
  std::vector<std::string> pongs;  // payloads
  int pings = 0;
  int close_code = 0;
  std::string close_reason;
  bool answers_pings = true;
  bool answers_close = true;

 private:
  void TakeFrames() {
    std::string& bytes = tcp_->received();
    if (head.empty()) {
      const size_t end = bytes.find("\r\n\r\n");
      if (end == std::string::npos) return;
      head = bytes.substr(0, end + 4);
      bytes.erase(0, end + 4);
    }
    std::string_view rest = bytes;
    tests::WebSocketFrame frame;
    while (tests::TakeFrame(&rest, &frame)) Take(frame);
    bytes.erase(0, bytes.size() - rest.size());
  }
  void Take(const tests::WebSocketFrame& frame) {
    EXPECT_EQ(close_code, 0) << "something follows the close frame";
    if (frame.deflated) ++deflated;
    if (frame.opcode == 1) seen.push_back(tests::Short(tests::TextOf(frame)));
    if (frame.opcode == 10) pongs.push_back(frame.payload);
    if (frame.opcode == 9) {
      ++pings;
      if (answers_pings) Send(10, frame.payload);
    }
    if (frame.opcode == 8) {
      close_code = frame.close_code();
      close_reason = frame.payload.substr(2);
      if (answers_close) Send(8, frame.payload.substr(0, 2));
    }
  }

  boost::asio::io_context& loop_;
  std::unique_ptr<tests::TcpClient> tcp_;
};

class WebSocketFixture : public testing::Test {
 protected:
  using Request = WebSocketConnection::Request;

  ~WebSocketFixture() override {
    peers_.clear();
    EXPECT_TRUE(tests::RunUntil(parts_.loop, [&] { return parts_.alive.expired(); }))
        << "a session is left";
    EXPECT_EQ(parts_.hub.member_count(), 0u);
  }

  // A client whose upgrade is being answered. `unread`: what came behind its request.
  Peer& Open(const std::string& unread = "", int receive_buffer = 0) {
    using Acceptor = boost::asio::basic_socket_acceptor<boost::asio::ip::tcp, net::Executor>;
    Acceptor acceptor(parts_.loop.get_executor(), {boost::asio::ip::make_address("127.0.0.1"), 0});
    auto tcp = std::make_unique<tests::TcpClient>(parts_.loop, acceptor.local_endpoint().port(),
                                                  receive_buffer);
    SessionIdentity identity;
    identity.channel = tests::EdgeParts::kChannel;
    identity.connection = ++connections_;
    auto connection = std::make_shared<WebSocketConnection>(acceptor.accept(), unread, limits_,
                                                            parts_.ForSession(), identity,
                                                            keepalive_, std::make_shared<int>(0));
    Request request = Upgrade();
    if (!extensions_.empty()) {
      request.set(boost::beast::http::field::sec_websocket_extensions, extensions_);
    }
    connection->Start(std::move(request), may_compress_);
    connection_ = connection;
    peers_.push_back(std::make_unique<Peer>(parts_.loop, std::move(tcp)));
    return *peers_.back();
  }
  // A client that is in.
  Peer& Enter(int receive_buffer = 0) {
    const size_t before = parts_.hub.member_count();
    Peer& peer = Open("", receive_buffer);
    if (receive_buffer == 0) peer.tcp().Read();
    EXPECT_TRUE(tests::RunUntil(parts_.loop, [&] { return parts_.hub.member_count() > before; }));
    tests::Settle(parts_.loop);
    return peer;
  }

  static Request Upgrade() {
    namespace http = boost::beast::http;
    Request request(http::verb::get, "/channel/QGIS/ws", 11);
    request.set(http::field::host, "x");
    request.set(http::field::upgrade, "websocket");
    request.set(http::field::connection, "Upgrade");
    request.set(http::field::sec_websocket_key, "dGhlIHNhbXBsZSBub25jZQ==");
    request.set(http::field::sec_websocket_version, "13");
    return request;
  }

  static std::string Text(const std::string& words) {
    return R"({"type":"text","author":"Ada","text":")" + words + "\"}";
  }

  tests::EdgeParts parts_;
  Keepalive keepalive_{parts_.loop, std::chrono::seconds(1)};
  ConnectionLimits limits_;
  std::string extensions_;  // that the clients who come next offer
  bool may_compress_ = true;
  std::weak_ptr<WebSocketConnection> connection_;  // opened last
  std::vector<std::unique_ptr<Peer>> peers_;
  uint64_t connections_ = 0;
};

}  // namespace gischat::edge::session
