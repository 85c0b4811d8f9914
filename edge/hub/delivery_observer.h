#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "gischat/chat/v1/chat.pb.h"

namespace gischat::edge::hub {

// What the hubs hand out, for metrics.
class DeliveryObserver {
 public:
  virtual ~DeliveryObserver() = default;
  // A message of that kind was queued for so many clients.
  virtual void OnDelivered(chat::v1::ChatMessage::KindCase kind, uint64_t clients) = 0;
  // A channel started afresh while clients were in it: events that are not stored may be missing.
  virtual void OnRestart(std::string_view channel) = 0;
  // A message was compressed for all clients that inflate: its bytes before and after. From any
  // thread.
  virtual void OnCompressed(size_t before, size_t after) = 0;
};

}  // namespace gischat::edge::hub
