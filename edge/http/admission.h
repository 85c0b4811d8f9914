#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <variant>
#include <vector>

#include "common/metrics/fixed_counters.h"
#include "edge/http/exchange.h"
#include "edge/net/rate.h"

namespace prometheus {
class Registry;
}

namespace gischat::edge::http {

// Who may connect, and how much an address may say. 0 turns a bound off. Generous by default: a
// whole conference sits behind one address.
struct AdmissionLimits {
  uint32_t connections = 0;                   // WebSockets in this process
  uint32_t connections_per_address = 15'000;  // WebSockets from one address
  uint32_t connection_rate = 2'000;           // new WebSockets per second from one address; as many
                                              // may come at once
  uint32_t message_rate = 100'000;            // messages per second from one address, likewise
  uint32_t sockets = 0;                       // connections of any kind in this process
  std::vector<std::string> allowed_origins;   // empty: any
};

// Lets clients in, or says why not. Thread-safe.
class Admission {
 public:
  using Clock = net::Rate::Clock;

  // What a connection takes up, kept as long as it: its end makes room for another.
  class Place;

  struct Ticket {
    std::shared_ptr<void> place;
    std::shared_ptr<net::SharedBucket> messages;  // of the address
  };

  Admission(AdmissionLimits limits, prometheus::Registry& registry);

  // Counts a new connection, whatever it wants, until what is returned goes. Null: there is no room
  // for one more.
  std::shared_ptr<Place> Arrive();

  // A ticket for a WebSocket, or the answer that refuses it. `place`: of the connection, which
  // becomes one of a WebSocket. `address`: what the client is counted as; `origin`: its Origin
  // header (empty: none, as QGIS and QField have it).
  std::variant<Ticket, Response> Enter(std::shared_ptr<Place> place, const std::string& address,
                                       std::string_view origin,
                                       Clock::time_point now = Clock::now());

  // Counts a message that comes by HTTP; the answer that refuses it when there are too many.
  std::optional<Response> RefuseMessage(const std::string& address,
                                        Clock::time_point now = Clock::now());

  // Other limits from now on; who is in stays. Thread-safe, as all others.
  void Change(AdmissionLimits limits);

  // Nobody is let in any more: the server goes away.
  void Close() { closed_ = true; }

 private:
  // What is known about an address.
  struct Visitor {
    Visitor(net::Rate arriving, net::Rate speaking)
        : arrivals(arriving), messages(std::make_shared<net::SharedBucket>(speaking)) {}

    uint32_t connections = 0;
    net::Bucket arrivals;
    std::shared_ptr<net::SharedBucket> messages;
    Clock::time_point seen;
  };
  // Shared with the places, which may outlive the admission.
  struct Book {
    std::mutex mutex;
    std::unordered_map<std::string, Visitor> visitors;  // by address
    uint32_t connections = 0;
    std::atomic<uint32_t> sockets = 0;
  };

  using LimitsPtr = std::shared_ptr<const AdmissionLimits>;

  LimitsPtr Limits() const;
  Visitor& Find(const AdmissionLimits& limits, const std::string& address, Clock::time_point now);
  void ForgetIdle(Clock::time_point now);
  Response Refuse(int status, std::string_view reason, std::string_view words);

  mutable std::mutex limits_mutex_;
  LimitsPtr limits_;  // guarded by limits_mutex_; replaced as a whole
  const std::shared_ptr<Book> book_;
  metrics::FixedCounters refused_;
  std::atomic<bool> closed_ = false;
  Clock::time_point forgotten_;  // guarded by the book's mutex
};

}  // namespace gischat::edge::http
