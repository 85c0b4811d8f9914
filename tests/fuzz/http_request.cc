// What clients send to the HTTP port: the real connection with the real handlers and rules, over a
// pair of sockets, in front of services that always answer.

#include <prometheus/registry.h>

#include <algorithm>
#include <array>

#include "common/base/utf8.h"
#include "edge/codec/json_document.h"
#include "edge/http/http_connection.h"
#include "tests/fuzz/client_end.h"
#include "tests/fuzz/willing_backends.h"

namespace gischat::fuzz {
namespace {

// A byte that no request holds parts what arrives at once from what arrives later.
constexpr char kPause = '\x1c';

// An edge as far as HTTP goes. One serves all inputs.
class Server {
 public:
  // All that is sent back to a client that sends `input` and nothing more.
  std::string Converse(std::string_view input) {
    ClientEnd client(loop_);
    edge::http::ServeConnection(client.ServerEnd(), handlers_, admission_, proxies_,
                                [this](edge::http::Upgrade upgrade) {
                                  Require(handlers_.HasChannel(upgrade.route.channel),
                                          "there is a channel behind a socket");
                                });
    while (!input.empty()) {
      const std::string_view piece = input.substr(0, input.find(kPause));
      if (!client.Send(piece)) break;
      input.remove_prefix(std::min(input.size(), piece.size() + 1));
    }
    client.Finish();
    return client.received();
  }

 private:
  static edge::Settings MakeSettings() {
    edge::Settings settings;
    settings.channels = {"QGIS", "Geo \"tribu\"", "\u00c9t\u00e9"};
    return settings;
  }

  boost::asio::io_context loop_;
  prometheus::Registry registry_;
  edge::LiveSettings settings_{MakeSettings()};
  WillingModeration moderation_;
  WillingPresence presence_;
  WillingFanout fanout_;
  edge::clients::Publisher publisher_{loop_, fanout_, settings_.Now()->channels, {}, registry_};
  edge::session::EdgeMetrics metrics_{registry_};
  edge::http::UserLists users_{presence_, settings_.Now()->channels, registry_};
  edge::http::Handlers handlers_{{settings_, moderation_, presence_, fanout_, publisher_, users_,
                                  metrics_, [] { return std::vector<std::string>(); }},
                                 registry_};
  edge::http::Admission admission_{{.connections_per_address = 0,
                                    .connection_rate = 0,
                                    .message_rate = 0,
                                    .allowed_origins = {"https://chat.example"}},
                                   registry_};
  edge::http::TrustedProxies proxies_{{"::/0"}};
};

// One header line; false when it is none that the server ever writes.
bool IsKnownHeader(std::string_view line) {
  constexpr std::array kNames = {
      "Allow",        "Cache-Control",           "Connection", "Content-Length",
      "Content-Type", "Content-Security-Policy", "Location",   "Retry-After",
      "Server",       "X-Content-Type-Options"};
  const std::string_view name = line.substr(0, line.find(": "));
  return std::find(kNames.begin(), kNames.end(), name) != kNames.end() &&
         std::all_of(line.begin(), line.end(), [](char c) { return c < 0 || c >= ' '; });
}

bool IsKnownStatus(std::string_view status) {
  constexpr std::array kStatuses = {"200", "307", "400", "403", "404", "405", "413", "422", "431"};
  return std::find(kStatuses.begin(), kStatuses.end(), status) != kStatuses.end();
}

// Reads one answer off the front.
class Answer {
 public:
  explicit Answer(std::string_view* rest) {
    const size_t end = rest->find("\r\n\r\n");
    Require(end != std::string_view::npos, "answers have whole heads");
    std::string_view head = rest->substr(0, end);
    rest->remove_prefix(end + 4);
    const std::string_view first = TakeLine(&head);
    Require(first.starts_with("HTTP/1.1 ") || first.starts_with("HTTP/1.0 "), "answers are HTTP");
    status_ = first.substr(9, 3);
    if (status_ == "100") return;
    Require(IsKnownStatus(status_), "a status that is documented");
    while (!head.empty()) ReadHeader(TakeLine(&head));
    Require(length_ != std::string_view::npos, "answers have a length");
    // Those to HEAD have none of it; no body of ours looks like an answer.
    if (!rest->empty() && !rest->starts_with("HTTP/1.")) {
      Require(rest->size() >= length_, "answers are whole");
      body_ = rest->substr(0, length_);
      rest->remove_prefix(length_);
    }
    if (is_json_ && !body_.empty()) CheckJson();
  }

 private:
  static std::string_view TakeLine(std::string_view* head) {
    const std::string_view line = head->substr(0, head->find("\r\n"));
    head->remove_prefix(std::min(head->size(), line.size() + 2));
    return line;
  }

  void ReadHeader(std::string_view line) {
    Require(IsKnownHeader(line), "nothing of a client becomes a header");
    constexpr std::string_view kLength = "Content-Length: ";
    if (line.starts_with(kLength)) {
      length_ = std::stoul(std::string(line.substr(kLength.size())));
    }
    is_json_ = is_json_ || line == "Content-Type: application/json";
    if (line.starts_with("Location: ")) {
      Require(!line.starts_with("Location: //"), "no redirect leaves the server");
    }
  }

  void CheckJson() const {
    Require(base::IsUtf8(body_), "answers are UTF-8");
    const auto parsed = edge::codec::ParseJson(body_);
    Require(std::holds_alternative<edge::codec::JsonDocument>(parsed), "answers are JSON");
    if (status_ == "200") return;
    auto document = std::get<edge::codec::JsonDocument>(parsed);
    Require(document.Find("detail") != nullptr, "refusals say why");
  }

  std::string_view status_;
  std::string_view body_;
  size_t length_ = std::string_view::npos;
  bool is_json_ = false;
};

}  // namespace
void TakeInput(std::string_view input) {
  static Server& server = *new Server();
  const std::string received = server.Converse(Expand(input, 32 << 10));
  std::string_view rest = received;
  while (!rest.empty()) Answer answer(&rest);
}

}  // namespace gischat::fuzz
