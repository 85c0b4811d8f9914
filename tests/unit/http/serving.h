#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "edge/http/http_connection.h"
#include "tests/support/tcp_client.h"
#include "tests/unit/http/handling.h"

namespace gischat::edge::http {

// Connections over real TCP to handlers over services that the test plays.
class ServingFixture : public HandlersFixture {
 protected:
  using Tcp = boost::asio::ip::tcp;

  // A client, connected and reading.
  tests::TcpClient& Connect() {
    using Acceptor = boost::asio::basic_socket_acceptor<Tcp, net::Executor>;
    Acceptor acceptor(parts_.loop.get_executor(), {boost::asio::ip::make_address("127.0.0.1"), 0});
    clients_.push_back(
        std::make_unique<tests::TcpClient>(parts_.loop, acceptor.local_endpoint().port()));
    ServeConnection(
        acceptor.accept(), handlers_, *admission_, proxies_,
        [this](Upgrade upgrade) { upgrade_.emplace(std::move(upgrade)); }, limits_);
    clients_.back()->Read();
    return *clients_.back();
  }

  // Waits until so many answers have come; what has come.
  std::string Await(tests::TcpClient& client, const std::string& last) {
    EXPECT_TRUE(tests::RunUntil(parts_.loop, [&] {
      return client.received().find(last) != std::string::npos || client.ended();
    })) << client.received();
    tests::Settle(parts_.loop);
    return client.received();
  }
  // Everything until the server closes.
  std::string AwaitEnd(tests::TcpClient& client) {
    EXPECT_TRUE(tests::RunUntil(parts_.loop, [&] { return client.ended(); })) << client.received();
    EXPECT_FALSE(client.was_reset());
    return client.received();
  }
  // The whole conversation of a client that says this and nothing more.
  std::string Converse(const std::string& request) {
    tests::TcpClient& client = Connect();
    client.Send(request);
    return AwaitEnd(client);
  }

  static std::string PutOf(const std::string& body, const std::string& more = "") {
    return "PUT /channel/QGIS/text HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n" +
           more + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
  }
  static std::string UpgradeOf(const std::string& target, const std::string& more = "") {
    return "GET " + target +
           " HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
           "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n" +
           more + "\r\n";
  }

  HttpLimits limits_;
  TrustedProxies proxies_;
  void LimitAdmission(AdmissionLimits limits) {
    admission_ = std::make_unique<Admission>(std::move(limits), parts_.registry);
  }

  std::unique_ptr<Admission> admission_ = std::make_unique<Admission>(
      AdmissionLimits{.connections = 2, .allowed_origins = {"https://chat.example"}},
      parts_.registry);
  std::optional<Upgrade> upgrade_;
  std::vector<std::unique_ptr<tests::TcpClient>> clients_;
};

}  // namespace gischat::edge::http
