#include "edge/http/admission.h"

#include <algorithm>
#include <utility>

namespace gischat::edge::http {
namespace {

// Addresses without connections are forgotten once their buckets are full again, which takes a
// second.
constexpr std::chrono::seconds kForgetAfter(2);

bool IsAllowed(const AdmissionLimits& limits, std::string_view origin) {
  const auto& allowed = limits.allowed_origins;
  return origin.empty() || allowed.empty() ||
         std::find(allowed.begin(), allowed.end(), origin) != allowed.end();
}

}  // namespace

class Admission::Place {
 public:
  explicit Place(std::shared_ptr<Book> book) : book_(std::move(book)) {}
  Place(const Place&) = delete;
  Place& operator=(const Place&) = delete;
  ~Place() {
    --book_->sockets;
    if (visitor_ == nullptr) return;
    const std::lock_guard lock(book_->mutex);
    --visitor_->connections;
    visitor_->seen = Clock::now();  // whoever comes back at once finds the same buckets
    --book_->connections;
  }

  // It is a WebSocket now. The book's mutex is held.
  void TakeFor(Visitor& visitor) {
    visitor_ = &visitor;
    ++visitor.connections;
    ++book_->connections;
  }

 private:
  const std::shared_ptr<Book> book_;
  Visitor* visitor_ = nullptr;  // stays in the book while it has connections
};

Admission::Admission(AdmissionLimits limits, prometheus::Registry& registry)
    : limits_(std::make_shared<const AdmissionLimits>(std::move(limits))),
      book_(std::make_shared<Book>()),
      refused_(registry, "gischat_edge_connections_refused_total",
               "WebSocket handshakes and connections refused, by reason", "reason",
               {"draining", "origin", "full", "address", "rate", "sockets"}) {}

Admission::LimitsPtr Admission::Limits() const {
  const std::lock_guard lock(limits_mutex_);
  return limits_;
}

void Admission::Change(AdmissionLimits limits) {
  const net::Rate arriving(limits.connection_rate);
  const net::Rate speaking(limits.message_rate);
  {
    auto next = std::make_shared<const AdmissionLimits>(std::move(limits));
    const std::lock_guard limits_lock(limits_mutex_);
    limits_.swap(next);
  }
  const std::lock_guard lock(book_->mutex);
  for (auto& [address, visitor] : book_->visitors) {
    visitor.arrivals = net::Bucket(arriving);
    visitor.messages->Change(speaking);
  }
}

std::shared_ptr<Admission::Place> Admission::Arrive() {
  const uint32_t sockets = Limits()->sockets;
  auto one = std::make_shared<Place>(book_);
  if (++book_->sockets <= sockets || sockets == 0) return one;
  refused_.Count("sockets");
  return nullptr;
}

std::variant<Admission::Ticket, Response> Admission::Enter(std::shared_ptr<Place> place,
                                                           const std::string& address,
                                                           std::string_view origin,
                                                           Clock::time_point now) {
  if (closed_) return Refuse(503, "draining", "The server is about to restart");
  if (!IsAllowed(*Limits(), origin)) {
    return Refuse(403, "origin", "Pages of this origin are not allowed here");
  }
  Ticket ticket;
  {
    const std::lock_guard lock(book_->mutex);
    const LimitsPtr limits = Limits();  // after the lock: Change() finds whoever is new here
    Visitor& visitor = Find(*limits, address, now);
    if (limits->connections != 0 && book_->connections >= limits->connections) {
      return Refuse(503, "full", "The server is full");
    }
    if (limits->connections_per_address != 0 &&
        visitor.connections >= limits->connections_per_address) {
      return Refuse(429, "address", "Too many connections from this address");
    }
    if (!visitor.arrivals.Take(now)) {
      return Refuse(429, "rate", "Too many new connections from this address at once");
    }
    place->TakeFor(visitor);
    ticket.messages = visitor.messages;
  }
  ticket.place = std::move(place);
  return ticket;
}

std::optional<Response> Admission::RefuseMessage(const std::string& address,
                                                 Clock::time_point now) {
  const std::lock_guard lock(book_->mutex);
  const LimitsPtr limits = Limits();
  if (Find(*limits, address, now).messages->Take(now)) return std::nullopt;
  Response response =
      DetailResponse(429, "Not delivered: at most " + std::to_string(limits->message_rate) +
                              " messages per second may come from one address");
  response.headers.emplace_back("Retry-After", "1");
  return response;
}

Admission::Visitor& Admission::Find(const AdmissionLimits& limits, const std::string& address,
                                    Clock::time_point now) {
  ForgetIdle(now);
  Visitor& visitor =
      book_->visitors
          .try_emplace(address, net::Rate(limits.connection_rate), net::Rate(limits.message_rate))
          .first->second;
  visitor.seen = now;
  return visitor;
}

void Admission::ForgetIdle(Clock::time_point now) {
  if (now - forgotten_ < kForgetAfter) return;
  forgotten_ = now;
  std::erase_if(book_->visitors, [&](const auto& entry) {
    return entry.second.connections == 0 && now - entry.second.seen >= kForgetAfter;
  });
}

Response Admission::Refuse(int status, std::string_view reason, std::string_view words) {
  refused_.Count(reason);
  Response response = DetailResponse(status, words);
  if (status != 403) response.headers.emplace_back("Retry-After", "2");
  return response;
}

}  // namespace gischat::edge::http
