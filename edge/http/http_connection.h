#pragma once

#include <functional>
#include <memory>
#include <string>

#include "edge/http/admission.h"
#include "edge/http/handlers.h"
#include "edge/net/queued_socket.h"

namespace gischat::edge::http {

// Bounds of the HTTP side. A request that passes one is answered (408, 413, 431) where the client
// can still see it.
inline constexpr size_t kMaxHeaderBytes = 16 << 10;
inline constexpr int kHeaderSeconds = 20;     // for a request's head, from its first wait on
inline constexpr int kBodySeconds = 30;       // for its body
inline constexpr int kKeepAliveSeconds = 75;  // between two requests

// A WebSocket client at the door: its channel is known, its upgrade not answered yet.
struct Upgrade {
  net::Socket socket;
  std::string unread;             // what was read behind the request
  std::shared_ptr<void> request;  // a WebSocketConnection::Request
  Route route;
  bool understands_replies = false;
  Admission::Ticket ticket;
};

// Serves one connection of a client: any number of HTTP requests, the last of which may turn it
// into a WebSocket, which `on_upgrade` takes over (on the same thread). An upgrade to an unknown
// path or channel is answered with 403 and no body, which every client shows; one that `admission`
// refuses, with its reason. Runs on the socket's thread and owns itself.
void ServeConnection(net::Socket socket, Handlers& handlers, Admission& admission,
                     std::function<void(Upgrade)> on_upgrade);

}  // namespace gischat::edge::http
