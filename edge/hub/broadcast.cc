#include "edge/hub/broadcast.h"

#include <optional>
#include <string>
#include <utility>

#include "edge/codec/message_encoder.h"

namespace gischat::edge::hub {

Broadcast::Broadcast(chat::v1::ChatMessage message) : message_(std::move(message)) {}

const codec::SharedBytes& Broadcast::Frame(codec::Shape shape) const {
  // Without a reply both shapes of the channels API are the same bytes.
  if (shape == codec::Shape::kReplies && message_.in_reply_to_id().empty()) {
    shape = codec::Shape::kChannels;
  }
  Rendered& rendered = rendered_[static_cast<size_t>(shape)];
  std::call_once(rendered.once, [&] {
    const std::optional<std::string> json = codec::EncodeMessage(message_, shape);
    if (json) rendered.frame = codec::MakeTextFrame(*json);
  });
  return rendered.frame;
}

}  // namespace gischat::edge::hub
