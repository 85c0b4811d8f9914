#pragma once

#include <boost/asio/awaitable.hpp>
#include <functional>
#include <string>
#include <vector>

#include "common/metrics/fixed_counters.h"
#include "edge/clients/backends.h"
#include "edge/clients/publisher.h"
#include "edge/codec/json_document.h"
#include "edge/http/exchange.h"
#include "edge/http/router.h"
#include "edge/http/user_lists.h"
#include "edge/session/edge_metrics.h"
#include "edge/settings/live_settings.h"

namespace prometheus {
class Registry;
}

namespace gischat::edge::http {

// Why the edge can't do all of its work now: one sentence per backend that is away; empty: it can.
using HealthCheck = std::function<std::vector<std::string>()>;

// What the handlers work with. Everything outlives them; thread-safe.
struct HandlerParts {
  const LiveSettings& settings;
  clients::ModerationClient& moderation;
  clients::PresenceClient& presence;
  clients::FanoutClient& fanout;
  clients::Publisher& publisher;
  UserLists& users;
  session::EdgeMetrics& metrics;
  HealthCheck health;
};

// Largest body of a request; a larger one is answered with 413.
inline constexpr size_t kMaxBodyBytes = 1 << 20;

// Answers every HTTP request that is no WebSocket upgrade. Stateless; one object serves all
// threads.
class Handlers {
 public:
  Handlers(HandlerParts parts, prometheus::Registry& registry);

  // Answers a request, in the coroutine's executor. HEAD is answered like GET; whoever sends the
  // answer leaves the body out.
  boost::asio::awaitable<Response> Handle(Request request);

  // Judges a request by its head alone: an answer other than status 0 is final, and its body need
  // not be read.
  Response JudgeHead(const Request& head) const;

  bool HasChannel(const std::string& channel) const;

  // Counts an answer that was given without Handle().
  void Count(int status);

 private:
  Response Page(std::string_view html) const;
  Response ChannelNames() const;
  Response Rules() const;
  Response UnknownChannel(const Route& route) const;
  boost::asio::awaitable<Response> Status();
  boost::asio::awaitable<Response> Users(const Route& route);
  boost::asio::awaitable<Response> Last(const Route& route);
  boost::asio::awaitable<Response> Put(const Route& route, const Request& request);
  boost::asio::awaitable<Response> Publish(const Route& route, codec::JsonDocument document,
                                           std::string traceparent,
                                           clients::Publisher::Clock::time_point read);

  HandlerParts parts_;
  metrics::FixedCounters requests_;
};

}  // namespace gischat::edge::http
