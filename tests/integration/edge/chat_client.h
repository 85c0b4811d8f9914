#pragma once

#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/chat_messages.h"
#include "tests/support/run_until.h"
#include "tests/support/tcp_client.h"
#include "tests/support/websocket_frames.h"

namespace gischat::tests {

// A client of an edge, on a loop of its own that runs while it waits.
class ChatClient {
 public:
  // Sends the upgrade; its answer comes later.
  explicit ChatClient(uint16_t port, const std::string& target = "/channel/QGIS/ws")
      : tcp_(loop_, port) {
    tcp_.Send("GET " + target +
              " HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
              "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n");
    tcp_.Read();
  }

  // Everything that a server answers to a request after which it closes.
  static std::string Fetch(uint16_t port, const std::string& request) {
    boost::asio::io_context loop;
    TcpClient client(loop, port);
    client.Send(request);
    client.Read();
    RunUntil(loop, [&] { return client.ended(); });
    return client.received();
  }
  static std::string Get(uint16_t port, const std::string& target) {
    return Fetch(port, "GET " + target + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  }

  void Send(const std::string& text) { tcp_.Send(ClientFrame(1, text)); }
  void Say(const std::string& words) {
    Send(R"({"type":"text","author":"Ada","text":")" + words + "\"}");
  }
  void Claim(const std::string& nickname) {
    Send(R"({"type":"newcomer","newcomer":")" + nickname + "\"}");
  }
  void Close() { tcp_.Close(); }

  template <typename Condition>
  bool Await(Condition holds) {
    return RunUntil(loop_, [&] {
      TakeFrames();
      return holds();
    });
  }
  // Waits until it has seen that, and forgets everything up to it. What came before it, in order.
  std::vector<std::string> AwaitSeen(const std::string& word) {
    size_t place = 0;
    const bool there = Await([&] {
      for (place = 0; place < seen.size(); ++place) {
        if (seen[place] == word) return true;
      }
      return false;
    });
    if (!there) return {"never seen: " + word};
    const auto end = seen.begin() + static_cast<std::ptrdiff_t>(place);
    std::vector<std::string> before(seen.begin(), end);
    seen.erase(seen.begin(), end + 1);
    return before;
  }

  std::string head;               // the answer to the upgrade
  std::vector<std::string> seen;  // in short
  std::vector<std::string> json;  // everything, as it came
  int close_code = 0;
  bool ended() const { return tcp_.ended(); }

 private:
  void TakeFrames() {
    std::string& bytes = tcp_.received();
    if (head.empty()) {
      const size_t end = bytes.find("\r\n\r\n");
      if (end == std::string::npos) return;
      head = bytes.substr(0, end + 4);
      bytes.erase(0, end + 4);
    }
    std::string_view rest = bytes;
    WebSocketFrame frame;
    while (TakeFrame(&rest, &frame)) {
      if (frame.opcode == 9) tcp_.Send(ClientFrame(10, frame.payload));
      if (frame.opcode == 8) {
        close_code = frame.close_code();
        tcp_.Send(ClientFrame(8, frame.payload.substr(0, 2)));
      }
      if (frame.opcode != 1) continue;
      json.push_back(frame.payload);
      seen.push_back(Short(frame.payload));
    }
    bytes.erase(0, bytes.size() - rest.size());
  }

  boost::asio::io_context loop_;
  TcpClient tcp_;
};

}  // namespace gischat::tests
