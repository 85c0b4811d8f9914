#pragma once

#include <array>
#include <memory>
#include <mutex>

#include "edge/codec/api.h"
#include "edge/codec/frame.h"
#include "edge/hub/compressor.h"
#include "gischat/chat/v1/chat.pb.h"

namespace gischat::edge::hub {

// A message on its way to many sockets: rendered at most once per shape, and compressed at most
// once per shape, when the first socket needs it, and shared from then on. Thread-safe.
class Broadcast {
 public:
  explicit Broadcast(chat::v1::ChatMessage message);

  const chat::v1::ChatMessage& message() const { return message_; }

  // The frame for clients of that shape; null when they don't see this kind. `compressor`: given
  // for clients that inflate, the same at every call.
  const codec::SharedBytes& Frame(codec::Shape shape, const Compressor* compressor = nullptr) const;

 private:
  struct Rendered {
    std::once_flag once;
    codec::SharedBytes frame;
    std::once_flag compressed_once;
    codec::SharedBytes compressed;
  };

  const chat::v1::ChatMessage message_;
  mutable std::array<Rendered, codec::kShapes> rendered_;
};

using BroadcastPtr = std::shared_ptr<const Broadcast>;

}  // namespace gischat::edge::hub
