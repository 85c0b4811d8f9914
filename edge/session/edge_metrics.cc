#include "edge/session/edge_metrics.h"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/registry.h>

#include <string>
#include <vector>

#include "edge/codec/message_encoder.h"
#include "edge/codec/violations.h"

namespace gischat::edge::session {
namespace {

using chat::v1::ChatMessage;
using Counters = prometheus::Family<prometheus::Counter>;

constexpr std::array<const char*, 2> kApis = {"channels", "rooms"};

Counters& CounterFamily(prometheus::Registry& registry, const char* name, const char* help) {
  return prometheus::BuildCounter().Name(name).Help(help).Register(registry);
}

prometheus::Gauge& Gauge(prometheus::Registry& registry, const char* name, const char* help) {
  return prometheus::BuildGauge().Name(name).Help(help).Register(registry).Add({});
}

// Why something of a client is refused: what the session finds, and every fault of a message.
std::vector<std::string> RefusalReasons() {
  std::vector<std::string> reasons = {
      "not_json",        "not_an_object",   "binary",          "rate",
      "address_rate",    "moderation_busy", "moderation_away", "not_delivered",
      "outcome_unknown", "nickname_taken",  "nickname_lost"};
  for (int code = 0; code < codec::Violation::Code_ARRAYSIZE; ++code) {
    reasons.emplace_back(codec::CodeLabel(static_cast<codec::Violation::Code>(code)));
  }
  return reasons;
}

}  // namespace

EdgeMetrics::EdgeMetrics(prometheus::Registry& registry)
    : received_{},
      delivered_{},
      uncompliant_(registry, "gischat_edge_uncompliant_total",
                   "Answers to clients that something was refused, by reason", "reason",
                   RefusalReasons()),
      cut_(registry, "gischat_edge_connections_cut_total",
           "Connections ended by the edge, by cause", "cause",
           {"slow", "stalled", "silent", "shutdown", "removed"}),
      restarts_(CounterFamily(registry, "gischat_edge_channel_restarts_total",
                              "Times that a channel started afresh while clients were in it: "
                              "messages that are not stored may be missing")
                    .Add({})),
      compression_input_(CounterFamily(registry, "gischat_edge_compression_input_bytes_total",
                                       "Bytes of messages that were compressed, each message once")
                             .Add({})),
      compression_output_(CounterFamily(registry, "gischat_edge_compression_output_bytes_total",
                                        "What they were compressed to")
                              .Add({})),
      waiting_clients_(Gauge(registry, "gischat_edge_waiting_clients",
                             "Clients whose socket takes nothing at the moment, though something "
                             "waits for them")),
      waiting_bytes_(Gauge(registry, "gischat_edge_waiting_bytes",
                           "What waits for the clients whose socket takes nothing")) {
  auto& connections = prometheus::BuildGauge()
                          .Name("gischat_edge_connections")
                          .Help("WebSocket connections open now, by API")
                          .Register(registry);
  auto& accepted = CounterFamily(registry, "gischat_edge_connections_accepted_total",
                                 "WebSocket connections accepted, by API");
  for (size_t api = 0; api < kApis.size(); ++api) {
    connections_[api] = &connections.Add({{"api", kApis[api]}});
    accepted_[api] = &accepted.Add({{"api", kApis[api]}});
  }
  auto& received = CounterFamily(registry, "gischat_edge_messages_received_total",
                                 "Messages of clients, by kind, acceptable or not");
  auto& delivered = CounterFamily(registry, "gischat_edge_messages_delivered_total",
                                  "Messages queued for clients, each client counted, by kind");
  for (int kind = ChatMessage::kText; kind <= ChatMessage::kUncompliant; ++kind) {
    const std::string name(codec::KindName(static_cast<ChatMessage::KindCase>(kind)));
    received_[static_cast<size_t>(kind)] = &received.Add({{"kind", name}});
    delivered_[static_cast<size_t>(kind)] = &delivered.Add({{"kind", name}});
  }
}

void EdgeMetrics::OnConnected(codec::Api api) {
  connections_[static_cast<size_t>(api)]->Increment();
  accepted_[static_cast<size_t>(api)]->Increment();
}

void EdgeMetrics::OnDisconnected(codec::Api api) {
  connections_[static_cast<size_t>(api)]->Decrement();
}

void EdgeMetrics::OnReceived(ChatMessage::KindCase kind) {
  if (prometheus::Counter* counter = received_[kind]) counter->Increment();
}

void EdgeMetrics::OnUncompliant(std::string_view reason) { uncompliant_.Count(reason); }

void EdgeMetrics::OnCut(std::string_view why) { cut_.Count(why); }

void EdgeMetrics::OnWaiting(int clients, int64_t bytes) {
  waiting_clients_.Increment(clients);
  waiting_bytes_.Increment(static_cast<double>(bytes));
}

void EdgeMetrics::OnDelivered(ChatMessage::KindCase kind, uint64_t clients) {
  if (prometheus::Counter* counter = delivered_[kind]) {
    counter->Increment(static_cast<double>(clients));
  }
}

void EdgeMetrics::OnRestart(std::string_view) { restarts_.Increment(); }

void EdgeMetrics::OnCompressed(size_t before, size_t after) {
  compression_input_.Increment(static_cast<double>(before));
  compression_output_.Increment(static_cast<double>(after));
}

}  // namespace gischat::edge::session
