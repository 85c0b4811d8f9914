#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <variant>
#include <vector>

#include "edge/http/exchange.h"

namespace prometheus {
class Counter;
class Registry;
template <typename T>
class Family;
}  // namespace prometheus

namespace gischat::edge::http {

// Who may connect. 0 turns a bound off. Generous by default: a whole conference sits behind one
// address.
struct AdmissionLimits {
  uint32_t connections = 0;                   // WebSockets in this process
  uint32_t connections_per_address = 15'000;  // WebSockets from one IP address
  uint32_t connection_rate = 2'000;           // new WebSockets per second from one IP address; as
                                              // many may come at once
  std::vector<std::string> allowed_origins;   // empty: any
};

// Lets WebSocket clients in, or says why not. Thread-safe.
class Admission {
 public:
  using Clock = std::chrono::steady_clock;

  // Kept as long as the connection lives: its end makes room for another.
  using Ticket = std::shared_ptr<void>;

  Admission(AdmissionLimits limits, prometheus::Registry& registry);

  // A ticket, or the answer that refuses. `address` is the client's, `origin` its Origin header
  // (empty: none, as QGIS and QField have it).
  std::variant<Ticket, Response> Enter(const std::string& address, std::string_view origin,
                                       Clock::time_point now = Clock::now());

  // Nobody is let in any more: the server goes away.
  void Close() { closed_ = true; }

 private:
  struct Visitor {
    uint32_t connections = 0;
    double tokens = 0;  // new connections that it may open at once
    Clock::time_point refilled;
  };
  // Shared with the tickets, which may outlive the admission.
  struct Book {
    std::mutex mutex;
    std::unordered_map<std::string, Visitor> visitors;  // by address
    uint32_t connections = 0;
  };

  bool IsAllowed(std::string_view origin) const;
  void Refill(Visitor& visitor, Clock::time_point now) const;
  void ForgetIdle(Clock::time_point now);
  Response Refuse(int status, std::string_view reason, std::string_view words);

  const AdmissionLimits limits_;
  const std::shared_ptr<Book> book_;
  prometheus::Family<prometheus::Counter>& refused_;
  std::atomic<bool> closed_ = false;
  Clock::time_point forgotten_;  // guarded by the book's mutex
};

}  // namespace gischat::edge::http
