#include "edge/http/admission.h"

#include <prometheus/counter.h>
#include <prometheus/registry.h>

#include <algorithm>
#include <utility>

namespace gischat::edge::http {
namespace {

// Addresses without connections are forgotten once their tokens are full again, which takes a
// second.
constexpr std::chrono::seconds kForgetAfter(2);

}  // namespace

Admission::Admission(AdmissionLimits limits, prometheus::Registry& registry)
    : limits_(std::move(limits)),
      book_(std::make_shared<Book>()),
      refused_(prometheus::BuildCounter()
                   .Name("gischat_edge_connections_refused_total")
                   .Help("WebSocket handshakes refused, by reason")
                   .Register(registry)) {}

std::variant<Admission::Ticket, Response> Admission::Enter(const std::string& address,
                                                           std::string_view origin,
                                                           Clock::time_point now) {
  if (closed_) return Refuse(503, "draining", "The server is about to restart");
  if (!IsAllowed(origin)) return Refuse(403, "origin", "Pages of this origin are not allowed here");
  {
    const std::lock_guard lock(book_->mutex);
    ForgetIdle(now);
    Visitor& visitor = book_->visitors.try_emplace(address).first->second;
    Refill(visitor, now);
    if (limits_.connections != 0 && book_->connections >= limits_.connections) {
      return Refuse(503, "full", "The server is full");
    }
    if (limits_.connections_per_address != 0 &&
        visitor.connections >= limits_.connections_per_address) {
      return Refuse(429, "address", "Too many connections from this address");
    }
    if (limits_.connection_rate != 0 && visitor.tokens < 1) {
      return Refuse(429, "rate", "Too many new connections from this address at once");
    }
    visitor.tokens -= 1;
    ++visitor.connections;
    ++book_->connections;
  }
  return Ticket(nullptr, [book = book_, address](void*) {
    const std::lock_guard lock(book->mutex);
    --book->visitors[address].connections;
    --book->connections;
  });
}

bool Admission::IsAllowed(std::string_view origin) const {
  const auto& allowed = limits_.allowed_origins;
  return origin.empty() || allowed.empty() ||
         std::find(allowed.begin(), allowed.end(), origin) != allowed.end();
}

void Admission::Refill(Visitor& visitor, Clock::time_point now) const {
  const double rate = limits_.connection_rate;
  if (visitor.refilled == Clock::time_point()) {
    visitor.tokens = rate;
  } else {
    const std::chrono::duration<double> passed = now - visitor.refilled;
    visitor.tokens = std::min(rate, visitor.tokens + passed.count() * rate);
  }
  visitor.refilled = now;
}

void Admission::ForgetIdle(Clock::time_point now) {
  if (now - forgotten_ < kForgetAfter) return;
  forgotten_ = now;
  std::erase_if(book_->visitors, [&](const auto& entry) {
    return entry.second.connections == 0 && now - entry.second.refilled >= kForgetAfter;
  });
}

Response Admission::Refuse(int status, std::string_view reason, std::string_view words) {
  refused_.Add({{"reason", std::string(reason)}}).Increment();
  Response response = DetailResponse(status, words);
  if (status != 403) response.headers.emplace_back("Retry-After", "2");
  return response;
}

}  // namespace gischat::edge::http
