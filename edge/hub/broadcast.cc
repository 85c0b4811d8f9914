#include "edge/hub/broadcast.h"

#include <optional>
#include <string>
#include <utility>

#include "edge/codec/message_encoder.h"

namespace gischat::edge::hub {

Broadcast::Broadcast(chat::v1::ChatMessage message) : message_(std::move(message)) {}

const codec::SharedBytes& Broadcast::Frame(codec::Shape shape, const Compressor* compressor) const {
  // Without a reply both shapes of the channels API are the same bytes.
  if (shape == codec::Shape::kReplies && message_.in_reply_to_id().empty()) {
    shape = codec::Shape::kChannels;
  }
  Rendered& rendered = rendered_[static_cast<size_t>(shape)];
  std::call_once(rendered.once, [&] {
    const std::optional<std::string> json = codec::EncodeMessage(message_, shape);
    if (json) rendered.frame = codec::MakeTextFrame(*json);
  });
  if (compressor == nullptr || rendered.frame == nullptr) return rendered.frame;
  std::call_once(rendered.compressed_once,
                 [&] { rendered.compressed = compressor->Compress(rendered.frame); });
  return rendered.compressed;
}

}  // namespace gischat::edge::hub
