#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "common/trace/trace.h"
#include "edge/http/admission.h"
#include "edge/http/handlers.h"
#include "edge/http/trusted_proxies.h"
#include "edge/net/queued_socket.h"

namespace gischat::edge::http {

// Bounds of the HTTP side. A request that passes one is answered (408, 413, 431) where the client
// can still see it.
struct HttpLimits {
  size_t head_bytes = 16 << 10;
  std::chrono::milliseconds head = std::chrono::seconds(20);  // of the first request, from the
                                                              // beginning of the connection on
  std::chrono::milliseconds body = std::chrono::seconds(30);
  std::chrono::milliseconds answer = std::chrono::seconds(30);  // for the client to take it
  std::chrono::milliseconds next = std::chrono::seconds(75);    // for the head of a later request
};

// A WebSocket client at the door: its channel is known, its upgrade not answered yet.
struct Upgrade {
  net::Socket socket;
  std::string unread;             // what was read behind the request
  std::shared_ptr<void> request;  // a WebSocketConnection::Request
  Route route;
  bool understands_replies = false;
  std::shared_ptr<trace::Source> trace;  // null: the client gave none
  Admission::Ticket ticket;
};

// Serves one connection of a client: any number of HTTP requests, the last of which may turn it
// into a WebSocket, which `on_upgrade` takes over (on the same thread). An upgrade to an unknown
// path or channel is answered with 403 and no body, which every client shows; one that `admission`
// refuses, with its reason. Runs on the socket's thread and owns itself; what it is given by
// reference outlives it.
void ServeConnection(net::Socket socket, Handlers& handlers, Admission& admission,
                     const TrustedProxies& proxies, std::function<void(Upgrade)> on_upgrade,
                     HttpLimits limits = {});

}  // namespace gischat::edge::http
