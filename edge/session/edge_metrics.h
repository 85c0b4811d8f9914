#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "common/metrics/fixed_counters.h"
#include "edge/codec/api.h"
#include "edge/hub/hub.h"
#include "gischat/chat/v1/chat.pb.h"

namespace prometheus {
class Counter;
class Gauge;
class Registry;
}  // namespace prometheus

namespace gischat::edge::session {

// What the edge counts about its clients. Thread-safe.
class EdgeMetrics final : public hub::DeliveryObserver {
 public:
  explicit EdgeMetrics(prometheus::Registry& registry);

  void OnConnected(codec::Api api);
  void OnDisconnected(codec::Api api);
  // A message of a client was understood.
  void OnReceived(chat::v1::ChatMessage::KindCase kind);
  // A client was told that something of it is refused. `reason`: a word of a closed set, which
  // stands in edge_metrics.cc.
  void OnUncompliant(std::string_view reason);
  // A connection was ended by us. `why`: "slow", "stalled", "silent", "shutdown" or
  // "removed" (its channel).
  void OnCut(std::string_view why);
  // For so many clients more than before (or fewer), and so many bytes, something waits that their
  // sockets do not take.
  void OnWaiting(int clients, int64_t bytes);

  void OnDelivered(chat::v1::ChatMessage::KindCase kind, uint64_t clients) override;
  void OnRestart(std::string_view channel) override;
  void OnCompressed(size_t before, size_t after) override;

 private:
  static constexpr size_t kKinds = 32;  // numbers of ChatMessage's oneof fit

  std::array<prometheus::Gauge*, 2> connections_;
  std::array<prometheus::Counter*, 2> accepted_;
  std::array<prometheus::Counter*, kKinds> received_;
  std::array<prometheus::Counter*, kKinds> delivered_;
  metrics::FixedCounters uncompliant_;
  metrics::FixedCounters cut_;
  prometheus::Counter& restarts_;
  prometheus::Counter& compression_input_;
  prometheus::Counter& compression_output_;
  prometheus::Gauge& waiting_clients_;
  prometheus::Gauge& waiting_bytes_;
};

}  // namespace gischat::edge::session
