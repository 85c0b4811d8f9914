// What clients send once they are in: the real connection, session, hub and publisher, over a pair
// of sockets, with a small chat behind them.
//
// The input is parted by the byte 0x1C. Its first part is the target of the request; with
// `deflate=1` in its query the client offers to compress. The others come one after the other:
// bytes as they are behind a '!', compressed data of a message behind a '%', the text of a message
// otherwise.

#include <prometheus/registry.h>

#include <algorithm>
#include <array>

#include "common/base/utf8.h"
#include "edge/codec/json_document.h"
#include "edge/http/router.h"
#include "edge/session/websocket_connection.h"
#include "tests/fuzz/client_end.h"
#include "tests/fuzz/small_chat.h"
#include "tests/support/deflate.h"

namespace gischat::fuzz {
namespace {

using edge::codec::JsonDocument;
using edge::codec::JsonValue;
using edge::session::WebSocketConnection;

std::string_view TakePart(std::string_view* input) {
  const std::string_view part = input->substr(0, input->find('\x1c'));
  input->remove_prefix(std::min(input->size(), part.size() + 1));
  return part;
}

// What the client sends for a part of the input.
std::string BytesOf(std::string_view part) {
  if (part.starts_with('!')) return std::string(part.substr(1));
  if (part.starts_with('%')) return tests::ClientFrame(1 | tests::kDeflatedBit, part.substr(1));
  return tests::ClientFrame(1, part);
}

// An edge as far as a client that is in sees it. One serves all inputs.
class Server {
 public:
  Server() { lease_.Start(); }

  // All that is sent to the client, the answer to its request included.
  std::string Converse(std::string_view input) {
    ClientEnd client(loop_);
    auto alive = std::make_shared<int>(0);
    const std::weak_ptr<int> sessions = alive;
    LetIn(client.ServerEnd(), TakePart(&input), std::move(alive));
    bool goes_on = client.Send("");
    while (goes_on && !input.empty()) goes_on = client.Send(BytesOf(TakePart(&input)));
    client.Finish();
    Require(sessions.expired() && hub_.member_count() == 0 && keepalive_.size() == 0,
            "nothing is left of a client");
    Require(chat_.connections() == 0 && !chat_.has_nicknames(), "there are no ghosts");
    return client.received();
  }

 private:
  void LetIn(edge::net::Socket socket, std::string_view target, std::shared_ptr<void> alive) {
    namespace http = boost::beast::http;
    WebSocketConnection::Request request(http::verb::get, "/channel/QGIS/ws", 11);
    request.set(http::field::host, "x");
    request.set(http::field::upgrade, "websocket");
    request.set(http::field::connection, "Upgrade");
    request.set(http::field::sec_websocket_key, "dGhlIHNhbXBsZSBub25jZQ==");
    request.set(http::field::sec_websocket_version, "13");
    if (edge::http::HasQueryParameter(target, "deflate", "1")) {
      request.set(http::field::sec_websocket_extensions, "permessage-deflate");
    }
    edge::session::SessionIdentity identity;
    identity.api = edge::http::FindRoute(target).api;
    identity.channel = SmallChat::kChannel;
    identity.connection = ++connections_;
    identity.understands_replies = edge::http::HasQueryParameter(target, "replies", "1");
    const edge::session::SessionParts parts{hub_,   reviewer_, publisher_,      traffic_,
                                            lease_, metrics_,  std::move(alive)};
    std::make_shared<WebSocketConnection>(std::move(socket), "", edge::session::ConnectionLimits(),
                                          parts, std::move(identity), keepalive_, nullptr)
        ->Start(std::move(request));
  }

  boost::asio::io_context loop_;
  prometheus::Registry registry_;
  edge::session::EdgeMetrics metrics_{registry_};
  edge::hub::Hub hub_{{SmallChat::kChannel}, metrics_};
  WillingModeration moderation_;
  SmallChat chat_{loop_, hub_};
  edge::clients::Publisher publisher_{loop_, chat_, {SmallChat::kChannel}, {}, registry_};
  edge::net::EndOfTurn end_of_turn_{loop_.get_executor(), [this] {
                                      publisher_.Flush();
                                      reviewer_.Flush();
                                    }};
  edge::session::Traffic traffic_{.end_of_turn = end_of_turn_};
  edge::session::Reviewer reviewer_{loop_.get_executor(), moderation_, traffic_};
  edge::clients::Lease lease_{loop_, chat_, "edge", {SmallChat::kChannel}, registry_};
  edge::session::Keepalive keepalive_{loop_, std::chrono::seconds(3600)};
  uint64_t connections_ = 0;
};

// Looks at what a client is sent, frame by frame.
class Reader {
 public:
  void Read(const tests::WebSocketFrame& frame) {
    Require(!closed_, "nothing follows a close");
    Require(frame.final, "frames are whole messages");
    switch (frame.opcode) {
      case 1:
        return ReadMessage(tests::TextOf(frame));
      case 8:
        closed_ = true;
        return Require(frame.payload.empty() ||
                           (frame.close_code() >= 1000 && base::IsUtf8(frame.payload.substr(2))),
                       "a close has a code");
      case 10:
        return Require(frame.payload.size() <= 125, "a pong is small");
      default:
        Require(false, "a frame of a known kind");
    }
  }

 private:
  void ReadMessage(const std::string& text) {
    Require(base::IsUtf8(text), "messages are UTF-8");
    auto parsed = edge::codec::ParseJson(text);
    Require(std::holds_alternative<JsonDocument>(parsed), "messages are JSON");
    auto& document = std::get<JsonDocument>(parsed);
    const JsonValue* const type = document.Find("type");
    Require(type != nullptr && IsKind(type->text), "messages are of a known kind");
    if (const JsonValue* const count = document.Find("nb_users")) {
      Require(count->text != last_count_, "a count is told once");
      last_count_ = count->text;
    }
    if (const JsonValue* const reason = document.Find("reason")) {
      Require(!reason->text.empty(), "a refusal says why");
    }
  }

  static bool IsKind(std::string_view type) {
    constexpr std::array<std::string_view, 13> kKinds = {
        "text",   "image", "geojson",  "crs",    "bbox",     "position",   "model",
        "script", "like",  "newcomer", "exiter", "nb_users", "uncompliant"};
    return std::find(kKinds.begin(), kKinds.end(), type) != kKinds.end();
  }

  std::string last_count_;
  bool closed_ = false;
};

}  // namespace
void TakeInput(std::string_view input) {
  static Server& server = *new Server();
  const std::string received = server.Converse(Expand(input, 8 << 10));
  std::string_view rest = received;
  const size_t head = rest.find("\r\n\r\n");
  Require(rest.starts_with("HTTP/1.1 101 ") && head != std::string_view::npos, "the client is in");
  rest.remove_prefix(head + 4);
  Reader reader;
  tests::WebSocketFrame frame;
  while (tests::TakeFrame(&rest, &frame)) reader.Read(frame);
  Require(rest.empty(), "frames are whole");
}

}  // namespace gischat::fuzz
