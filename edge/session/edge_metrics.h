#pragma once

#include <array>
#include <map>
#include <string>
#include <string_view>

#include "edge/codec/api.h"
#include "edge/hub/hub.h"
#include "gischat/chat/v1/chat.pb.h"

namespace prometheus {
class Counter;
class Gauge;
class Registry;
template <typename T>
class Family;
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
  // A client was told that something of it is refused. `reason`: a word of a closed set.
  void OnUncompliant(std::string_view reason);
  // A connection was ended by us. `why`: a word of a closed set ("slow", "stalled", "silent",
  // "shutdown").
  void OnCut(std::string_view why);

  void OnDelivered(chat::v1::ChatMessage::KindCase kind, uint64_t clients) override;
  void OnRestart(std::string_view channel) override;

 private:
  static constexpr size_t kKinds = 32;  // numbers of ChatMessage's oneof fit

  std::array<prometheus::Gauge*, 2> connections_;
  std::array<prometheus::Counter*, 2> accepted_;
  std::array<prometheus::Counter*, kKinds> received_;
  std::array<prometheus::Counter*, kKinds> delivered_;
  prometheus::Family<prometheus::Counter>& uncompliant_;
  prometheus::Family<prometheus::Counter>& cut_;
  prometheus::Counter& restarts_;
};

}  // namespace gischat::edge::session
